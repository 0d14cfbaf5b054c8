"""Parquet files of the lake: written atomically, and read as views of a model's shape."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal, parquet
from assets.storage.quoting import name as quoted
from assets.storage.recorded_files import writing
from schemas.columns import TableModel, arrow_schema, duckdb_types, table_name

ROW_GROUP = 122_880


def write_parquet(
    path: Path, model: type[TableModel], batches: Iterable[pa.Table], row_group: int = ROW_GROUP
) -> int:
    """Write batches of `model` to one file, atomically; without a batch, an empty one.

    Returns:
        The number of rows.
    """
    schema = arrow_schema(model)
    rows = 0
    writer: pq.ParquetWriter | None = None
    with writing(path) as unfinished:
        for batch in batches:
            writer = writer or pq.ParquetWriter(
                unfinished, schema, compression="zstd", compression_level=1
            )
            writer.write_table(batch.select(schema.names).cast(schema), row_group_size=row_group)
            rows += batch.num_rows
        if writer is None:
            pq.write_table(schema.empty_table(), unfinished)
        else:
            writer.close()
    return rows


def copy_parquet(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write a query's rows to one file, atomically, without ever having all of them in memory.

    Returns:
        The number of rows.
    """
    with writing(path) as unfinished:
        return copy_rows(connection, query, unfinished)


def copy_rows(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    """Write a query's rows to the file at `path`, as `copy_parquet` does, but not atomically."""
    copied = connection.execute(
        f"""COPY ({query}) TO {literal(path)} (
            FORMAT parquet,
            COMPRESSION zstd,
            COMPRESSION_LEVEL 1,
            ROW_GROUP_SIZE {ROW_GROUP}
        )"""
    ).fetchone()
    return int(copied[0]) if copied else 0


def create_view(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    model: type[TableModel],
    files: Iterable[Path],
) -> None:
    """Create the view `name` over the lake's files of `model`.

    It has the model's columns, and source, day and delivery_id from the path of each file. Without
    a file it has the same shape and no row, so that the SQL that reads it need not care.
    """
    paths = list(files)
    if not paths:
        columns = {
            **duckdb_types(model),
            "source": "VARCHAR",
            "day": "DATE",
            "delivery_id": "VARCHAR",
        }
        empty = ", ".join(f"NULL::{kind} AS {quoted(column)}" for column, kind in columns.items())
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {empty} WHERE false")
        return
    parts = f"string_split(substr(filename, {len(str(data_root.lake)) + 2}), '/')"
    is_staged = paths[0].is_relative_to(data_root.lake / "staged")
    delivery = f"{parts}[4]" if is_staged else f"replace({parts}[4], '.parquet', '')"
    connection.execute(
        f"""CREATE OR REPLACE TEMP VIEW {name} AS
        SELECT
            * EXCLUDE (filename),
            {parts}[2] AS source,
            {parts}[3]::DATE AS day,
            {delivery} AS delivery_id
        FROM {parquet(*paths, filename=True)}"""
    )


def create_staged_view(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, model: type[TableModel]
) -> None:
    """Create the view `staged_<table>` over every staged file of the table."""
    table = table_name(model)
    files = data_root.files("staged", name=f"*/{table}")
    create_view(data_root, connection, f"staged_{table}", model, files)
