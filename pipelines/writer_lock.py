"""The data root that REGISTER_HOME names, and the lock of its single writer.

Dagster is imported only where a run that died has to be reported: most commands need none.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from assets.backup import exchange
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError, describe
from assets.storage.secrets import PepperError
from assets.storage.suppression_state import PEPPER_PATH, SuppressionStateError
from pipelines.log_lines import log

if TYPE_CHECKING:
    from dagster import DagsterInstance

WAIT_SECONDS = 600
NOT_IN_PATHS = "?*[\\"
# The tag of runs in a command's own process, and the content of a lock that a command has.
HEADLESS = {"register/headless": "true"}
COMMAND = "command"
# Data roots that this process has locked: the command takes the lock, and its runs write under it.
_LOCKED: set[Path] = set()
# Those with a run that could not be ended in Dagster's storage: their lock keeps its mark.
_MARKED: set[Path] = set()


class BusyError(PlainError):
    """Another run has been writing to the data root for longer than the timeout."""


def data_root_path() -> Path:
    """Return the data root: REGISTER_HOME, or ./data.

    Raises:
        PlainError: Its path has a wildcard: Dagster and DuckDB would look for their files at what
            the path matches as a pattern.
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
    data_root: DataRoot,
    run_id: str = "",
    wait: float = WAIT_SECONDS,
    instance: DagsterInstance | None = None,
    *,
    checked: bool = True,
    migrating: bool = False,
) -> Iterator[None]:
    """Lock the data root for writing; a run that died with the lock is reported as failed.

    The operating system frees the lock when its process ends, so a killed run never blocks the
    next.

    Args:
        run_id: The id of the Dagster run that writes; empty for a command.
        wait: Seconds.
        instance: Where a dead run is reported; None for the data root's instance.
        checked: Whether pepper and suppression list must be as recorded. Not where they are put
            back.
        migrating: Whether the data root may have a layout that is too old to be used.

    Raises:
        BusyError: Another process has had the lock for longer than `wait` seconds.
        PlainError: Pepper or suppression list are not as recorded; the message says what to do.
    """
    data_root.create(migrating=migrating)
    if data_root.root in _LOCKED:
        yield
        return
    descriptor = os.open(_lock_path(data_root), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, wait)
        died = os.read(descriptor, 64).decode()
        if died and died != run_id:
            _report_died(data_root, died, instance)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, (run_id or COMMAND).encode(), 0)
        exchange.finish(data_root)
        if checked:
            check_suppressions(data_root)
        data_root.sweep()
        ledger.destroy_leftover_keys(data_root)
        _LOCKED.add(data_root.root)
        try:
            yield
        finally:
            _LOCKED.discard(data_root.root)
            if data_root.root not in _MARKED:
                os.ftruncate(descriptor, 0)
            _MARKED.discard(data_root.root)
    finally:
        os.close(descriptor)


def report_died(data_root: DataRoot, instance: DagsterInstance | None = None) -> None:
    """Report runs that died as failed, before the next one writes.

    Costs a look at the lock when none died, and one at the runs where an instance is given; does
    nothing while another process is writing.
    """
    if _lock_path(data_root).exists() and _lock_path(data_root).stat().st_size:
        with suppress(BusyError), writer(data_root, wait=0, instance=instance, checked=False):
            pass
    if instance is not None:
        from pipelines.dead_runs import end_dead_runs, is_any_overdue

        if is_any_overdue(instance):
            with (
                suppress(BusyError),
                writer(data_root, wait=0, instance=instance, checked=False),
            ):
                end_dead_runs(instance)


def check_suppressions(data_root: DataRoot) -> None:
    """Compare pepper and suppression list with what is recorded.

    Raises:
        PlainError: They differ; the message says which backup has what is lost.
    """
    from assets.erasure.proof import suppression_check

    try:
        suppression_check.check(data_root)
    except (PepperError, SuppressionStateError) as error:
        from assets.backup.older_suppressions import newest
        from assets.backup.suppression_copies import restore_lost

        lost = error.path if isinstance(error, SuppressionStateError) else PEPPER_PATH
        if generation := restore_lost(data_root, write=False).get(lost):
            where = f"`register repair` puts it back from backup {generation}"
        else:
            older = None if lost == PEPPER_PATH else newest(data_root)
            where = f"no backup in the data root has it{f'; {older}' if older else ''}"
        raise PlainError(f"{error}; {where}") from None


def _lock_path(data_root: DataRoot) -> Path:
    return data_root.root / "writer.lock"


def leave_marked() -> None:
    """Keep the mark of this process's lock: a run of it could not be ended in Dagster's storage.

    The next process that takes the lock ends the run.
    """
    _MARKED.update(_LOCKED)


def _report_died(data_root: DataRoot, died: str, instance: DagsterInstance | None) -> None:
    """End runs that died, where Dagster's storage can be used; else the lock keeps its mark.

    What is not Dagster's goes on with a storage that is damaged.
    """
    from pipelines.dagster_home import is_begun

    if instance is None and not is_begun(data_root.root):
        return
    from sqlalchemy.exc import DatabaseError

    from pipelines.dagster_instance import naming_damage, opened
    from pipelines.dead_runs import end_dead_runs

    try:
        with (
            nullcontext(instance) if instance else opened(data_root.root) as reported,
            naming_damage(),
        ):
            end_dead_runs(reported, died)
    except (DatabaseError, PlainError) as error:
        _MARKED.add(data_root.root)
        log(f"a run that died cannot be ended: {describe(error)}", "warning")


def _wait_for(descriptor: int, wait: float) -> None:
    end = time.monotonic() + wait
    announced = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise BusyError(
                    "another run is writing to this data root; try again when it has ended"
                ) from None
            if not announced:
                log("waiting: another run is writing to this data root", "warning")
                announced = True
            time.sleep(0.2)
        else:
            return
