"""Dagster's event log in SQLite, with fewer syncs and connections, and events written in batches.

`EventLogStorage` is named in `dagster.yaml`, Dagster's extension point for storage; an instance
with another storage (PostgreSQL, Dagster's own SQLite) works the same and is only slower or faster.

Dagster opens and closes a file for every event; SQLite syncs at each commit and, as the last
connection closes, moves the write-ahead log into the file and syncs that too. A refresh of a small
register writes some 600 events and would mostly wait for the disk. So each file stays open, and
SQLite syncs when it moves the log only. After a power cut the last events may be missing; a file is
never torn (https://sqlite.org/pragma.html#pragma_synchronous), and the data do not depend on them.

Dagster also stores the events of an asset with many partitions one by one: of 500 requests, longer
than half of their erasure. A batch that it hands over (`DAGSTER_EVENT_BATCH_SIZE`) is written in
two transactions, the run's and the index's.

With `webserver` and `command_runs` this is the module that imports or calls what Dagster does not
document: `PRIVATE` lists it, and a test compares the installed Dagster with the list.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

from dagster import DagsterInstance, Field, StringSource
from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.pool import QueuePool

from assets.storage.safe_errors import PlainError, describe

# Files of runs that stay open at the same time, at most; the index stays open besides.
OPEN_FILES = 16
INDEX = "index"
# Methods of Dagster's storage that are overridden or called, with their parameters.
PRIVATE: Mapping[str, tuple[str, ...]] = {
    "from_config_value": ("inst_data", "config_value"),
    "conn_string_for_shard": ("shard_name",),
    "run_connection": ("run_id",),
    "index_connection": (),
    "index_transaction": (),
    "store_event": ("event",),
    "store_event_batch": ("events",),
    "has_table": ("table_name",),
    "wipe": (),
    "dispose": (),
    "_event_to_row": ("event",),
    "_store_asset_event_tags": ("conn", "events", "event_ids"),
    "_store_asset_event": ("conn", "event", "event_id"),
}


class EventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log with files that stay open and batches written in two transactions.

    The files and their content are those of Dagster's own SQLite event log, which can take over.

    Args:
        base_dir: The folder of the files; `dagster_home` writes it into a data root's settings.
            Default: where Dagster's own has them in DAGSTER_HOME.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._turn = threading.Lock()
        self._made: set[str] = set()
        self._tables: set[str] = set()
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> EventLogStorage:
        return cls(config_value.get("base_dir") or default_folder(), inst_data)

    @contextmanager
    def run_connection(self, run_id: str | None = None) -> Iterator[Connection]:
        shard = str(run_id)
        with self._connected(shard, super().run_connection(run_id)) as connection:
            yield connection

    @contextmanager
    def index_connection(self) -> Iterator[Connection]:
        with self._connected(INDEX, super().index_connection()) as connection:
            yield connection

    @contextmanager
    def _connected(
        self, shard: str, dagsters: AbstractContextManager[Connection]
    ) -> Iterator[Connection]:
        """Yield a connection within a transaction, one at a time as Dagster has it.

        Args:
            shard: The file's name, without its ending.
            dagsters: Dagster's own connection to it, which makes or migrates the file.
        """
        with self._turn, _without_statements():
            if shard not in self._made:
                with dagsters:
                    self._made.add(shard)
            with self._engine(shard).begin() as connection:
                yield connection

    def _engine(self, shard: str) -> Engine:
        """Return the file's engine with its open connection; the longest unused one is closed."""
        engine = self._engines.pop(shard, None) or _engine(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        runs = [name for name in self._engines if name != INDEX]
        for name in runs[:-OPEN_FILES]:
            self._engines.pop(name).dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has the table, which Dagster asks at most events by a connection
        of its own; a table that is there stays.
        """
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store each event of a run as `store_event` does; the index has the last of each asset.

        Those of assets come first: if one of the others fails, Dagster stores all again, one by
        one, and an asset's check must not be planned twice.
        """
        of_assets = [entry for entry in events if entry.dagster_event_type in ASSET_EVENTS]
        if of_assets:
            rows = [self._event_to_row(entry) for entry in of_assets]
            with self.run_connection(of_assets[0].run_id) as connection:
                connection.execute(SqlEventLogStorageTable.insert(), rows)
            with self.index_transaction() as connection:
                ids = [
                    connection.execute(SqlEventLogStorageTable.insert(), row).lastrowid
                    for row in rows
                ]
                self._store_asset_event_tags(connection, of_assets, ids)
                last = {
                    row["asset_key"]: (entry, number)
                    for row, entry, number in zip(rows, of_assets, ids, strict=True)
                }
                for entry, number in last.values():
                    self._store_asset_event(connection, entry, number)
        for entry in events:
            if entry.dagster_event_type not in ASSET_EVENTS:
                self.store_event(entry)

    def wipe(self) -> None:
        self._close()
        super().wipe()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._turn:
            while self._engines:
                self._engines.popitem()[1].dispose()
            self._made.clear()
            self._tables.clear()


def default_folder() -> str:
    """Return where Dagster's own SQLite storage keeps the event log of DAGSTER_HOME.

    Raises:
        KeyError: DAGSTER_HOME is not set.
    """
    return str(Path(os.environ["DAGSTER_HOME"]) / "history" / "runs")


def forget_checks_not_run(instance: DagsterInstance, run_id: str) -> None:
    """Remove the plan of the checks that a failed run did not come to.

    Dagster plans every check as a run begins, and shows those that a failed run never evaluated as
    failed. Without the plan each shows its last result. A storage that is not in SQL keeps it.
    """
    index_connection = getattr(instance.event_log_storage, "index_connection", None)
    if index_connection is None:
        return
    planned = AssetCheckExecutionRecordStatus.PLANNED.value
    with cast(AbstractContextManager[Connection], index_connection()) as connection:
        connection.execute(
            AssetCheckExecutionsTable.delete().where(
                AssetCheckExecutionsTable.c.run_id == run_id,
                AssetCheckExecutionsTable.c.execution_status == planned,
            )
        )


class EventLogError(PlainError):
    """The event log cannot be read or written."""


@contextmanager
def _without_statements() -> Iterator[None]:
    """Replace errors of the file by ours: Dagster prints SQLAlchemy's, with statement and values.

    An integrity error is Dagster's to handle: somebody else has written the row.
    """
    try:
        yield
    except DatabaseError as error:
        if isinstance(error, IntegrityError):
            raise
        raise EventLogError(describe(error)) from None


def _engine(address: str) -> Engine:
    """An engine of one connection, which is used by one thread at a time and stays open."""
    engine = create_engine(
        address,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _sync_less)
    return engine


def _sync_less(connection: Any, _record: Any) -> None:
    if connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        connection.execute("PRAGMA synchronous = NORMAL")
