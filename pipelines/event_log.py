"""Dagster's event log in SQLite: fewer syncs of the disk, fewer set-ups, and the events of many partitions written together.

Dagster opens and closes a file for every event; SQLite syncs at each commit and, as the last connection closes, moves the
write-ahead log into the file and syncs that too. A refresh of a small register writes some 600 events and would mostly wait for the disk. So the
process holds each file open, and SQLite syncs when it moves the log only. After a power cut the last events may be missing; a file is never
torn (https://sqlite.org/pragma.html#pragma_synchronous), and what is true of the data stands in the book of deliveries, not here.

Dagster also makes an engine of SQLAlchemy for every connection, which compiles each statement anew, and stores the events of an asset with many
partitions one by one: of 500 requests, longer than half of their erasure. So the process keeps an engine per file, and what Dagster hands over
together (`DAGSTER_EVENT_BATCH_SIZE`) is written in two transactions, the run's and the index's. Nothing waits for these events: what they tell of is
durable before the first of them is made.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any, cast

from dagster import DagsterInstance
from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

# Events in one transaction, and engines of files kept, at most.
TOGETHER = 1000
KEPT = 16
_held: dict[str, sqlite3.Connection] = {}
_engines: dict[str, Engine] = {}
_keeping = threading.Lock()


def write_faster() -> None:
    """From now on, in this process, for every file with a write-ahead log."""
    if not event.contains(Engine, "connect", _opened):
        event.listen(Engine, "connect", _opened)
        sqlite_event_log.create_engine = _engine  # type: ignore[attr-defined, assignment]
        SqliteEventLogStorage.store_event_batch = _store_together  # type: ignore[method-assign, assignment]
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(TOGETHER))


def forget_checks_not_run(instance: DagsterInstance, run_id: str) -> None:
    """Let a run that failed leave no trace of the checks that it did not come to.

    Dagster plans every check as a run begins, and shows those that a failed run never evaluated as
    failed. Without the plan each shows its last result.
    """
    storage = cast(SqlEventLogStorage, instance.event_log_storage)
    planned = AssetCheckExecutionRecordStatus.PLANNED.value
    with storage.index_connection() as connection:
        connection.execute(
            AssetCheckExecutionsTable.delete().where(
                AssetCheckExecutionsTable.c.run_id == run_id,
                AssetCheckExecutionsTable.c.execution_status == planned,
            )
        )


def _opened(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection) or connection.execute(
        "PRAGMA journal_mode"
    ).fetchone() != ("wal",):
        return
    connection.execute("PRAGMA synchronous = NORMAL")
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    if path not in _held:
        _held[path] = sqlite3.connect(path, check_same_thread=False)
        _held[path].execute("PRAGMA schema_version").fetchone()


def _engine(address: str, **how: Any) -> Engine:
    """The engine of a file; it opens a connection whenever asked, as one of Dagster's would, but knows the statements it has compiled."""
    with _keeping:
        if address not in _engines:
            for oldest in list(_engines)[: 1 - KEPT]:
                del _engines[oldest]
            _engines[address] = create_engine(address, **how)
        return _engines[address]


def _store_together(storage: SqliteEventLogStorage, events: Sequence[EventLogEntry]) -> None:
    """What `store_event` does with each of a run's events. The index has of each asset what its last event says.

    The others last: should something fail, Dagster stores all once more one by one, and an asset's check must not be planned twice.
    """
    of_assets = [one for one in events if one.dagster_event_type in ASSET_EVENTS]
    if of_assets:
        rows = [storage._event_to_row(one) for one in of_assets]
        with storage.run_connection(of_assets[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with storage.index_transaction() as connection:
            ids = [
                connection.execute(SqlEventLogStorageTable.insert(), row).lastrowid for row in rows
            ]
            storage._store_asset_event_tags(connection, of_assets, ids)
            last = {
                row["asset_key"]: (one, number)
                for row, one, number in zip(rows, of_assets, ids, strict=True)
            }
            for one, number in last.values():
                storage._store_asset_event(connection, one, number)
    for one in events:
        if one.dagster_event_type not in ASSET_EVENTS:
            storage.store_event(one)
