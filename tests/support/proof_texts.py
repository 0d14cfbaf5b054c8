"""Files in which the proof looks for identifiers."""

from __future__ import annotations

from pathlib import Path

from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.sessions import connect
from schemas.columns import arrow_schema, duckdb_columns


def put(data_root: DataRoot, model: type, path: Path, **values: str) -> None:
    """A table with one row, of the values as SQL; other columns are empty."""
    names = arrow_schema(model).names
    with connect(data_root) as connection:
        connection.execute(
            f"CREATE TEMP TABLE one ({duckdb_columns(model).replace(' NOT NULL', '')})"
        )
        connection.execute(
            "INSERT INTO one BY NAME SELECT "
            f"{', '.join(f'{value} AS {name}' for name, value in values.items())}"
        )
        copy_parquet(connection, f"SELECT {', '.join(names)} FROM one", path)
