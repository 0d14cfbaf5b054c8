"""The data root that REGISTER_HOME names, and the lock of its one writer.

Dagster is imported only where a run that died has to be reported: most commands need none.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from assets.backup import exchange
from assets.requests import ledger
from assets.storage.data_root import Home
from assets.storage.safe_errors import PlainError

if TYPE_CHECKING:
    from dagster import DagsterInstance

WAIT_SECONDS = 600
NOT_IN_PATHS = "?*[\\"
# The tag of runs that a command makes in its own process, and what the lock says while a command holds it.
HEADLESS = {"register/headless": "true"}
COMMAND = "command"
# Data roots whose lock this process holds: the command takes it first, and its runs write under it.
_HELD: set[Path] = set()


class BusyError(PlainError):
    """Another run has been writing to the data root for longer than we wait."""


def home_path() -> Path:
    """Return the data root: REGISTER_HOME, or ./data.

    Raises:
        PlainError: Its path has a character that takes a meaning of its own: Dagster looks for its
            settings, and DuckDB for its database, at what the path matches as a pattern.
    """
    root = Path(os.environ.get("REGISTER_HOME", "data")).absolute()
    if any(character in str(root) for character in NOT_IN_PATHS):
        raise PlainError(
            f"REGISTER_HOME has one of the characters {' '.join(NOT_IN_PATHS)} in its path, which "
            "DuckDB and Dagster take for a pattern: choose a folder without"
        )
    return root


@contextmanager
def writer(
    home: Home,
    run_id: str = "",
    wait: float = WAIT_SECONDS,
    instance: DagsterInstance | None = None,
) -> Iterator[None]:
    """Hold the data root's writer lock; a run that died holding it is reported to Dagster (`instance`, or the data root's) as failed.

    The operating system frees the lock with its process, however that ends, so a killed run never blocks the next. Raises
    BusyError when another process holds it for longer than `wait` seconds.
    """
    home.create()
    if home.root in _HELD:
        yield
        return
    descriptor = os.open(_lock_path(home), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, wait)
        died = os.read(descriptor, 64).decode()
        if died and died != run_id:
            _report_died(home, died, instance)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, (run_id or COMMAND).encode(), 0)
        exchange.finish(home)
        home.sweep()
        ledger.destroy_leftover_keys(home)
        _HELD.add(home.root)
        try:
            yield
        finally:
            _HELD.discard(home.root)
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def report_died(home: Home, instance: DagsterInstance | None = None) -> None:
    """Report the run that died as the last writer as failed, so that nothing takes it for running until the next one writes.

    Costs a look at the lock when nobody died; when somebody is writing, it is left to them.
    """
    if _lock_path(home).exists() and _lock_path(home).stat().st_size:
        with suppress(BusyError), writer(home, wait=0, instance=instance):
            pass


def _lock_path(home: Home) -> Path:
    return home.root / "writer.lock"


def _report_died(home: Home, died: str, instance: DagsterInstance | None) -> None:
    """By its id; of commands, that make one run after the other, by their tag. Dagster's own monitoring does not look after local processes."""
    if instance is None and not (home.dagster / "dagster.yaml").exists():
        return
    import dagster as dg

    from pipelines.dagster_home import prepare_dagster

    ended = (
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
        dg.DagsterRunStatus.CANCELED,
    )
    running = [status for status in dg.DagsterRunStatus if status not in ended]
    which = (
        dg.RunsFilter(tags=HEADLESS, statuses=running)
        if died == COMMAND
        else dg.RunsFilter(run_ids=[died], statuses=running)
    )
    if instance is None:
        prepare_dagster(home.root)
    with nullcontext(instance) if instance else dg.DagsterInstance.get() as reported:
        for run in reported.get_runs(which):
            reported.report_run_failed(
                run, "its process ended before the run did; the next run repeats its work"
            )


def _wait_for(descriptor: int, wait: float) -> None:
    end = time.monotonic() + wait
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise BusyError(
                    "another run is writing to this data root; try again when it has ended"
                ) from None
            if not told:
                print("waiting: another run is writing to this data root", file=sys.stderr)
                told = True
            time.sleep(0.2)
        else:
            return
