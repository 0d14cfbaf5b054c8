"""Who does something: the user in the run's tag, or the user of the operating system.

The policy promises personal user names (P8): what changes a request records the actor.
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_RUN_OF: ContextVar[str] = ContextVar("run_of", default="")


def actor() -> str:
    """Return the user of the run that is going on in this process, else who runs the process."""
    return _RUN_OF.get() or operating_system_user()


@contextmanager
def acting(user: str) -> Iterator[None]:
    """Take a run's user for the actor; an empty name leaves who runs the process."""
    _RUN_OF.set(user)
    try:
        yield
    finally:
        _RUN_OF.set("")


def operating_system_user() -> str:
    """Return who runs this process: who called `sudo`, else the process's own user.

    In a container, where everybody is the same user, REGISTER_USER says who it is.
    """
    for variable in ("REGISTER_USER", "SUDO_USER"):
        if USER_NAME.fullmatch(name := os.environ.get(variable, "")):
            return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user of a container without a name
        return str(os.getuid())
