"""Kill -9, at a durable step that is named or after a time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from tests.support.commands import LONGEST, start
from tests.support.forked import Forked

AT_START = Path(__file__).with_name("at_start")


def kill(process: Forked) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def killed_at(root: Path, pattern: str, *arguments: str) -> bool:
    """Run the command and kill it where `at_start/sitecustomize.py` finds the pattern; return
    whether it got there.
    """
    process = start(root, *arguments, KILLED_AT=pattern, PYTHONPATH=str(AT_START))
    process.communicate(timeout=LONGEST)
    return process.returncode == -signal.SIGKILL


def killed_after(root: Path, seconds: float, *arguments: str) -> bool:
    """Kill the command after a time; return whether it was still running."""
    process = start(root, *arguments)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            process.communicate()
            return False
        time.sleep(0.01)
    kill(process)
    return True
