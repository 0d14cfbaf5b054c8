"""The record of who has looked at personal data by a command: who, when, by what, which ids."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot

FILE = "private_views.jsonl"


def record_view(data_root: DataRoot, ids: Iterable[str]) -> None:
    """Append a line before anything personal is shown, durably.

    Args:
        ids: Of what is shown: requests, deliveries and records, never a value.
    """
    from assets.storage.actor import operating_system_user

    line = {
        "at": datetime.now(data_root.policy.zone).isoformat(timespec="seconds"),
        "actor": operating_system_user(),
        "command": click.get_current_context().command_path,
        "ids": list(ids),
    }
    descriptor = os.open(data_root.root / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
