"""Retention of backups: how long one from before an erasure or correction can still be opened.

A generation expires at the end of the policy's period, which starts on the day it was made; then
its key is destroyed, and with it every copy of the file. If none would be left, a new one is made
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from assets.backup.generations import destroy, make
from assets.storage.backup_generations import every, expires_on
from assets.storage.data_root import DataRoot


@dataclass(frozen=True)
class Rotated:
    """Names of the generations destroyed, oldest first, and of the one made if none was left."""

    destroyed: list[str]
    made: str | None


def expired(data_root: DataRoot, folder: Path | None, today: date) -> list[str]:
    """Return generations expired on `today` that still have a key or a file, oldest first."""
    return [
        generation.name
        for generation in every(data_root, folder)
        if (day := expires_on(data_root, generation.name)) and day <= today
    ]


def rotate(data_root: DataRoot, folder: Path | None, now: datetime) -> Rotated:
    """Destroy expired generations. Only under the writer's lock; repeatable when killed.

    Keys are destroyed wherever the files are. A new generation, if needed, is whole before the
    first key is destroyed.
    """
    past = expired(data_root, folder, now.astimezone(data_root.policy.zone).date())
    whole = [generation.name for generation in every(data_root, folder) if generation.is_whole]
    made = make(data_root, folder, now).name if whole and set(whole) <= set(past) else None
    for name in past:
        destroy(data_root, folder, name)
    return Rotated(past, made)
