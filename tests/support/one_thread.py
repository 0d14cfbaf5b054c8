"""DuckDB with one thread in each session, unless a session asks for more.

For tables of few rows its threads cost a sixth more processor time, and the test processes share
two processors. The console script, which tests start for each command once, has all threads.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import duckdb

_connect = duckdb.connect


@functools.wraps(_connect)
def _connect_with_one_thread(
    database: str | Path = ":memory:",
    read_only: bool = False,
    config: dict[str, Any] | None = None,
) -> duckdb.DuckDBPyConnection:
    return _connect(database, read_only=read_only, config={"threads": 1, **(config or {})})


def use_one_thread() -> None:
    """Do so in this process from now on."""
    duckdb.connect = _connect_with_one_thread
