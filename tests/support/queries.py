"""The single value that a query returns, and sessions that a test looks into."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from assets.storage import sessions


def scalar(connection: duckdb.DuckDBPyConnection, query: str) -> object:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def replace_connect(monkeypatch: pytest.MonkeyPatch, connect: Callable[..., Any]) -> None:
    """Replace `sessions.connect` in every module that has imported it."""
    original = sessions.connect
    for module in list(sys.modules.values()):
        if getattr(module, "connect", None) is original:
            monkeypatch.setattr(module, "connect", connect)
