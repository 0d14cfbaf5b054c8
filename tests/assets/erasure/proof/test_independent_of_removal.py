"""What a removal misses is found by the proof, in any spelling and any place, and nothing is
certified.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.erasure import erasing
from assets.erasure.proof import certificates
from assets.erasure.proof.identifiers_of_others import ANOTHERS, SHARED
from assets.erasure.proof.verification import EMBEDDED, TOO_SHORT, verify
from assets.requests import ledger
from assets.storage import recorded_files
from assets.storage.canonical_json import parse_canonical
from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, find_cleared
from tests.support.namesakes import FIRST_DAY, LEAVES, SECOND_DAY, STAYS, contact, deliver
from tests.support.namesakes import SHARED as MAILBOX
from tests.support.registers import build, refresh


def removed(data_root: DataRoot, *given: str) -> str:
    """Take an erasure as far as to its proof."""
    named = [f"identity_code:{LEAVES.identity_code}"]
    request_id = ledger.receive(data_root, "erasure", "written", named, NOW)
    find_cleared(data_root, [request_id])
    request = ledger.load(data_root, request_id)
    ledger.save(data_root, replace(request, given=(*request.given, *given)))
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    return request_id


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("known") / "data")
    deliver(data_root.root, FIRST_DAY, SECOND_DAY)
    rows = csv([contact("880001110001", "Someone", "Else", "", "1970-01-01")])
    near = b'"x","Aino Kaima, s. 14.2.1985"' + b',"x"' * 30 + b"\n"
    put(data_root, "crm", SECOND_DAY, "contacts", rows + near, 2)
    refresh(data_root, TODAY, ["customer_care"])
    return data_root.root


@pytest.fixture(scope="module")
def unproven(known: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """An erasure with its data removed and its confirmation sent."""
    data_root = DataRoot(copied(known, tmp_path_factory.mktemp("removed") / "data"))
    request_id = removed(data_root)
    shutil.rmtree(data_root.outbox / "messages")
    return data_root.root, request_id


@pytest.fixture
def data_root(unproven: tuple[Path, str], tmp_path: Path) -> DataRoot:
    return DataRoot(copied(unproven[0], tmp_path / "data"))


def in_raw(data_root: DataRoot, text: str) -> None:
    _in_column(data_root.files("raw", "consents")[0], "payload", text)


def in_staged(data_root: DataRoot, text: str) -> None:
    _in_column(data_root.files("staged", "website", name="*/visits")[0], "referrer_url", text)


def in_register(data_root: DataRoot, text: str) -> None:
    _in_column(data_root.register("choice_log"), "evidence", text)


def _in_column(path: Path, column: str, text: str) -> None:
    table = pq.read_table(path)
    assert table.num_rows
    at = table.column_names.index(column)
    values = pa.array([text] + [None] * (table.num_rows - 1), table.schema.types[at])
    pq.write_table(table.set_column(at, table.schema.field(column), values), path)
    recorded_files.record(path.parent, [path.name])


def in_outbox(data_root: DataRoot, text: str) -> None:
    (data_root.outbox / "left.json").write_text(f'{{"text": "{text}"}}')


def in_dagster(data_root: DataRoot, text: str) -> None:
    (data_root.dagster / "compute.err").write_text(f"ValueError: {text}\n")


def in_mart(data_root: DataRoot, text: str) -> None:
    with duckdb.connect(str(data_root.marts / "customer_care.duckdb")) as connection:
        connection.execute("CREATE TABLE left_behind AS SELECT $1 AS text", [text])


PLACES: dict[str, Callable[[DataRoot, str], None]] = {
    "raw": in_raw,
    "staged": in_staged,
    "register": in_register,
    "outbox": in_outbox,
    "dagster": in_dagster,
    "marts.customer_care": in_mart,
}
SPELLINGS = {
    "address in capitals": LEAVES.email.upper(),
    "address in a URL, twice": LEAVES.email.replace("@", "%2540"),
    "address in HTML": LEAVES.email.replace("@", "&#64;").replace(".", "&#46;"),
    "telephone with blanks": "040 999 0111",
    "code with another check character": LEAVES.identity_code[:-1] + "Y",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_that_was_left_in_raw_is_found(
    data_root: DataRoot, unproven: tuple[Path, str], spelling: str
) -> None:
    in_raw(data_root, f"note {SPELLINGS[spelling]}.")
    proof = verify(data_root, [unproven[1]], whole=False)
    assert {finding.code for finding in proof.failures(unproven[1])} <= {
        "PROOF-SPELLING",
        "PROOF-BYTES",
    }
    assert {finding.where for finding in proof.failures(unproven[1])} == {"raw"}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_wherever_it_was_left_and_nothing_is_certified(
    data_root: DataRoot, unproven: tuple[Path, str], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the removal does not see that anything is left."""
    monkeypatch.setattr(erasing, "remaining", lambda data_root, request_ids: 0)
    PLACES[place](data_root, SPELLINGS["address in capitals"])
    closing = erasing.close(data_root, [unproven[1]], NOW)
    assert closing.unproven == [unproven[1]]
    assert place in {finding.where for finding in closing.findings}
    assert certificates.issued(data_root) == set()
    assert ledger.load(data_root, unproven[1]).state == "erasing"


def test_a_longer_address_or_number_of_somebody_else_is_no_finding(
    data_root: DataRoot, unproven: tuple[Path, str]
) -> None:
    others = f"m{LEAVES.email} {LEAVES.phone}2 {LEAVES.customer_number}7 X{LEAVES.visitor_id}"
    in_raw(data_root, others)
    in_mart(data_root, others)
    proof = verify(data_root, [unproven[1]], whole=False)
    assert {finding.code for finding in proof.failures(unproven[1])} <= {"PROOF-OLDER-HEADER"}


def test_what_remains_is_on_the_certificate_with_its_reason(known: Path, tmp_path: Path) -> None:
    """A request that also names what is somebody else's is proven: that stays, and is counted."""
    data_root = DataRoot(copied(known, tmp_path / "data"))
    request_id = removed(
        data_root, f"customer_number:{STAYS.customer_number}", f"email:{MAILBOX}", "contact_id:4711"
    )
    closing = erasing.close(data_root, [request_id], NOW)
    assert (closing.findings, closing.unproven) == ([], [])
    issued = parse_canonical(certificates.path_of(data_root, request_id).read_bytes())
    remains = {entry["reason"]: entry["count"] for entry in issued["certificate"]["remains"]}
    assert {remains[reason] for reason in (ANOTHERS, SHARED, TOO_SHORT)} == {1}
    assert remains["not decided: whether they are the registrant's is open"] == 1
    assert any(reason.startswith("held: ") for reason in remains)
    page = certificates.path_of(data_root, request_id, "md").read_text()
    assert ANOTHERS in page
    assert STAYS.customer_number not in page


def test_what_stands_within_a_longer_word_is_counted_as_not_searched_in_bytes(
    data_root: DataRoot, unproven: tuple[Path, str]
) -> None:
    in_raw(data_root, f"order {LEAVES.customer_number}-2")
    proof = verify(data_root, [unproven[1]], whole=False)
    assert proof.left_out[unproven[1], EMBEDDED] == 1
