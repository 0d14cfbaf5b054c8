"""The event log that dagster.yaml names: fewer syncs, batches, and content equal to Dagster's
own.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from pipelines import dagster_home
from pipelines.dagster_home import prepare_dagster
from pipelines.event_log import INDEX, OPEN_FILES, PRIVATE, EventLogError, EventLogStorage

SETTINGS = Path(__file__).parents[2] / "dagster.yaml"


def instance_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None = None
) -> dg.DagsterInstance:
    """Dagster's instance in a folder, with the shipped settings or others."""
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(SETTINGS.read_text() if settings is None else settings)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    return dg.DagsterInstance.get()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[EventLogStorage]:
    made = EventLogStorage(str(tmp_path / "history" / "runs"))
    yield made
    made.dispose()


def test_the_settings_name_the_storage_and_it_keeps_its_files_where_dagster_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_in(tmp_path, monkeypatch) as instance:
        assert type(instance.event_log_storage) is EventLogStorage
    assert (tmp_path / "history" / "runs" / "index.db").exists()


def test_the_installed_dagster_has_what_the_storage_builds_on() -> None:
    """Fails when an upgrade renames or reshapes what `PRIVATE` lists: look at event_log.py
    again.
    """
    for name, parameters in PRIVATE.items():
        method = inspect.getattr_static(SqliteEventLogStorage, name)
        signature = inspect.signature(getattr(method, "__func__", method))
        taken = [each for each in signature.parameters if each not in ("self", "cls")]
        assert tuple(taken) == parameters, name


def test_the_list_of_private_names_is_complete() -> None:
    """Whatever the class overrides or calls of its parent's private names is in `PRIVATE`."""
    source = inspect.getsource(EventLogStorage)
    private = {
        name
        for name in dir(SqliteEventLogStorage)
        if not name.startswith("__") and (f"def {name}(" in source or f".{name}(" in source)
    }
    assert private - {"config_type"} <= set(PRIVATE)


def test_an_error_of_the_file_shows_neither_statement_nor_values(storage: EventLogStorage) -> None:
    """Dagster prints the errors of its storage."""
    with (
        pytest.raises(EventLogError, match="Dagster's database") as raised,
        storage.index_connection() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO nowhere VALUES ('Matti')")
    assert "Matti" not in str(raised.value)
    assert "INSERT" not in str(raised.value)


def test_a_file_is_synced_when_the_write_ahead_log_is_moved_only(storage: EventLogStorage) -> None:
    for connected in (storage.index_connection(), storage.run_connection("a-run")):
        with connected as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1


def test_the_write_ahead_log_is_not_moved_after_each_event(
    storage: EventLogStorage, tmp_path: Path
) -> None:
    with storage.index_connection() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
    waiting = tmp_path / "history" / "runs" / f"{INDEX}.db-wal"
    assert waiting.stat().st_size > 0


def test_what_fails_within_a_connection_is_not_written(storage: EventLogStorage) -> None:
    with storage.index_connection() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
    with (
        pytest.raises(ZeroDivisionError),
        storage.index_connection() as connection,
        connection.exec_driver_sql("INSERT INTO numbers VALUES (1)"),
    ):
        _ = 1 / 0
    with storage.index_connection() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM numbers").scalar() == 0


def test_a_bounded_number_of_files_stays_open(storage: EventLogStorage) -> None:
    for number in range(2 * OPEN_FILES):
        with storage.run_connection(f"run-{number}"):
            pass
    with storage.index_connection():
        pass
    assert len(storage._engines) == OPEN_FILES + 1
    storage.dispose()
    assert not storage._engines


def test_an_event_log_is_whole_after_it_was_wiped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_in(tmp_path, monkeypatch) as instance:
        assert cut_all(instance).success
        instance.wipe()
        run = cut_all(instance)
        assert run.success
        assert len(instance.all_logs(run.run_id)) > LAST


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "storage:\n  sqlite:\n    base_dir: {folder}\n",
        "event_log_storage:\n  module: dagster._core.storage.event_log\n"
        "  class: ConsolidatedSqliteEventLogStorage\n  config:\n    base_dir: {folder}\n",
    ],
    ids=["none named", "sqlite", "consolidated"],
)
def test_another_storage_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    """The code location imports, runs and cleans up after a failed run without the storage."""
    from pipelines.definitions import build_definitions
    from pipelines.event_log import forget_checks_not_run

    assert build_definitions().resolve_job_def("refresh")
    written = settings.format(folder=tmp_path / "elsewhere")
    with instance_in(tmp_path, monkeypatch, written) as instance:
        assert not isinstance(instance.event_log_storage, EventLogStorage)
        run = cut_all(instance)
        assert run.success
        forget_checks_not_run(instance, run.run_id)
        assert len(instance.get_materialized_partitions(dg.AssetKey("cut"))) == LAST


