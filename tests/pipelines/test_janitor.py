"""What is old goes from Dagster's storage, out of its bytes too; what is young, unfinished or open
stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import dagster as dg
import pytest

from assets.requests import ledger
from assets.storage.data_root import DataRoot
from pipelines.janitor import clean

TODAY = datetime.now().date()  # noqa: DTZ005  (Dagster uses the machine's clock)
LATER = TODAY + timedelta(days=200)
TYPED = "TYPED-BY-HAND-140285-912A"


@dg.asset
def something() -> None:
    """An asset."""


@dg.asset_check(asset=something)
def fine() -> dg.AssetCheckResult:
    """Its check."""
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(
    assets=[something], asset_checks=[fine], jobs=[dg.define_asset_job("refresh")]
).resolve_job_def("refresh")


@pytest.fixture
def instance(data_root: DataRoot) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(data_root.dagster)) as instance:
        yield instance


def ran(instance: dg.DagsterInstance) -> str:
    return JOB.execute_in_process(instance=instance, tags={"note": TYPED}).run_id


def counts(data_root: DataRoot) -> dict[str, int]:
    rows_per_table = {}
    for path in sorted(data_root.dagster.rglob("*.db")):
        connection = sqlite3.connect(path)
        for (table,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            rows_per_table[f"{path.name}/{table}"] = connection.execute(
                f"SELECT count(*) FROM {table}"
            ).fetchone()[0]
        connection.close()
    return rows_per_table


def test_of_zero_days_old_is_what_was_typed_today_too(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ran(instance)
    assert clean(data_root, instance, TODAY, 0)["runs"] == 1
    assert not any(
        TYPED.encode() in path.read_bytes()
        for path in data_root.dagster.rglob("*")
        if path.is_file()
    )


def test_runs_go_with_their_events_checks_and_tags_and_out_of_the_bytes(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    run_id = ran(instance)
    assert counts(data_root)["index.db/asset_check_executions"] > 0
    done = clean(data_root, instance, LATER)
    assert (done["runs"], done["busy"]) == (1, 0)
    assert instance.get_run_by_id(run_id) is None
    left = counts(data_root)
    emptied = (
        "runs.db/runs",
        "runs.db/run_tags",
        "index.db/event_logs",
        "index.db/asset_event_tags",
        "index.db/asset_check_executions",
    )
    assert {table: left[table] for table in emptied} == dict.fromkeys(emptied, 0)
    assert not [
        path.name
        for path in data_root.dagster.rglob("*")
        if path.is_file() and TYPED.encode() in path.read_bytes()
    ]


def test_what_is_young_stays(data_root: DataRoot, instance: dg.DagsterInstance) -> None:
    run_id = ran(instance)
    before = counts(data_root)
    assert clean(data_root, instance, TODAY)["runs"] == 0
    assert instance.get_run_by_id(run_id) is not None
    assert counts(data_root) == before


def test_a_run_that_has_not_ended_stays_however_old(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    run = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED)
    assert clean(data_root, instance, LATER)["runs"] == 0
    assert instance.get_run_by_id(run.run_id) is not None


def test_cleaning_twice_does_nothing_more(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ran(instance)
    clean(data_root, instance, LATER)
    again = clean(data_root, instance, LATER)
    assert {what: count for what, count in again.items() if count and what != "vacuumed"} == {}


def test_keys_of_requests_closed_long_ago_and_keys_typed_by_hand_go(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    now = datetime.combine(TODAY, datetime.min.time()).astimezone(data_root.policy.zone)
    waiting, closed, just = (
        ledger.receive(data_root, "erasure", "written", ["contact_id:1"], now) for _ in range(3)
    )
    for request_id, ago in ((closed, 100), (just, 5)):
        ledger.save(
            data_root,
            replace(
                ledger.load(data_root, request_id),
                state="closed",
                closed_at=(now - timedelta(days=ago)).isoformat(),
            ),
        )
    instance.add_dynamic_partitions("requests", [waiting, closed, just, TYPED])
    assert clean(data_root, instance, TODAY)["request_keys"] == 2
    assert set(instance.get_dynamic_partitions("requests")) == {waiting, just}
    assert not [
        path.name
        for path in data_root.dagster.rglob("*")
        if path.is_file() and TYPED.encode() in path.read_bytes()
    ]


def test_backfills_and_ticks_go_by_age_and_those_going_on_stay(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ran(instance)
    connection = sqlite3.connect(data_root.dagster / "history" / "runs.db")
    for key, status, when in (
        ("old", "COMPLETED_SUCCESS", "2020-01-01 00:00:00"),
        ("going-on", "REQUESTED", "2020-01-01 00:00:00"),
    ):
        connection.execute(
            "INSERT INTO bulk_actions (key, status, timestamp, body) VALUES (?, ?, ?, ?)",
            [key, status, when, TYPED if key == "old" else "{}"],
        )
        connection.execute(
            "INSERT INTO backfill_tags (backfill_id, key, value) VALUES (?, 'a', 'b')", [key]
        )
    connection.commit()
    connection.close()
    done = clean(data_root, instance, TODAY)
    assert (done["bulk_actions"], done["backfill_tags"]) == (1, 1)
    left = sqlite3.connect(data_root.dagster / "history" / "runs.db")
    assert left.execute("SELECT key FROM bulk_actions").fetchall() == [("going-on",)]
    left.close()


def test_a_file_in_use_is_left_for_the_next_time(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ran(instance)
    holder = sqlite3.connect(data_root.dagster / "history" / "runs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert clean(data_root, instance, TODAY)["busy"] == 1
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert clean(data_root, instance, TODAY)["busy"] == 0


def test_old_files_of_what_steps_printed_go(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    import os

    for name, when in (
        ("old", datetime(2020, 1, 1).timestamp()),  # noqa: DTZ001  (ages of files)
        ("young", datetime.now().timestamp()),  # noqa: DTZ005
    ):
        folder = data_root.dagster / "compute_logs" / name
        folder.mkdir(parents=True)
        (folder / "step.out").write_text(TYPED)
        os.utime(folder, (when, when))
    assert clean(data_root, instance, TODAY)["log_files"] == 1
    assert [path.name for path in (data_root.dagster / "compute_logs").iterdir()] == ["young"]


def test_the_job_and_its_schedule_are_there() -> None:
    from pipelines.definitions import build_definitions

    defs = build_definitions()
    assert defs.resolve_job_def("janitor").asset_layer.executable_asset_keys == {
        dg.AssetKey(["upkeep", "dagster_storage"])
    }
    assert date(2026, 11, 22).isoweekday() == 7
    assert defs.resolve_schedule_def("weekly_janitor").cron_schedule == "30 4 * * 0"


def test_runs_and_backfills_of_other_code_locations_stay(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ours = ran(instance)
    theirs = instance.create_run_for_job(
        JOB, tags={"dagster/code_location": "sales"}, status=dg.DagsterRunStatus.SUCCESS
    ).run_id
    connection = sqlite3.connect(data_root.dagster / "history" / "runs.db")
    connection.execute(
        """INSERT INTO bulk_actions (key, status, timestamp, body)
        VALUES ('old', 'COMPLETED_SUCCESS', '2020-01-01 00:00:00', '{}')"""
    )
    connection.commit()
    connection.close()
    assert clean(data_root, instance, LATER)["runs"] == 1
    assert instance.get_run_by_id(ours) is None
    assert instance.get_run_by_id(theirs) is not None
    assert counts(data_root)["runs.db/bulk_actions"] == 1
