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
from assets.storage.data_root import Home


@dataclass(frozen=True)
class Rotated:
    """Names of the generations destroyed, oldest first, and of the one made if none was left."""

    destroyed: list[str]
    made: str | None


def expired(home: Home, folder: Path | None, today: date) -> list[str]:
    """Return generations expired on `today` that still have a key or a file, oldest first."""
    return [
        generation.name
        for generation in every(home, folder)
        if (day := expires_on(home, generation.name)) and day <= today
    ]


def rotate(home: Home, folder: Path | None, now: datetime) -> Rotated:
    """Destroy expired generations. Only under the writer's lock; repeatable when killed.

    Keys are destroyed wherever the files are. A new generation, if needed, is whole before the
    first key is destroyed.
    """
    past = expired(home, folder, now.astimezone(home.policy.zone).date())
    whole = [generation.name for generation in every(home, folder) if generation.is_whole]
    made = make(home, folder, now).name if whole and set(whole) <= set(past) else None
    for name in past:
        destroy(home, folder, name)
    return Rotated(past, made)
