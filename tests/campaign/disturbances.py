"""What is done to a running command: it is killed or interrupted, or the disk is full."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from tests.support.commands import Ended, ended, start

ENOUGH = 4_000_000_000


class Kind(StrEnum):
    KILLED = "SIGKILL"
    TERMINATED = "SIGTERM"
    INTERRUPTED = "SIGINT"
    FULL_DISK = "full disk"


SIGNALS = {
    Kind.KILLED: signal.SIGKILL,
    Kind.TERMINATED: signal.SIGTERM,
    Kind.INTERRUPTED: signal.SIGINT,
}


def signalled(root: Path, kind: Kind, seconds: float, *arguments: str) -> Ended:
    """Run the command and send it the signal after so many seconds, if it still runs then."""
    process = start(root, *arguments)
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    if process.poll() is None:
        os.killpg(process.pid, SIGNALS[kind])
    return ended(process)


@contextmanager
def small_disk(folder: Path, size: int, *, files: int = 0) -> Iterator[None]:
    """A disk of so many bytes at the folder, and with room for so many files and folders if the
    number is not 0; needs the right to mount (`may_mount`).
    """
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size},nr_inodes={files}", "campaign", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def resize(folder: Path, size: int) -> None:
    _mount("-o", f"remount,size={size}", str(folder))


def may_mount(folder: Path) -> bool:
    """Whether this process may mount a disk of its own."""
    try:
        with small_disk(folder, 1_000_000):
            return True
    except (subprocess.CalledProcessError, FileNotFoundError):
        return False


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
