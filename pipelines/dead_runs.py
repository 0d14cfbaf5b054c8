"""Runs that Dagster takes for going on although their process has ended, and how they are ended.

A process that is killed, or that finds the disk full, cannot say that its run has ended. Such a run
would count as going on for good, and take one of the places of the queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.command_runs import is_foreign
from pipelines.writer_lock import HEADLESS, WAIT_SECONDS, leave_marked

UNENDED = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
SURELY_WRITING = timedelta(seconds=WAIT_SECONDS + 300)
"""So long after its start a run has the writer lock, or has given up waiting for it."""
_WHY = "its process ended before the run did; the next run repeats its work"


def end_dead_runs(instance: dg.DagsterInstance, died: str = "") -> int:
    """Report the runs as failed that no process is working on, and return their number.

    Call under the writer lock, with no run of this process going on: no other command and no run
    has the lock then. Runs that Dagster launched get some time, for they may wait for the lock.

    Args:
        died: The content of a lock that was left: a run's id.
    """
    dead = [
        run
        for record in _unended(instance)
        if (run := record.dagster_run).run_id == died
        or run.tags.items() >= HEADLESS.items()
        or _is_overdue(record)
    ]
    for run in dead:
        instance.report_run_failed(run, _WHY)
    return len(dead)


def is_any_overdue(instance: dg.DagsterInstance) -> bool:
    """Return whether a run would have to be writing, or to have ended, by now."""
    return any(_is_overdue(record) for record in _unended(instance))


@contextmanager
def ended(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """End a run of this process in Dagster's storage, however the block has ended.

    Where the storage does not take that either (a full disk), the lock keeps its mark, by which the
    next process ends the run.
    """
    try:
        yield
    finally:
        try:
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                instance.report_run_failed(run, _WHY)
        except Exception:  # noqa: BLE001  (what the block raised is what has happened)
            leave_marked()


def _unended(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """Return runs of this code location that have not ended; others' are not ours to end."""
    return [
        record
        for record in instance.get_run_records(dg.RunsFilter(statuses=list(UNENDED)))
        if not is_foreign(record.dagster_run)
    ]


def _is_overdue(record: dg.RunRecord) -> bool:
    return datetime.now(UTC) - record.update_timestamp.astimezone(UTC) > SURELY_WRITING
