"""Who does something in the UI: the user that the proxy has signed in.

Runs carry theirs as a tag; what changes something without a run is a line in a list of actions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from assets.storage.actor import USER_NAME

USER_TAG = "register/user"
USER_HEADER = "X-Register-User"
"""The header in which the proxy passes on who has signed in."""
ACTIONS = "actions.jsonl"


def user_of(headers: Mapping[str, str]) -> str | None:
    """Return the user of a request that came through the proxy; None without a proper name."""
    name = headers.get(USER_HEADER, "")
    return name if USER_NAME.fullmatch(name) else None


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
