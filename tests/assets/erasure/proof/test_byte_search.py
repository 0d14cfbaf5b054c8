"""An identifier is found wherever its bytes are: in any format, compressed or not, at any place."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.erasure.proof import byte_search
from assets.erasure.proof.byte_search import RequestedIdentifiers, forms
from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot
from tests.support.examples import examples

CODE = "140285-912A"
EMAIL = "aino.lahtija@example.fi"


def request(*identifiers: str, request_id: str = "Q1") -> Request:
    return Request(
        request_id,
        "erasure",
        "written",
        "2026-11-23T10:00:00+02:00",
        "erasing",
        resolved=identifiers,
    )


@pytest.fixture
def requested() -> RequestedIdentifiers:
    return RequestedIdentifiers([request(f"identity_code:{CODE}", f"email:{EMAIL}")])


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    return data_root


@settings(deadline=None, max_examples=examples(30), derandomize=True)
@given(before=st.binary(max_size=40), after=st.binary(max_size=40))
def test_it_is_found_at_any_place_among_any_bytes(before: bytes, after: bytes) -> None:
    requested = RequestedIdentifiers([request(f"identity_code:{CODE}")])
    assert requested.find(before + CODE.encode() + after)["Q1"] >= 1
    assert requested.find(before + after)["Q1"] == (before + after).lower().count(
        CODE.lower().encode()
    )


@pytest.mark.parametrize(
    "written", [CODE, CODE.lower(), f"x{CODE}y", EMAIL.upper(), EMAIL.replace("@", "%40")]
)
def test_it_is_found_in_small_and_large_letters_and_in_urls(
    requested: RequestedIdentifiers, written: str
) -> None:
    assert requested.find(f"...{written}...".encode())["Q1"] == 1


def test_a_phone_is_searched_as_dialled_at_home_and_abroad_and_as_hashed_for_advertising() -> None:
    hashed = hashlib.sha256(b"+358409990111").hexdigest()
    assert {form.decode() for form in forms("phone:+358409990111")} == {
        "+358409990111",
        "358409990111",
        "0409990111",
        "+3580409990111",
        "%2b358409990111",
        hashed,
    }


def test_matches_are_counted_by_request() -> None:
    both = RequestedIdentifiers(
        [request(f"identity_code:{CODE}"), request(f"email:{EMAIL}", request_id="Q2")]
    )
    assert dict(both.find(f"{EMAIL} {EMAIL}".encode())) == {"Q2": 2}


def test_short_and_shared_values_are_left_out_and_counted() -> None:
    requested = RequestedIdentifiers(
        [request("customer_number:C12", f"email:{EMAIL}", f"identity_code:{CODE}")],
        leaving_out=[f"email:{EMAIL}"],
    )
    assert (requested.searched["Q1"], requested.left_out["Q1"]) == (1, 2)
    assert not requested.find(EMAIL.encode())


def test_it_is_found_across_the_pieces_that_a_file_is_read_in(
    requested: RequestedIdentifiers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_search, "CHUNK", 64)
    for offset in range(40, 90):
        path = tmp_path / "log"
        path.write_bytes(b"." * offset + CODE.encode() + b"." * 100)
        assert byte_search.in_bytes(requested, path)["Q1"] >= 1


def test_it_is_found_in_a_duckdb_file_that_hides_it_by_compression(
    requested: RequestedIdentifiers, data_root: DataRoot
) -> None:
    path = data_root.marts / "contracts.duckdb"
    name = (
        f"'Street of the ' || CASE WHEN i = 77 THEN '{CODE}' ELSE 'person ' || i END || ' in "
        "Helsinki, Finland'"
    )
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"CREATE TABLE people AS SELECT {name} AS name FROM range(60_000) AS t(i)"
        )
    assert CODE.encode() not in path.read_bytes()
    assert [
        finding.code for finding in byte_search.in_file(data_root, requested, path, "marts")
    ] == ["PROOF-BYTES"]
    assert not [path for path in data_root.spill.rglob("*") if path.is_file()]


@pytest.mark.parametrize("how", ["deleted", "packed"])
def test_it_is_found_in_free_pages_and_packed_values_of_sqlite(
    requested: RequestedIdentifiers, data_root: DataRoot, how: str
) -> None:
    path = data_root.dagster / "runs.db"
    value = f"run of {CODE}".encode()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE snapshots (body BLOB)")
    connection.execute(
        "INSERT INTO snapshots VALUES (?)",
        [zlib.compress(value * 50) if how == "packed" else value],
    )
    connection.commit()
    if how == "deleted":
        connection.execute("DELETE FROM snapshots")
        connection.commit()
    connection.close()
    assert [
        finding.code for finding in byte_search.in_file(data_root, requested, path, "dagster")
    ] == ["PROOF-BYTES"]


@pytest.mark.parametrize("name", ["broken.duckdb", "broken.db"])
def test_a_file_that_cannot_be_read_to_its_end_is_not_clean(
    requested: RequestedIdentifiers, data_root: DataRoot, name: str
) -> None:
    path = data_root.lake / name
    starts = {
        ".duckdb": b"\0" * 8 + b"DUCK" + b"\0" * 9000,
        ".db": b"SQLite format 3\0" + b"\1" * 200,
    }
    path.write_bytes(starts[path.suffix])
    assert [finding.code for finding in byte_search.in_file(data_root, requested, path, "raw")] == [
        "PROOF-UNREADABLE"
    ]
