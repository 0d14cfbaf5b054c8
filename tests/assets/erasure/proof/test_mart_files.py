"""A mart that is rebuilt is clean; one in which something was changed, or that keeps more than
its rows, is not.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from assets.erasure.proof.mart_files import check
from assets.storage.data_root import DataRoot

ROWS = "SELECT i AS id, 'Person ' || i AS name FROM range(5_000) AS t(i)"


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    return data_root


def codes(data_root: DataRoot, *statements: str) -> set[str]:
    path = data_root.marts / "contracts.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS mart")
        connection.execute(f"CREATE TABLE mart.people AS {ROWS}")
        connection.execute("DETACH mart")
    if statements:
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
    return {finding.code for finding in check(data_root, path, "marts.contracts")}


def test_a_fresh_file_is_clean(data_root: DataRoot) -> None:
    assert codes(data_root) == set()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM people WHERE id = 7",
        "DELETE FROM people",
        "UPDATE people SET name = 'x' WHERE id = 7",
    ],
)
def test_a_changed_file_is_detected_by_its_older_header(data_root: DataRoot, change: str) -> None:
    assert "PROOF-OLDER-HEADER" in codes(data_root, change)


def test_a_deleted_row_is_detected_by_the_stored_rows(data_root: DataRoot) -> None:
    assert "PROOF-STORED-ROWS" in codes(data_root, "DELETE FROM people WHERE id = 7")


def test_a_dropped_table_is_detected_by_unused_blocks(data_root: DataRoot) -> None:
    made = "CREATE TABLE other AS SELECT sha256(i::VARCHAR) AS h FROM range(100_000) AS t(i)"
    assert "PROOF-FREE-BLOCKS" in codes(
        data_root, made, "CHECKPOINT", "DROP TABLE other", "CHECKPOINT"
    )


def test_a_list_column_is_no_row_too_many(data_root: DataRoot) -> None:
    path = data_root.marts / "contracts.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS mart")
        connection.execute(
            "CREATE TABLE mart.people AS SELECT i AS id, ['a', 'b', 'c'] AS several FROM "
            "range(5_000) AS t(i)"
        )
        connection.execute("DETACH mart")
    assert check(data_root, path, "marts.contracts") == []


def test_an_enum_is_reported(data_root: DataRoot) -> None:
    path = data_root.marts / "contracts.duckdb"
    frame = pd.DataFrame({"name": pd.Categorical(["a", "b"])})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"ATTACH '{path}' AS mart")
        connection.execute("CREATE TABLE mart.people AS SELECT * FROM frame")
        connection.execute("DETACH mart")
    assert {finding.code for finding in check(data_root, path, "marts.contracts")} == {"PROOF-ENUM"}


def test_a_write_ahead_log_beside_it_is_reported(data_root: DataRoot) -> None:
    codes(data_root)
    Path(f"{data_root.marts / 'contracts.duckdb'}.wal").write_bytes(b"")
    assert "PROOF-WAL" in {
        finding.code
        for finding in check(data_root, data_root.marts / "contracts.duckdb", "marts.contracts")
    }


def test_a_file_that_is_no_database_is_reported(data_root: DataRoot) -> None:
    path = data_root.marts / "contracts.duckdb"
    path.write_bytes(b"nothing of the kind")
    assert {finding.code for finding in check(data_root, path, "marts.contracts")} == {
        "PROOF-UNREADABLE"
    }
