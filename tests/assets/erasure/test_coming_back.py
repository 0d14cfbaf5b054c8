"""An erased person may come back by what they newly give: that is ingested, and nothing else of
theirs.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assets.backup import generations, restoring
from assets.erasure.proof import identifiers
from assets.erasure.proof.verification import verify
from assets.rights.withdrawal import Word, deliver_words
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from tests.support.data_roots import copied, files_containing
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, erased
from tests.support.namesakes import FIRST_DAY, LEAVES, deliver, visit
from tests.support.registers import build, refresh, rows, take_in

LATER = date(2026, 12, 10)


def contract(number: str, starts_on: str) -> dict[str, str]:
    return {
        "contract_number": number, "contact_id": LEAVES.contact_id,
        "customer_number": LEAVES.customer_number, "identity_code": LEAVES.identity_code,
        "product": "fibre",
        "status": "active", "starts_on": starts_on, "ends_on": "", "monthly_fee": "20.00",
        "currency": "EUR", "updated_at": f"{LATER}T08:00:00Z",
    }  # fmt: skip


def sign(data_root: DataRoot, *contracts: dict[str, str], day: str = str(LATER)) -> list[int]:
    """Deliver contracts; answers how many records of each delivery were suppressed."""
    put(data_root, "crm", day, "contracts", csv(list(contracts)), len(contracts))
    return [entry.suppressed for done in take_in(data_root, LATER) for entry in done.entries]


@pytest.fixture(scope="module")
def erased_root(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copied(known_root, tmp_path_factory.mktemp("erased") / "data")
    erased(DataRoot(root))
    assert files_containing(root, LEAVES.identifiers) == []
    return root


@pytest.fixture
def erased_data_root(erased_root: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(erased_root, tmp_path / "data"))


def registrants(data_root: DataRoot) -> list[dict[str, Any]]:
    return rows(
        data_root, f"SELECT * FROM registrants WHERE identity_code = '{LEAVES.identity_code}'"
    )


def test_a_contract_signed_after_the_erasure_is_taken_in_and_only_that(
    erased_data_root: DataRoot,
) -> None:
    assert sign(erased_data_root, contract("K-990001", "2026-12-09")) == [0]
    build(erased_data_root, LATER)
    back = registrants(erased_data_root)
    assert len(back) == 1
    assert (back[0]["given_names"], back[0]["birth_date"], back[0]["email"]) == (None, None, None)
    assert [
        contract["contract_number"]
        for contract in rows(erased_data_root, "FROM contracts")
        if contract["registrant_id"] == back[0]["registrant_id"]
    ] == ["K-990001"]
    assert (
        files_containing(
            erased_data_root.root,
            [LEAVES.email, LEAVES.phone, LEAVES.visitor_id, LEAVES.contract_number],
        )
        == []
    )


@pytest.mark.parametrize("starts_on", ["2026-11-20", "2026-01-01", "soon"])
def test_a_contract_that_does_not_start_after_the_day_of_the_erasure_stays_out(
    erased_data_root: DataRoot, starts_on: str
) -> None:
    assert sign(erased_data_root, contract("K-990001", starts_on)) == [1]


@pytest.mark.parametrize(
    ("updated_at", "kept_out"),
    [
        ("2026-11-19T08:00:00Z", [1]),
        ("2026-11-20T08:00:00Z", [1]),
        ("2026-11-21T08:00:00Z", [0]),
        ("", [0]),
        ("lately", [1]),
    ],
)
def test_a_contract_that_was_agreed_before_and_starts_after_the_erasure_stays_out(
    erased_data_root: DataRoot, updated_at: str, kept_out: list[int]
) -> None:
    agreed = {**contract("K-990001", "2026-12-09"), "updated_at": updated_at}
    assert sign(erased_data_root, agreed) == kept_out


@pytest.mark.parametrize("starts_on", ["2026-12-11", "2027-06-01"])
def test_a_start_that_is_still_to_come_does_not_show_when_a_contract_was_agreed(
    erased_data_root: DataRoot, starts_on: str
) -> None:
    assert sign(erased_data_root, {**contract("K-990001", starts_on), "updated_at": ""}) == [1]
    assert sign(erased_data_root, contract("K-990002", starts_on), day="2026-12-09") == [0]


def test_a_contract_known_before_the_erasure_stays_out_whatever_its_date(
    erased_data_root: DataRoot,
) -> None:
    assert sign(erased_data_root, contract(LEAVES.contract_number, "2026-12-09")) == [1]


def test_deliveries_of_other_sources_stay_out_when_the_person_has_come_back(
    erased_data_root: DataRoot,
) -> None:
    sign(erased_data_root, contract("K-990001", "2026-12-09"))
    deliver(erased_data_root.root, "2026-12-09", "2026-12-10")
    take_in(erased_data_root, LATER)
    build(erased_data_root, LATER)
    assert [registrant["given_names"] for registrant in registrants(erased_data_root)] == [None]
    with connect(erased_data_root) as connection:
        identifiers.prepare(erased_data_root, connection)
        assert identifiers.in_lake(erased_data_root, connection) == []


def test_the_proof_still_finds_what_was_erased(erased_data_root: DataRoot, tmp_path: Path) -> None:
    sign(erased_data_root, contract("K-990001", "2026-12-09"))
    build(erased_data_root, LATER)
    assert [finding.code for finding in verify(erased_data_root).failures()] == []
    day = erased_data_root.lake / "raw/crm" / FIRST_DAY
    new_file = next((erased_data_root.lake / "raw/crm" / str(LATER)).glob("*.parquet"))
    with connect(erased_data_root) as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (DATE '2026-01-01' AS given_on) FROM read_parquet('{new_file}"
            f"')) TO '{day / 'again.parquet'}'"
        )
        identifiers.prepare(erased_data_root, connection)
        assert [
            finding.where for finding in identifiers.in_lake(erased_data_root, connection, ["raw"])
        ] == ["raw.raw"]


def test_a_person_who_has_come_back_can_be_erased_again(erased_data_root: DataRoot) -> None:
    sign(erased_data_root, contract("K-990001", "2026-11-21"))
    build(erased_data_root, LATER)
    erased(erased_data_root)
    assert registrants(erased_data_root) == []
    assert files_containing(erased_data_root.root, [*LEAVES.identifiers, "K-990001"]) == []
    assert sign(
        erased_data_root,
        contract("K-990001", "2026-11-21"),
        contract("K-990002", "2026-11-20"),
        day="2026-12-08",
    ) == [2]


def test_a_backup_of_what_came_back_keeps_it(erased_data_root: DataRoot) -> None:
    sign(erased_data_root, contract("K-990001", "2026-12-09"))
    build(erased_data_root, LATER)
    generation = generations.make(erased_data_root, None, NOW).name
    restoring.restore(erased_data_root, None, generation, LATER)
    assert len(registrants(erased_data_root)) == 1


def test_a_visit_under_the_address_of_somebody_erased_stays_out_whatever_the_cookie(
    data_root: DataRoot,
) -> None:
    """Delivered late, and the first to name the account: until then the address was a contact,
    which others may have, too.
    """
    address = "vain.osoite@example.fi"
    deliver_words(
        data_root,
        [Word(f"email:{address}", "direct_marketing", "email", "granted")],
        NOW,
        "web-form",
    )
    refresh(data_root, TODAY)
    erased(data_root, f"email:{address}")
    visits = [visit(991, "99aa00bb11cc22dd", address, 0), visit(992, "99aa00bb11cc22de", None, 0)]
    put(data_root, "website", str(LATER), "visits", json.dumps(visits).encode(), len(visits))
    assert [entry.suppressed for done in take_in(data_root, LATER) for entry in done.entries] == [1]
    build(data_root, LATER)
    assert [
        row["value"] for row in rows(data_root, "FROM identifiers WHERE type = 'visitor_id'")
    ] == ["99aa00bb11cc22de"]
    assert verify(data_root).failures() == []
    assert files_containing(data_root.root, [address]) == []
