"""The macros of statements in a session of DuckDB; their text is part of what sources declare."""

from __future__ import annotations

import duckdb

from assets.sources.source import STATEMENT_MACROS
from assets.storage.sessions import define


def create(connection: duckdb.DuckDBPyConnection, delivered_on: str = "") -> None:
    """Create the macros; `delivered_on`: the day of the delivery that is being ingested, if any."""
    define(connection, STATEMENT_MACROS)
    day = f"DATE '{delivered_on}'" if delivered_on else "NULL::DATE"
    connection.execute(f"CREATE OR REPLACE MACRO delivered_on() AS {day}")
