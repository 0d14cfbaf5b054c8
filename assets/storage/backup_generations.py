"""Which generations of backups exist, by their files and keys, and until when one can be opened.

    <folder>/<generation>.backup            by default in `backups/` of the data root
    secrets/backup-keys/<generation>.key

Making and restoring them is in `assets/backup`; the proof of an erasure asks which can still be
opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from assets.storage.atomic_files import UNFINISHED
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError

SUFFIX = ".backup"
_MOMENT = "%Y%m%dT%H%M%SZ"


class BackupError(PlainError):
    """BACKUP-*: the backup cannot be made, found or opened; the message says what to do."""


@dataclass(frozen=True)
class Generation:
    """A backup of which the file or the key exists; without a key it can never be opened."""

    name: str
    bytes: int
    has_file: bool
    has_key: bool

    @property
    def is_whole(self) -> bool:
        return self.has_file and self.has_key


def folder_of(data_root: DataRoot, folder: Path | None) -> Path:
    """Return the folder of the backups."""
    return (folder or data_root.root / "backups").absolute()


def key_path(data_root: DataRoot, generation: str) -> Path:
    """Return the path of a generation's key.

    Raises:
        BackupError: It is not the name of a generation.
    """
    if not generation.replace("-", "").isalnum():
        raise BackupError(
            "BACKUP-UNKNOWN: that is not the name of a generation; `register backup --list` shows "
            "them"
        )
    return data_root.secrets / "backup-keys" / f"{generation}.key"


def every(data_root: DataRoot, folder: Path | None) -> list[Generation]:
    """Return all generations of which there is a file or a key, oldest first."""
    place = folder_of(data_root, folder)
    files = (
        {
            path.stem: path.stat().st_size
            for path in place.glob(f"*{SUFFIX}")
            if not path.name.startswith(UNFINISHED)
        }
        if place.is_dir()
        else {}
    )
    keys = {path.stem for path in (data_root.secrets / "backup-keys").glob("*.key")}
    return [
        Generation(name, files.get(name, 0), name in files, name in keys)
        for name in sorted({*files, *keys})
    ]


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


def expires_on(data_root: DataRoot, name: str) -> date | None:
    """Return the day on which the generation's key is to be destroyed."""
    made = made_at(name)
    return (
        data_root.policy.rule("backups")[1].period.after(
            made.astimezone(data_root.policy.zone).date()
        )
        if made
        else None
    )


def remaining(
    data_root: DataRoot, before: datetime | None = None, *, elsewhere: bool = False
) -> Remaining:
    """Count the generations that can still be opened, by their keys.

    Args:
        data_root: The data root.
        before: Only those made before this moment, or with a name that does not say when: these
            have no day of destruction.
        elsewhere: Only those without a file in the data root's own folder. The erasures since
            did not renew them (`assets.backup.renewing`), so they hold the people erased.
    """
    keyed = [
        generation.name
        for generation in every(data_root, None)
        if generation.has_key and not (elsewhere and generation.has_file)
    ]
    older = [
        name
        for name in keyed
        if before is None or (made := made_at(name)) is None or made <= before
    ]
    return Remaining(
        len(older),
        max((day for name in older if (day := expires_on(data_root, name))), default=None),
    )
