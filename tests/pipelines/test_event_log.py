"""Dagster's event log is not synced to the disk for each event, nor written event by event, and is whole all the same."""

import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from pipelines import event_log


def opened(path: Path) -> Connection:
    """A connection as Dagster makes one for each event."""
    return create_engine(f"sqlite:///{path}", poolclass=NullPool).connect()


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    event_log.write_faster()
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
    event_log.write_faster()
    with opened(tmp_path / "runs.db") as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_events_written_so_are_read_by_whoever_opens_the_log(tmp_path: Path) -> None:
    event_log.write_faster()

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


PARTS = dg.DynamicPartitionsDefinition(name="parts")
LAST = 30


@dg.asset(
    partitions_def=PARTS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[dg.AssetCheckSpec("sound", asset="cut")],
)
def cut(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
    context.add_asset_metadata({"mine": 7}, partition_key="p07")
    yield dg.AssetCheckResult(asset_key="cut", check_name="sound", passed=True)
    yield dg.MaterializeResult(metadata={"all": LAST})


def cut_all(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    keys = [f"p{number:02}" for number in range(LAST)]
    instance.add_dynamic_partitions("parts", keys)
    tags = {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }
    return dg.materialize([cut], instance=instance, tags=tags)


def test_events_of_many_partitions_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_log.write_faster()
    store, one_by_one = SqliteEventLogStorage.store_event, []
    monkeypatch.setattr(
        SqliteEventLogStorage,
        "store_event",
        lambda storage, one: (one_by_one.append(one.dagster_event_type), store(storage, one)),
    )
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert cut_all(instance).success
    of_assets = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    }
    assert not of_assets & set(one_by_one)


def test_events_written_together_are_those_written_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's own answers about partitions, the latest materialization, checks and the run, with and without."""
    event_log.write_faster()
    key, told = dg.AssetKey("cut"), []
    for size in ("1000", "7", "0"):
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
        folder = tmp_path / size
        folder.mkdir()
        with dg.DagsterInstance.local_temp(str(folder)) as instance:
            run = cut_all(instance).run_id
            last = instance.get_latest_materialization_event(key)
            assert last is not None
            records = instance.fetch_materializations(key, limit=LAST + 1).records
            metadata = {
                one.partition_key: sorted(one.asset_materialization.metadata)
                for one in records
                if one.asset_materialization
            }
            checks = instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(key, "sound"), limit=9
            )
            told.append(
                (
                    sorted(instance.get_materialized_partitions(key)),
                    last.dagster_event and last.dagster_event.partition,
                    metadata,
                    instance.event_log_storage.get_asset_records([key])[0].asset_entry.last_run_id
                    == run,
                    [one.status.value for one in checks],
                    sorted(str(one.dagster_event_type) for one in instance.all_logs(run)),
                    len(instance.event_log_storage.get_event_tags_for_asset(key)),
                )
            )
    together, in_parts, one_by_one = told
    assert together == in_parts == one_by_one
    assert together[0] == [f"p{number:02}" for number in range(LAST)]
    assert together[2]["p07"] == ["all", "mine"]


def test_the_process_keeps_a_bounded_number_of_engines(tmp_path: Path) -> None:
    event_log.write_faster()
    for number in range(3 * event_log.KEPT):
        assert sqlite_event_log.create_engine(
            f"sqlite:///{tmp_path}/{number}.db"
        ) is sqlite_event_log.create_engine(f"sqlite:///{tmp_path}/{number}.db")  # type: ignore[attr-defined]
    assert len(event_log._engines) <= event_log.KEPT