def test_a_storage_that_is_not_in_sql_keeps_the_checks_not_run() -> None:
    from pipelines.event_log import forget_checks_not_run

    class Elsewhere:
        event_log_storage = object()

    forget_checks_not_run(Elsewhere(), "a-run")  # type: ignore[arg-type]


def test_dagsters_own_storage_reads_what_was_written_and_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data root that exists already keeps its history, and can go back to Dagster's own."""

    @dg.asset
    def counted() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(metadata={"rows": 3})

    runs = 0
    for settings in ("", None, "", None):
        with instance_in(tmp_path, monkeypatch, settings) as instance:
            assert dg.materialize([counted], instance=instance).success
            runs += 1
            every = instance.fetch_materializations(dg.AssetKey("counted"), limit=9).records
            assert [
                record.asset_materialization.metadata["rows"].value
                for record in every
                if record.asset_materialization
            ] == [3] * runs


def test_settings_shipped_before_are_replaced_and_edited_ones_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "dagster" / "dagster.yaml"
    monkeypatch.setenv("DAGSTER_HOME", "set by the test, restored after it")
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1")
    prepare_dagster(tmp_path)
    shipped = settings.read_text()
    assert SETTINGS.read_text().splitlines() == [
        line
        for line in shipped.splitlines()
        if line.strip() != "config:" and "base_dir" not in line
    ]
    edited = "telemetry:\n  enabled: false\n"
    settings.write_text(edited)
    prepare_dagster(tmp_path)
    assert settings.read_text() == edited
    monkeypatch.setattr(dagster_home, "EARLIER", (dagster_home._sha256(edited),))
    prepare_dagster(tmp_path)
    assert settings.read_text() == shipped


def test_an_instance_has_its_own_events_whatever_dagster_home_is_and_after_a_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.asset
    def counted() -> None: ...

    monkeypatch.setenv("DAGSTER_HOME", "set by the test, restored after it")
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1")
    for name, times in (("one {of} 'two'", 1), ("other", 2)):
        prepare_dagster(tmp_path / name)
        with dg.DagsterInstance.get() as instance:
            for _ in range(times):
                assert dg.materialize([counted], instance=instance).success
    (tmp_path / "other").rename(tmp_path / "moved")
    prepare_dagster(tmp_path / "moved")
    monkeypatch.delenv("DAGSTER_HOME")
    for name, times in (("one {of} 'two'", 1), ("moved", 2)):
        with dg.DagsterInstance.from_config(str(tmp_path / name / "dagster")) as instance:
            events = instance.fetch_materializations(dg.AssetKey("counted"), limit=9).records
            assert len(events) == times
    assert not (tmp_path / "other").exists()


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


def test_events_of_many_partitions_are_written_in_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    store, single_events = SqliteEventLogStorage.store_event, []
    monkeypatch.setattr(
        EventLogStorage,
        "store_event",
        lambda storage, event: (
            single_events.append(event.dagster_event_type),
            store(storage, event),
        ),
    )
    with instance_in(tmp_path, monkeypatch) as instance:
        assert cut_all(instance).success
    of_assets = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    }
    assert single_events
    assert not of_assets & set(single_events)


def test_events_written_in_a_batch_are_those_written_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Dagster returns of partitions, materializations, checks and the run, whatever the batch
    and with Dagster's own storage.
    """
    key, returned = dg.AssetKey("cut"), []
    for size, settings in (("1000", None), ("7", None), ("0", None), ("0", "")):
        monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
        folder = tmp_path / f"{size}-{settings is None}"
        with instance_in(folder, monkeypatch, settings) as instance:
            run = cut_all(instance).run_id
            last = instance.get_latest_materialization_event(key)
            assert last is not None
            records = instance.fetch_materializations(key, limit=LAST + 1).records
            metadata = {
                record.partition_key: sorted(record.asset_materialization.metadata)
                for record in records
                if record.asset_materialization
            }
            checks = instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(key, "sound"), limit=9
            )
            returned.append(
                (
                    sorted(instance.get_materialized_partitions(key)),
                    last.dagster_event and last.dagster_event.partition,
                    metadata,
                    instance.event_log_storage.get_asset_records([key])[0].asset_entry.last_run_id
                    == run,
                    [check.status.value for check in checks],
                    sorted(str(event.dagster_event_type) for event in instance.all_logs(run)),
                    len(instance.event_log_storage.get_event_tags_for_asset(key)),
                )
            )
    assert all(each == returned[0] for each in returned)
    assert returned[0][0] == [f"p{number:02}" for number in range(LAST)]
    assert returned[0][2]["p07"] == ["all", "mine"]
