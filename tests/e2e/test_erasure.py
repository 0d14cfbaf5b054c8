"""A registrant who asks to be erased is removed from every file and mart, and does not come back;
a namesake is not touched.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from tests.support.commands import Ended, console_script, refresh, register
from tests.support.data_roots import (
    contents,
    copied,
    files_containing,
    ledger_entries,
    parquet_rows,
    registrant_of,
    rows_of,
)
from tests.support.erasing import cleared
from tests.support.namesakes import (
    AGAIN,
    LEAVES,
    SHARED,
    STAYS,
    deliver,
)


@dataclass(frozen=True)
class Erased:
    """Data roots before and after the erasure and after the same files came again, and the output
    of the commands.
    """

    before: Path
    after: Path
    again: Path
    requested: Ended
    request_id: str
    waits: Ended
    preview: Ended
    erased: Ended
    came_again: Ended


@pytest.fixture(scope="module")
def before(namesakes_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(namesakes_root, tmp_path_factory.mktemp("before") / "data")


@pytest.fixture(scope="module")
def erased(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    after = copied(before, tmp_path_factory.mktemp("erased") / "data")
    requested = console_script(
        after, "request", "erasure", "--channel", "written", "--identity-code", LEAVES.identity_code
    )
    request_id = requested.out.strip()
    waits = register(after, "erase", "--as-of", AGAIN)
    verified = register(after, "request", "verify", request_id, "--means", "identity_document")
    preview = register(after, "request", "preview", request_id)
    decided = register(after, "request", "decide", request_id, "--active-contracts", "erase")
    assert [verified.code, preview.code, decided.code] == [0, 0, 0]
    done = console_script(after, "erase", "--as-of", AGAIN)
    again = copied(after, tmp_path_factory.mktemp("again") / "data")
    deliver(again, AGAIN, AGAIN)
    return Erased(before, after, again, requested, request_id, waits, preview, done, refresh(again))


def test_before_the_erasure_the_person_is_found_in_every_layer(before: Path) -> None:
    layers = {
        "/".join(Path(path).parts[:2]) for path in files_containing(before, LEAVES.identifiers)
    }
    assert {
        "lake/raw",
        "lake/staged",
        "lake/register",
        "marts/contracts.duckdb",
        "marts/credit_decision.duckdb",
    } <= layers
    assert registrant_of(before, LEAVES.identity_code) != registrant_of(before, STAYS.identity_code)
    known = {
        row[2]
        for row in parquet_rows(before / "lake/register/identifiers.parquet")
        if registrant_of(before, LEAVES.identity_code) in row
    }
    assert {
        LEAVES.identity_code,
        LEAVES.contact_id,
        LEAVES.customer_number,
        LEAVES.visitor_id,
    } <= known


def test_it_waits_until_the_identity_is_verified_and_active_contracts_are_decided(
    erased: Erased,
) -> None:
    assert (erased.waits.code, len(erased.waits.err.splitlines())) == (1, 1)
    assert "nobody has verified who asks" in erased.waits.err
    assert "1 contracts of the registrant are active" in erased.preview.out
    assert f"decide {erased.request_id} --active-contracts erase" in erased.preview.out
    path = erased.after / "requests" / "certificates" / f"{erased.request_id}.json"
    certificate = json.loads(path.read_bytes())["certificate"]
    assert certificate["identity"]["means"] == "identity_document"
    assert "REQ-ACTIVE-CONTRACTS" in [entry["code"] for entry in certificate["warnings"]]


@pytest.mark.clause("P10.1")
def test_a_request_is_answered_with_an_opaque_id(erased: Erased) -> None:
    assert (erased.requested.code, erased.requested.err) == (0, "")
    assert re.fullmatch(r"Q[0-9A-Z]+", erased.request_id)


def test_the_command_reports_what_it_did_without_identifiers(erased: Erased) -> None:
    assert (erased.erased.code, erased.erased.err) == (0, "")
    assert erased.request_id in erased.erased.out
    assert "closed" in erased.erased.out
    assert not [
        value for value in LEAVES.identifiers if value in erased.erased.out + erased.requested.out
    ]


@pytest.mark.clause("P9.1")
def test_nothing_of_the_person_is_left_in_any_file(erased: Erased) -> None:
    assert files_containing(erased.after, [*LEAVES.identifiers, LEAVES.contract_number]) == []


def test_the_accounts_keep_the_order_without_its_person(erased: Erased) -> None:
    """1336/1997, 2:10 (GDPR 17(3)(b)); after the same files came again, too."""
    for root in (erased.after, erased.again):
        assert {Path(path).name for path in files_containing(root, [LEAVES.order_number])} == {
            "orders.parquet",
            "segregated_orders.parquet",
        }


def test_nothing_is_left_under_their_registrant_id(erased: Erased) -> None:
    assert rows_of(erased.after, registrant_of(erased.before, LEAVES.identity_code)) == {}


def test_a_namesake_at_the_same_address_is_untouched(erased: Erased) -> None:
    namesake = registrant_of(erased.before, STAYS.identity_code)
    before = rows_of(erased.before, namesake)
    assert {
        "register/registrants",
        "register/contracts",
        "register/visits",
        "contracts/registrants",
        "direct_marketing/by_email",
    } <= set(before)
    assert rows_of(erased.after, namesake) == before


def test_everyone_else_is_untouched(erased: Erased) -> None:
    leaves = registrant_of(erased.before, LEAVES.identity_code)
    was, now = contents(erased.before), contents(erased.after)
    for table in (
        "register/registrants",
        "register/names",
        "register/addresses",
        "register/contact_points",
        "customer_care/registrants",
    ):
        assert now[table] == [row for row in was[table] if leaves not in row], table


def test_what_was_removed_is_counted_as_suppressed_and_every_record_stays_accounted_for(
    erased: Erased,
) -> None:
    entries = ledger_entries(erased.after)
    assert all(entry.conserved and not entry.removing for entry in entries)
    per_dataset = {entry.dataset: entry.suppressed for entry in entries}
    assert per_dataset == {
        "perustiedot": 1,
        "muutokset": 1,
        "contacts": 1,
        "contracts": 1,
        "orders": 0,
        "visits": 2,
        "consent_log": 1,
        "credit_reports": 1,
    }


def test_the_closed_request_contains_no_identifiers(erased: Erased) -> None:
    kept = json.loads((erased.after / "requests" / f"{erased.request_id}.json").read_text())
    assert (kept["state"], kept["given"], kept["resolved"]) == ("closed", [], [])
    assert sum(kept["removed"].values()) > 0


def test_a_closed_request_is_not_carried_out_again(erased: Erased, tmp_path: Path) -> None:
    root = copied(erased.after, tmp_path / "data")
    ended = register(root, "erase", erased.request_id)
    assert (ended.code, ended.err) == (0, "")
    assert contents(root) == contents(erased.after)


@pytest.mark.clause("P9.1")
def test_the_same_files_do_not_bring_them_back(erased: Erased) -> None:
    assert (erased.came_again.code, erased.came_again.err) == (0, "")
    assert files_containing(erased.again, [*LEAVES.identifiers, LEAVES.contract_number]) == []


def test_redelivered_records_count_as_suppressed(erased: Erased) -> None:
    entries = [entry for entry in ledger_entries(erased.again) if entry.day == AGAIN]
    assert {entry.dataset: entry.suppressed for entry in entries} == {
        "perustiedot": 1,
        "muutokset": 1,
        "contacts": 1,
        "contracts": 1,
        "orders": 1,
        "visits": 2,
        "consent_log": 1,
        "credit_reports": 1,
    }
    assert all(entry.conserved for entry in ledger_entries(erased.again))


def test_the_namesake_is_the_same_registrant_after_the_files_came_again(erased: Erased) -> None:
    assert registrant_of(erased.again, STAYS.identity_code) == registrant_of(
        erased.before, STAYS.identity_code
    )


def test_an_unknown_request_is_refused(before: Path, tmp_path: Path) -> None:
    root = copied(before, tmp_path / "data")
    ended = register(root, "erase", "Q0000000000000000")
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "given", [("--identity-code", "140285-912A"), ("--email", "not an address"), ()]
)
def test_a_request_that_identifies_nobody_is_refused_without_an_echo(
    before: Path, given: tuple[str, ...]
) -> None:
    ended = register(before, "request", "erasure", "--channel", "written", *given)
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1
    assert not any(value in ended.err for value in given[1:])


def test_a_mailbox_of_two_registrants_means_neither(before: Path, tmp_path: Path) -> None:
    root = copied(before, tmp_path / "data")
    request_id = register(
        root, "request", "erasure", "--channel", "written", "--email", SHARED
    ).out.strip()
    cleared(DataRoot(root), [request_id])
    ended = register(root, "erase", request_id, "--as-of", AGAIN)
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert SHARED not in ended.err
    assert contents(root) == contents(before)
    assert all(entry.suppressed == 0 for entry in ledger_entries(root))
