"""What runs are given: the data root, held by one writer at a time, and the day they count from."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from assets.backup import exchange
from assets.failing import PlainError
from assets.home import Home
from assets.rights import requests

WAIT_SECONDS = 600
# Data roots whose lock this process holds: the command takes it first, and its runs write under it.
_HELD: set[Path] = set()


class BusyError(PlainError):
    """Another run has been writing to the data root for longer than we wait."""


def home_path() -> Path:
    """REGISTER_HOME, or ./data."""
    return Path(os.environ.get("REGISTER_HOME", "data")).absolute()


@contextmanager
def writer(home: Home, run_id: str = "", wait: float = WAIT_SECONDS) -> Iterator[str]:
    """Hold the data root's writer lock; yields the id of a run that died holding it, or nothing.

    The operating system frees the lock with its process, however that ends, so a killed run never blocks the next. Raises
    BusyError when another process holds it for longer than `wait` seconds.
    """
    home.create()
    if home.root in _HELD:
        yield ""
        return
    descriptor = os.open(home.root / "writer.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, wait)
        died = os.read(descriptor, 64).decode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, run_id.encode(), 0)
        exchange.finish(home)
        home.sweep()
        requests.destroy_leftover_keys(home)
        _HELD.add(home.root)
        try:
            yield died
        finally:
            _HELD.discard(home.root)
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, wait: float) -> None:
    end = time.monotonic() + wait
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise BusyError("another run is writing to this data root; try again when it has ended") from None
            if not told:
                print("waiting: another run is writing to this data root", file=sys.stderr)
                told = True
            time.sleep(0.2)
        else:
            return


@dg.resource
def home_resource(context: dg.InitResourceContext) -> Iterator[Home]:
    """The data root, locked for the length of the run. A run that died with the lock is reported as failed."""
    home = Home(home_path())
    run_id = context.run.run_id if context.run else ""
    with writer(home, run_id) as died:
        if died and died != run_id and context.instance and (run := context.instance.get_run_by_id(died)) and not run.is_finished:
            context.instance.report_run_failed(run, "its process ended before the run did; the next run repeats its work")
        yield home
