"""Dagster's event log in SQLite, without a sync of the disk for each event.

Dagster opens and closes a file for every event; SQLite syncs at each commit and, as the last connection closes, moves the
write-ahead log into the file and syncs that too. A refresh of a small register writes some 600 events and would mostly wait for the disk. So the
process holds each file open, and SQLite syncs when it moves the log only. After a power cut the last events may be missing; a file is never
torn (https://sqlite.org/pragma.html#pragma_synchronous), and what is true of the data stands in the book of deliveries, not here.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_held: dict[str, sqlite3.Connection] = {}


def sync_rarely() -> None:
    """From now on, in this process, for every file with a write-ahead log."""
    if not event.contains(Engine, "connect", _opened):
        event.listen(Engine, "connect", _opened)


def _opened(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection) or connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        return
    connection.execute("PRAGMA synchronous = NORMAL")
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if path not in _held:
        _held[path] = sqlite3.connect(path, check_same_thread=False)
        _held[path].execute("PRAGMA schema_version").fetchone()
