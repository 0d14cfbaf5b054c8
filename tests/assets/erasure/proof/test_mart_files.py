"""A mart that is built anew is clean; one in which something was changed, or that keeps more than its rows, is not."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from assets.erasure.proof.mart_files import check
from assets.storage.data_root import Home

ROWS = "SELECT i AS id, 'Person ' || i AS name FROM range(5_000) AS t(i)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "data")
    home.create()
    return home


def found(home: Home, *statements: str) -> set[str]:
    path = home.marts / "contracts.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS mart")
        connection.execute(f"CREATE TABLE mart.people AS {ROWS}")
        connection.execute("DETACH mart")
    if statements:
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
    return {one.code for one in check(home, path, "marts.contracts")}


def test_a_fresh_file_is_clean(home: Home) -> None:
    assert found(home) == set()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM people WHERE id = 7",
        "DELETE FROM people",
        "UPDATE people SET name = 'x' WHERE id = 7",
    ],
)
def test_a_file_that_was_changed_is_told_by_its_older_header(home: Home, change: str) -> None:
    assert "PROOF-OLDER-HEADER" in found(home, change)


def test_a_deleted_row_is_told_by_the_stored_rows(home: Home) -> None:
    assert "PROOF-STORED-ROWS" in found(home, "DELETE FROM people WHERE id = 7")


def test_a_dropped_table_is_told_by_unused_blocks(home: Home) -> None:
    made = "CREATE TABLE other AS SELECT sha256(i::VARCHAR) AS h FROM range(100_000) AS t(i)"
    assert "PROOF-FREE-BLOCKS" in found(home, made, "CHECKPOINT", "DROP TABLE other", "CHECKPOINT")


def test_a_list_column_is_no_row_too_many(home: Home) -> None:
    path = home.marts / "contracts.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS mart")
        connection.execute(
            "CREATE TABLE mart.people AS SELECT i AS id, ['a', 'b', 'c'] AS several FROM range(5_000) AS t(i)"
        )
        connection.execute("DETACH mart")
    assert check(home, path, "marts.contracts") == []


def test_an_enum_is_told(home: Home) -> None:
    path = home.marts / "contracts.duckdb"
    frame = pd.DataFrame({"name": pd.Categorical(["a", "b"])})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"ATTACH '{path}' AS mart")
        connection.execute("CREATE TABLE mart.people AS SELECT * FROM frame")
        connection.execute("DETACH mart")
    assert {one.code for one in check(home, path, "marts.contracts")} == {"PROOF-ENUM"}


def test_a_log_beside_it_is_told(home: Home) -> None:
    found(home)
    Path(f"{home.marts / 'contracts.duckdb'}.wal").write_bytes(b"")
    assert "PROOF-WAL" in {
        one.code for one in check(home, home.marts / "contracts.duckdb", "marts.contracts")
    }


def test_a_file_that_is_none_is_told(home: Home) -> None:
    path = home.marts / "contracts.duckdb"
    path.write_bytes(b"nothing of the kind")
    assert {one.code for one in check(home, path, "marts.contracts")} == {"PROOF-UNREADABLE"}
