"""Running a command and measuring it: seconds, processor seconds and peak memory; and what the
machine is.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

GIB = 1 << 30


class BenchError(Exception):
    """A measured command has failed; the message ends with its last output."""


@dataclass(frozen=True)
class Measured:
    """One command that ended well. `peak` is the largest resident set of its process, in bytes."""

    seconds: float
    processor: float
    peak: int
    out: str


def measure(command: list[str], environment: dict[str, str], log: Path) -> Measured:
    """Run a command to its end; raises BenchError when it fails."""
    with log.open("w+b") as out, log.with_suffix(".err").open("w+b") as err:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=out, stderr=err, cwd=log.parent
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        output = out.read().decode()
        if process.returncode != 0:
            errors = [
                line
                for line in err.read().decode().splitlines()
                if "Error" in line or line.startswith("register:")
            ]
            raise BenchError(
                f"{Path(command[0]).name} {' '.join(command[1:3])} ended with "
                f"{process.returncode}: {' '.join(errors[-1:])}"
            )
    return Measured(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, output)


def machine() -> str:
    """Cores and memory that this process may use, and how busy they are with something else."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, {_memory() / GIB:.0f} GiB of memory; load before the first run "
        f"{os.getloadavg()[0]:.1f}"
    )


def _memory() -> int:
    """The container's bound if there is one, else the machine's memory."""
    bound = Path("/sys/fs/cgroup/memory.max")
    text = bound.read_text().strip() if bound.exists() else "max"
    total = int(psutil.virtual_memory().total)
    return min(total, int(text)) if text.isdigit() else total


def warm(folder: Path) -> int:
    """Read every file once, so that neither side pays for a cold disk; return their bytes."""
    return sum(len(path.read_bytes()) for path in folder.rglob("*") if path.is_file())
