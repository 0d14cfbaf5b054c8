"""A run of a killed process is reported as failed before another run writes."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
import pytest
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import RunOpConcurrency
from dagster._core.utils import make_new_run_id
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import (
    QueuedRunCoordinatorDaemon,
)

from assets.dagster_support.runs import WRITER
from assets.storage.data_root import DataRoot
from pipelines import command_runs, dead_runs
from pipelines.dagster_home import prepare_dagster
from pipelines.sensors import request_sensor
from pipelines.writer_lock import COMMAND, HEADLESS, report_died, writer

STARTED, FAILED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE


@pytest.fixture
def instance(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
    monkeypatch.setenv("DAGSTER_HOME", "")
    prepare_dagster()
    with dg.DagsterInstance.from_config(str(data_root.dagster)) as made:
        yield made


def going_on(instance: dg.DagsterInstance, **tags: str) -> str:
    """A run that Dagster takes for going on."""
    run = dg.DagsterRun(
        job_name="erasure_backfill", run_id=make_new_run_id(), tags=tags, status=STARTED
    )
    instance.add_run(run)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def died_holding(data_root: DataRoot, who: str) -> None:
    (data_root.root / "writer.lock").write_text(who)


def test_a_run_of_a_killed_command_is_reported_as_failed(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ours, launched = going_on(instance, **HEADLESS), going_on(instance)
    died_holding(data_root, COMMAND)
    report_died(data_root)
    assert (status(instance, ours), status(instance, launched)) == (FAILED, STARTED)
    assert (data_root.root / "writer.lock").read_text() == ""


def test_a_killed_run_that_was_launched_in_the_ui_is_reported_by_its_id(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    waits, died = going_on(instance), going_on(instance)
    died_holding(data_root, died)
    with writer(data_root):
        assert (status(instance, waits), status(instance, died)) == (STARTED, FAILED)


def test_while_somebody_writes_nothing_is_reported(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    run = going_on(instance, **HEADLESS)
    died_holding(data_root, COMMAND)
    descriptor = os.open(data_root.root / "writer.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        report_died(data_root)
        assert status(instance, run) == STARTED
    finally:
        os.close(descriptor)


def test_the_daemon_sees_to_it_within_the_request_sensor_s_time(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    run = going_on(instance, **HEADLESS)
    died_holding(data_root, COMMAND)
    with dg.build_sensor_context(instance=instance) as context:
        request_sensor(context)
    assert status(instance, run) == FAILED


def test_a_writer_that_ends_leaves_no_mark(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    run = going_on(instance, **HEADLESS)
    with writer(data_root):
        assert (data_root.root / "writer.lock").read_text() == COMMAND
    report_died(data_root)
    assert status(instance, run) == STARTED


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The clock by which runs are overdue goes on."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + by  # type: ignore[arg-type]

    monkeypatch.setattr(dead_runs, "datetime", Later)


def test_launched_runs_that_left_no_mark_free_their_places_in_the_queue(
    data_root: DataRoot, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a full disk leaves them: the lock given back, the end not written."""
    runs = [going_on(instance), going_on(instance)]
    with dg.build_sensor_context(instance=instance) as context:
        request_sensor(context)
        assert [status(instance, run) for run in runs] == [STARTED, STARTED]
        later(monkeypatch, dead_runs.SURELY_WRITING + timedelta(minutes=1))
        request_sensor(context)
    assert [status(instance, run) for run in runs] == [FAILED, FAILED]


def test_the_night_still_runs_with_dead_runs_in_both_places_of_the_queue(
    data_root: DataRoot, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of Dagster's own queue, by the shipped settings: two runs, one in the pool `lake`."""
    lake = RunOpConcurrency(
        root_key_counts={WRITER: 1}, has_unconstrained_root_nodes=False, all_pools={WRITER}
    )
    dead = [
        dg.DagsterRun("refresh", make_new_run_id(), status=STARTED, run_op_concurrency=lake)
        for _ in range(2)
    ]
    night = dg.DagsterRun(
        "refresh",
        make_new_run_id(),
        status=dg.DagsterRunStatus.QUEUED,
        run_op_concurrency=lake,
        remote_job_origin=command_runs._origin("refresh"),
    )
    for run in (*dead, night):
        instance.add_run(run)

    def dequeued() -> list[str]:
        queue = QueuedRunCoordinatorDaemon(interval_seconds=5)
        config = instance.get_concurrency_config()
        return [run.run_id for run in queue._get_runs_to_dequeue(instance, config, None)]

    assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
    assert dequeued() == []
    later(monkeypatch, dead_runs.SURELY_WRITING + timedelta(minutes=1))
    with dg.build_sensor_context(instance=instance) as context:
        request_sensor(context)
    assert dequeued() == [night.run_id]


def test_a_launched_run_that_is_writing_is_left_however_long_it_takes(
    data_root: DataRoot, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = going_on(instance)
    later(monkeypatch, timedelta(days=1))
    descriptor = os.open(data_root.root / "writer.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        report_died(data_root, instance)
        assert status(instance, run) == STARTED
    finally:
        os.close(descriptor)


def test_the_next_command_ends_the_runs_of_commands_before_it(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    ours, launched = going_on(instance, **HEADLESS), going_on(instance)
    with writer(data_root):
        assert dead_runs.end_dead_runs(instance) == 1
    assert (status(instance, ours), status(instance, launched)) == (FAILED, STARTED)


def test_a_run_ends_with_the_block_that_it_ran_in(
    data_root: DataRoot, instance: dg.DagsterInstance
) -> None:
    run = going_on(instance, **HEADLESS)
    with pytest.raises(OSError, match="space"), dead_runs.ended(instance, run):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert status(instance, run) == FAILED


def test_a_run_that_could_not_record_its_end_is_ended_by_the_next_process(
    data_root: DataRoot, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = going_on(instance, **HEADLESS)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(type(instance), "report_run_failed", full)
        with (
            pytest.raises(ValueError, match="first"),
            writer(data_root),
            dead_runs.ended(instance, run),
        ):
            raise ValueError("what happened first")
    assert status(instance, run) == STARTED
    report_died(data_root)
    assert status(instance, run) == FAILED
    assert (data_root.root / "writer.lock").read_text() == ""


def test_a_damaged_history_of_runs_keeps_nobody_from_writing(
    data_root: DataRoot, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
    prepare_dagster(data_root.root)
    history = data_root.dagster / "history"
    history.mkdir()
    (history / "runs.db").write_bytes(b"Matti" * 1000)
    died_holding(data_root, COMMAND)
    with writer(data_root):
        pass
    printed = capsys.readouterr().err
    assert printed.startswith("a run that died cannot be ended: Dagster's database is damaged")
    assert printed.count("\n") == 1
    assert "SQL" not in printed
    assert (data_root.root / "writer.lock").read_text() == COMMAND
