"""The macros of the identifiers as checks of the Pandera models."""

from __future__ import annotations

from functools import cache

import duckdb
import pandas as pd
import pyarrow as pa

from schemas.identifiers import install


@cache
def _with_macros() -> duckdb.DuckDBPyConnection:
    """A database that knows the macros; kept, because making one takes longer than checking a
    batch."""
    connection = duckdb.connect(config={"threads": 1})
    install(connection)
    return connection


def check(macro: str, values: pd.Series) -> pd.Series:
    """Run a one-argument boolean macro over an Arrow-backed series; null stays null-safe (a null
    passes)."""
    with _with_macros().cursor() as connection:
        column = pa.table({"value": pa.array(values, type=pa.string())})
        connection.register("batch", column)
        results = connection.execute(
            f"SELECT coalesce({macro}(value), true) AS valid FROM batch"
        ).to_arrow_table()
    return pd.Series(results["valid"].to_pandas().to_numpy(), index=values.index)
