"""Dagster's event log is not synced to the disk for each event, and is whole all the same."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from pipelines import event_log


def opened(path: Path) -> Connection:
    """A connection as Dagster makes one for each event."""
    return create_engine(f"sqlite:///{path}", poolclass=NullPool).connect()


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    event_log.sync_rarely()
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE events (number INTEGER)")
    connection.close()
    return path


def test_a_file_with_a_write_ahead_log_is_synced_when_the_log_is_moved_only(logged: Path) -> None:
    with opened(logged) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1


def test_the_log_is_not_moved_as_each_connection_closes(logged: Path) -> None:
    with opened(logged) as connection:
        connection.exec_driver_sql("INSERT INTO events VALUES (1)")
        connection.commit()
    assert logged.with_name("index.db-wal").stat().st_size > 0


def test_another_file_is_synced_at_each_commit(tmp_path: Path) -> None:
    event_log.sync_rarely()
    with opened(tmp_path / "runs.db") as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_events_written_so_are_read_by_whoever_opens_the_log(tmp_path: Path) -> None:
    event_log.sync_rarely()

    @dg.asset
    def counted() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(metadata={"rows": 3})

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert dg.materialize([counted], instance=instance).success
    with dg.DagsterInstance.local_temp(str(tmp_path)) as again:
        found = again.get_latest_materialization_event(dg.AssetKey("counted"))
    assert found is not None
    assert found.asset_materialization is not None
    assert found.asset_materialization.metadata["rows"].value == 3
