"""The command `register` as an operator has it: real processes on real folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.forked import Forked

COMMAND = str(Path(sys.executable).with_name("register"))
LAST_DAY = "2026-11-20"
AS_OF = ("--as-of", LAST_DAY)
LONGEST = 240


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def data(self) -> dict[str, Any]:
        """What it printed for machines."""
        data: dict[str, Any] = json.loads(self.out)
        return data


def environment(root: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DAGSTER_", "REGISTER_"))
    }
    return {
        **kept,
        "REGISTER_HOME": str(root),
        "REGISTER_MEMORY": "1GB",
        "REGISTER_LOG": "quiet",
    }


def start(root: Path, *arguments: str, **variables: str) -> Forked:
    """Start the command, in a process group of its own so that it can be killed as a whole."""
    return Forked([COMMAND, *arguments], {**environment(root), **variables}, root.parent)


def register(root: Path, *arguments: str) -> Ended:
    """Run the command to its end."""
    return ended(start(root, *arguments))


def console_script(root: Path, *arguments: str) -> Ended:
    """Run the command to its end by the console script, imports and all.

    Seconds slower than `register`: once for each command is enough.
    """
    process = subprocess.Popen(
        [COMMAND, *arguments],
        env=environment(root),
        cwd=root.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return ended(process)


def ended(process: Forked | subprocess.Popen[str]) -> Ended:
    """Wait for the end of the command."""
    started = time.monotonic()
    out, err = process.communicate(timeout=LONGEST)
    return Ended(process.returncode, out, err, time.monotonic() - started)


def refresh(root: Path, *arguments: str) -> Ended:
    return register(root, "refresh", *AS_OF, *arguments)


@dataclass(frozen=True)
class Refreshed:
    """A data root after its first refresh, which nothing disturbed."""

    root: Path
    ended: Ended
    contents: dict[str, list[tuple[Any, ...]]]
