"""A command that is asked to end does so at once, ends its run, and says that nothing is lost."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.commands import AS_OF, LONGEST, Refreshed, refresh, start
from tests.support.data_roots import contents, copied, differing, leftovers, unfinished_runs

STOPPED = "register: interrupted; the next run takes up where this one was"
# Files that are there when the refresh is at work on a step.
AT = {signal.SIGINT: "lake/raw/*/*/*.parquet", signal.SIGTERM: "lake/register/*.parquet"}


def test_an_interrupted_refresh_ends_its_run_and_the_next_one_takes_up(
    sampled: Path, refreshed: Refreshed, tmp_path: Path
) -> None:
    root = copied(sampled, tmp_path / "data")
    for number, pattern in AT.items():
        process = start(root, "refresh", *AS_OF)
        end = time.monotonic() + LONGEST
        while not any(root.glob(pattern)) and time.monotonic() < end:
            time.sleep(0.02)
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=LONGEST)
        assert (process.returncode, err.strip()) == (1, STOPPED)
        assert unfinished_runs(root) == []
        assert (root / "writer.lock").read_text() == ""
    assert refresh(root).code == 0
    assert differing(contents(root), refreshed.contents) == []
    assert leftovers(root) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_waits_for_another_one_can_be_interrupted(
    refreshed: Refreshed, tmp_path: Path, number: signal.Signals
) -> None:
    root = copied(refreshed.root, tmp_path / "data")
    descriptor = os.open(root / "writer.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        process = start(root, "janitor")
        assert process.stderr.readline() == ("waiting: another run is writing to this data root\n")
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=60)
    finally:
        os.close(descriptor)
    assert (process.returncode, err.strip()) == (1, STOPPED)
