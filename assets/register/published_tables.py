"""The register's tables as they were last built, read back into a connection."""

from __future__ import annotations

import duckdb

from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.quoting import parquet
from schemas.columns import TableModel, duckdb_columns, duckdb_types
from schemas.register import Membership

LAST_MEMBERSHIP = KeptFile(
    "lake/register/membership.parquet",
    "first records and last contacts that only records past their time showed, and so some ids",
    "each registrant counts from what is still staged, some under another id",
    duckdb_types(Membership),
)


def read_register(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, table: str, model: type[TableModel]
) -> None:
    """Make the register's table a view of its name; an empty table where there is no file."""
    path = data_root.register(table)
    recorded_files.check(path, once=True)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {parquet(path)}"
        if path.exists()
        else f"CREATE OR REPLACE TEMP TABLE {table} ({duckdb_columns(model)})"
    )
