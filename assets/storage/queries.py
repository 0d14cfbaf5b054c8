"""Questions to DuckDB that have one number for an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb


def count(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: Sequence[object] | Mapping[str, object] = (),
) -> int:
    """Return the first value of the query's first row, 0 when there is none or it is null."""
    row = connection.execute(query, parameters).fetchone()
    return int(row[0] or 0) if row else 0
