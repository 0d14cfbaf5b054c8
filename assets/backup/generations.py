"""Generations of backups: each one file, sealed with a key of its own that is kept apart from it.

    <folder>/<generation>.backup              wherever backups are kept; by default `backups/` in the data root
    secrets/backup-keys/<generation>.key      32 random bytes; never in a backup

A generation holds the lake, the requests and the pepper: the suppression list is worthless without the pepper, and a
lake restored without the list brings everyone back. Not in it: marts (built anew), the inbox (deliveries come again), Dagster's
storage (history only), backup keys. Destroying the key destroys the generation, wherever copies of the file are.
"""

from __future__ import annotations

import os
import secrets
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from assets.backup.sealing import KEY_BYTES, Sealing
from assets.failing import PlainError
from assets.home import UNFINISHED, Home, remove, sync, writing

SUFFIX = ".backup"
# What of the data root a generation holds, as names in it.
CONTENT = ("lake", "requests", "secrets/pepper")


class BackupError(PlainError):
    """BACKUP-*: the backup cannot be made, found or opened; says what to do."""


@dataclass(frozen=True)
class Generation:
    """A backup that is there, or whose key is: without a key it can never be opened again."""

    name: str
    bytes: int
    has_file: bool
    has_key: bool


def folder_of(home: Home, folder: Path | None) -> Path:
    """Where backups are kept."""
    return (folder or home.root / "backups").absolute()


def key_path(home: Home, generation: str) -> Path:
    """Where the key of a generation is kept. Raises BackupError for what is no generation's name."""
    if not generation.replace("-", "").isalnum():
        raise BackupError("BACKUP-UNKNOWN: that is not the name of a generation; `register backup --list` shows them")
    return home.secrets / "backup-keys" / f"{generation}.key"


def make(home: Home, folder: Path | None, now: datetime) -> Generation:
    """Back up the data root as a new generation, which appears whole or not at all. Only while the writer's lock is held.

    The key is durable before the file has its name. Memory is bounded by a piece of the seal.
    """
    home.pepper  # noqa: B018  (made when there is none yet: a backup without it restores no suppression)
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    key = secrets.token_bytes(KEY_BYTES)
    path = folder_of(home, folder) / f"{name}{SUFFIX}"
    with writing(path) as unfinished:
        with unfinished.open("wb") as file, Sealing(file, key, name) as sealed, tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for part in CONTENT:
                _add(archive, home, home.root / part)
        with writing(key_path(home, name)) as keyed:
            keyed.write_bytes(key)
    return Generation(name, path.stat().st_size, has_file=True, has_key=True)


def _add(archive: tarfile.TarFile, home: Home, path: Path) -> None:
    """Files only, with their content, under their place in the data root; what is being written is left out."""
    for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if one.is_file() and not one.is_symlink() and not any(part.startswith(UNFINISHED) for part in one.parts):
            entry = tarfile.TarInfo(str(one.relative_to(home.root)))
            entry.size, entry.mode = one.stat().st_size, 0o600
            with one.open("rb") as file:
                archive.addfile(entry, file)


def every(home: Home, folder: Path | None) -> list[Generation]:
    """All generations of which there is a file or a key, oldest first."""
    place = folder_of(home, folder)
    files = {path.stem: path.stat().st_size for path in place.glob(f"*{SUFFIX}") if not path.name.startswith(UNFINISHED)} if place.is_dir() else {}
    keys = {path.stem for path in (home.secrets / "backup-keys").glob("*.key")}
    return [Generation(name, files.get(name, 0), name in files, name in keys) for name in sorted({*files, *keys})]


def destroy(home: Home, folder: Path | None, generation: str) -> None:
    """Overwrite and remove the key, then remove the file. Raises BackupError when there is neither.

    The key first: from then on every copy of the file, wherever it is, can never be opened again.
    """
    key, path = key_path(home, generation), folder_of(home, folder) / f"{generation}{SUFFIX}"
    if not key.exists() and not path.exists():
        raise BackupError("BACKUP-UNKNOWN: there is no generation of that name; `register backup --list` shows them")
    if key.exists():
        with key.open("r+b") as file:
            file.write(bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        remove(key)
    if path.exists():
        remove(path)


def keep(home: Home, folder: Path | None, number: int) -> list[str]:
    """Destroy all generations but the newest `number` whole ones; answers the names of the destroyed, oldest first."""
    there = every(home, folder)
    kept = [one.name for one in there if one.has_file and one.has_key][-number:]
    gone = [one.name for one in there if one.name not in kept]
    for name in gone:
        destroy(home, folder, name)
    return gone


def sync_tree(root: Path) -> None:
    """fsync every file and folder under a folder, and the folder."""
    for path in sorted(root.rglob("*"), reverse=True):
        sync(path)
    sync(root)
