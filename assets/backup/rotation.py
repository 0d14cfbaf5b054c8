"""Generations go by age, as the policy has it: until when a backup from before an erasure or correction can still be opened.

A generation is over when the policy's period since the day on which it was made is over; then its key is
destroyed, and with it every copy of the file. Where none would be left, a new one is made first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from assets.backup.generations import Generation, destroy, every, make
from assets.storage.data_root import Home

_MOMENT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Rotated:
    """Names of the generations destroyed, oldest first, and of the one that was made because none would have been left."""

    destroyed: list[str]
    made: str | None


@dataclass(frozen=True)
class Holding:
    """How many generations from before a moment can still be opened, and the day on which the last of them is destroyed."""

    generations: int = 0
    until: date | None = None

    def told(self) -> dict[str, object]:
        """For certificates and machines."""
        return {
            "generations": self.generations,
            "until": self.until.isoformat() if self.until else None,
        }


def made_at(name: str) -> datetime | None:
    """When the generation of that name was made; None for a name that does not say it."""
    try:
        return datetime.strptime(name.rsplit("-", 1)[0], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def goes_on(home: Home, name: str) -> date | None:
    """The day on which the generation's key is to be destroyed."""
    made = made_at(name)
    return (
        home.policy.rule("backups")[1].period.after(made.astimezone(home.policy.zone).date())
        if made
        else None
    )


def over(home: Home, folder: Path | None, today: date) -> list[str]:
    """Generations that are to be gone on `today`, of which there is a key or a file still; oldest first."""
    return [
        one.name
        for one in every(home, folder)
        if (goes := goes_on(home, one.name)) and goes <= today
    ]


def rotate(home: Home, folder: Path | None, now: datetime) -> Rotated:
    """Destroy what is over. Only while the writer's lock is held; killed in between, the next run destroys the rest.

    Keys go wherever the files are. The new generation, when one is needed, is whole before the first key is destroyed.
    """
    gone = over(home, folder, now.astimezone(home.policy.zone).date())
    whole = [one.name for one in every(home, folder) if one.has_file and one.has_key]
    made = make(home, folder, now).name if whole and set(whole) <= set(gone) else None
    for name in gone:
        destroy(home, folder, name)
    return Rotated(gone, made)


def holding(home: Home, before: datetime | None = None, *, elsewhere: bool = False) -> Holding:
    """The generations that can still be opened and were made before the moment (all, without one), by their keys.

    `elsewhere`: only those whose file is not in the data root's own folder, and so was not renewed by the erasures since
    (`assets.backup.renewing`): they hold who was erased then. One whose name does not tell when it was made counts, and has no day.
    """
    keyed: list[Generation] = [
        one for one in every(home, None) if one.has_key and not (elsewhere and one.has_file)
    ]
    older = [
        one.name
        for one in keyed
        if before is None or (made := made_at(one.name)) is None or made <= before
    ]
    return Holding(
        len(older), max((goes for name in older if (goes := goes_on(home, name))), default=None)
    )
