"""Python imports this at start-up when its folder is on the path: the process group kills itself at
one durable step.

`KILLED_AT` is a pattern of paths relative to the data root. Just before a file of such a name is
renamed or removed, or just after one has been renamed to it, everything ends by SIGKILL: no handler
runs, and the moment is the same on every machine.
"""

import os
import signal
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

PATTERN = os.environ.get("KILLED_AT", "")
ROOT = Path(os.environ.get("REGISTER_HOME", "/"))


def _meant(path: Any) -> bool:
    try:
        return fnmatch(str(Path(os.fsdecode(path)).relative_to(ROOT)), PATTERN)
    except (TypeError, ValueError):
        return False


def _end() -> None:
    os.killpg(0, signal.SIGKILL)


def _renaming(real: Callable[..., None]) -> Callable[..., None]:
    def renamed(old: Any, new: Any, **more: Any) -> None:
        if _meant(old):
            _end()
        real(old, new, **more)
        if _meant(new):
            _end()

    return renamed


def _removing(real: Callable[..., None]) -> Callable[..., None]:
    def removed(path: Any, **more: Any) -> None:
        if _meant(path):
            _end()
        real(path, **more)

    return removed


if PATTERN:
    os.rename, os.replace = _renaming(os.rename), _renaming(os.replace)
    os.remove, os.unlink = _removing(os.remove), _removing(os.unlink)
