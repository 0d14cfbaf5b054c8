"""Files of the lake keep the shape of their model, and a view over none has the same columns."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet, create_view, write_parquet
from assets.storage.quoting import parquet
from assets.storage.recorded_files import files_of
from assets.storage.sessions import connect
from schemas.columns import arrow_schema
from schemas.quarantine import Outcome

ROW = {"record_no": 0, "record_key": "k", "content": "c", "outcome": "staged"}


def batch(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(Outcome))


def shape(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    columns = connection.execute("DESCRIBE FROM outcomes").fetchall()
    return [(name, type_) for name, type_, *_ in columns]


@pytest.mark.parametrize("batches", [0, 1, 3])
def test_all_batches_are_in_one_file(tmp_path: Path, batches: int) -> None:
    path = tmp_path / "lake" / "outcomes.parquet"
    assert write_parquet(path, Outcome, [batch(ROW, ROW)] * batches) == 2 * batches
    with duckdb.connect() as connection:
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {parquet(path)}").fetchall()
    assert rows == 2 * batches
    assert files_of(path.parent) == [path]


def test_a_query_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "numbers.parquet"
    with duckdb.connect() as connection:
        assert copy_parquet(connection, "SELECT * FROM range(3)", path) == 3
        before = path.read_bytes()
        with pytest.raises(duckdb.Error):
            copy_parquet(connection, "SELECT error('no') FROM range(3)", path)
    assert path.read_bytes() == before
    assert files_of(tmp_path) == [path]


def test_a_view_has_source_day_and_delivery_of_each_file(data_root: DataRoot) -> None:
    raw = data_root.lake / "raw" / "crm" / "2026-11-20" / "d1.parquet"
    staged = data_root.lake / "staged" / "crm" / "2026-11-21" / "d2" / "records.parquet"
    with connect(data_root) as connection:
        for path in (raw, staged):
            write_parquet(path, Outcome, [batch(ROW)])
            create_view(data_root, connection, "outcomes", Outcome, [path])
            rows = "SELECT source, day::VARCHAR, delivery_id, outcome FROM outcomes"
            day, delivery = (("2026-11-20", "d1"), ("2026-11-21", "d2"))[path == staged]
            assert connection.execute(rows).fetchall() == [("crm", day, delivery, "staged")]


def test_a_view_over_no_file_has_the_same_shape_and_no_row(data_root: DataRoot) -> None:
    path = data_root.lake / "staged" / "crm" / "2026-11-21" / "d2" / "records.parquet"
    write_parquet(path, Outcome, [batch(ROW)])
    with connect(data_root) as connection:
        create_view(data_root, connection, "outcomes", Outcome, [path])
        with_file = shape(connection)
        connection.execute("DROP VIEW outcomes")
        create_view(data_root, connection, "outcomes", Outcome, [])
        assert shape(connection) == with_file
        assert connection.execute("FROM outcomes").fetchall() == []
