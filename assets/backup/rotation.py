"""Retention of backups: how long one from before an erasure or correction can still be opened.

A generation expires at the end of the policy's period, which starts on the day it was made; then
its key is destroyed, and with it every copy of the file. If none would be left, a new one is made
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from assets.backup.generations import destroy, every, make
from assets.storage.data_root import Home

_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Rotated:
    """Names of the generations destroyed, oldest first, and of the one made if none was left."""

    destroyed: list[str]
    made: str | None


@dataclass(frozen=True)
class Remaining:
    """How many generations can still be opened, and the day on which the last is destroyed."""

    generations: int = 0
    until: date | None = None

    def as_data(self) -> dict[str, object]:
        """Return it for certificates and machines."""
        return {
            "generations": self.generations,
            "until": self.until.isoformat() if self.until else None,
        }


def made_at(name: str) -> datetime | None:
    """Return when the generation was made, None if its name does not have it."""
    try:
        return datetime.strptime(name.rsplit("-", 1)[0], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def expires_on(home: Home, name: str) -> date | None:
    """Return the day on which the generation's key is to be destroyed."""
    made = made_at(name)
    return (
        home.policy.rule("backups")[1].period.after(made.astimezone(home.policy.zone).date())
        if made
        else None
    )


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


def remaining(home: Home, before: datetime | None = None, *, elsewhere: bool = False) -> Remaining:
    """Count the generations that can still be opened, by their keys.

    Args:
        home: The data root.
        before: Only those made before this moment, or with a name that does not say when: these
            have no day of destruction.
        elsewhere: Only those whose file is not in the data root's own folder. The erasures since
            did not renew them (`assets.backup.renewing`), so they hold the people erased.
    """
    keyed = [
        generation.name
        for generation in every(home, None)
        if generation.has_key and not (elsewhere and generation.has_file)
    ]
    older = [
        name
        for name in keyed
        if before is None or (made := made_at(name)) is None or made <= before
    ]
    return Remaining(
        len(older), max((day for name in older if (day := expires_on(home, name))), default=None)
    )
