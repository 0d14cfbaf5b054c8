"""The value of a query that has one row."""

from __future__ import annotations

import duckdb


def one(connection: duckdb.DuckDBPyConnection, query: str) -> object:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
