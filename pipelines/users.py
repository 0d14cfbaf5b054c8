"""Who does something: the user that the proxy has signed in, or the user of the operating system.

The policy promises personal user names (P8): runs carry theirs as a tag, and what changes something
without a run is a line in a list of actions.
"""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

USER_TAG = "register/user"
USER_HEADER = "X-Register-User"
"""The header in which the proxy passes on who has signed in."""
ACTIONS = "actions.jsonl"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")


def user_of(headers: Mapping[str, str]) -> str | None:
    """Return the user of a request that came through the proxy; None without a proper name."""
    name = headers.get(USER_HEADER, "")
    return name if _NAME.fullmatch(name) else None


def operating_system_user() -> str:
    """Return who runs this process: who called `sudo`, else the process's own user.

    In a container, where everybody is the same user, REGISTER_USER says who it is.
    """
    for variable in ("REGISTER_USER", "SUDO_USER"):
        if _NAME.fullmatch(name := os.environ.get(variable, "")):
            return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user of a container without a name
        return str(os.getuid())


def record_action(file: Path, user: str, action: Collection[str], ids: Collection[str]) -> None:
    """Add a line to a list of actions, durably: when, who, what, and opaque ids.

    Args:
        file: The list; made when missing.
        user: The user's name.
        action: Names of commands, or of mutations of the UI.
        ids: Ids of runs and requests.
    """
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "user": user,
        "action": list(action),
        "ids": list(ids),
    }
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{json.dumps(entry)}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
