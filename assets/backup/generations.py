"""Generations of backups: each one file, sealed with a key of its own that is kept apart from it.

    <folder>/<generation>.backup              wherever backups are kept; by default `backups/` in the data root
    <folder>/certificate-head.json            the last certificate of an erasure, by number and hash, signed
    secrets/backup-keys/<generation>.key      32 random bytes; never in a backup (64 while it is renewed: the key that was, the one to be)

A generation holds the lake, the requests and the pepper: the suppression list is worthless without the pepper, and a
lake restored without the list brings everyone back. Not in it: marts (built anew), the inbox (deliveries come again), Dagster's
storage (history only), backup keys. Destroying the key destroys the generation, wherever copies of the file are.
"""

from __future__ import annotations

import os
import secrets
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from assets.backup.encryption import KEY_BYTES, SealError, Sealing, Unsealing
from assets.erasure.proof import chain_heads
from assets.storage.atomic_files import UNFINISHED, remove, sync, writing
from assets.storage.data_root import Home
from assets.storage.safe_errors import PlainError

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
        raise BackupError(
            "BACKUP-UNKNOWN: that is not the name of a generation; `register backup --list` shows them"
        )
    return home.secrets / "backup-keys" / f"{generation}.key"


def make(home: Home, folder: Path | None, now: datetime) -> Generation:
    """Back up the data root as a new generation, which appears whole or not at all. Only while the writer's lock is held.

    The key is durable before the file has its name. Memory is bounded by a piece of the seal.
    """
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    key = secrets.token_bytes(KEY_BYTES)
    path = folder_of(home, folder) / f"{name}{SUFFIX}"
    with writing(path) as unfinished:
        _seal(home, unfinished, key, name)
        _write_keys(home, name, key)
    chain_heads.copy_to(home, path.parent)
    return Generation(name, path.stat().st_size, has_file=True, has_key=True)


def replace(home: Home, folder: Path | None, name: str, content: Home) -> None:
    """Put what `content` holds in the place of a generation, under a new key; the old key is gone, and with it every copy of the old file.

    Killed at any moment, one of the keys that are there opens the file that is there.
    """
    path, before, key = (
        folder_of(home, folder) / f"{name}{SUFFIX}",
        keys_of(home, name),
        secrets.token_bytes(KEY_BYTES),
    )
    _write_keys(home, name, *before, key)
    with writing(path) as unfinished:
        _seal(content, unfinished, key, name)
    _write_keys(home, name, key)


def _seal(home: Home, path: Path, key: bytes, name: str) -> None:
    with (
        path.open("wb") as file,
        Sealing(file, key, name) as sealed,
        tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as archive,  # type: ignore[call-overload]
    ):
        for part in CONTENT:
            _add(archive, home, home.root / part)


def _write_keys(home: Home, name: str, *keys: bytes) -> None:
    """Write the keys of a generation; the file that was there is overwritten once the new one stands in its place."""
    path = key_path(home, name)
    with ExitStack() as stack:
        before = stack.enter_context(path.open("r+b")) if path.exists() else None
        with writing(path) as unfinished:
            unfinished.write_bytes(b"".join(keys))
        if before:
            _overwrite(before)


def keys_of(home: Home, name: str) -> list[bytes]:
    """The keys of a generation: one, or more where a renewal was killed."""
    content = key_path(home, name).read_bytes()
    return [content[start : start + KEY_BYTES] for start in range(0, len(content), KEY_BYTES)]


def opened(home: Home, file: BinaryIO, name: str) -> Unsealing:
    """The generation's content, to be read; by the key that opens its beginning. Raises SealError when none does."""
    *others, last = keys_of(home, name)
    for key in others:
        try:
            Unsealing(file, key, name).read(1)
        except SealError:
            continue
        finally:
            file.seek(0)
        return Unsealing(file, key, name)
    return Unsealing(file, last, name)


def _add(archive: tarfile.TarFile, home: Home, path: Path) -> None:
    """Files only, with their content, under their place in the data root; what is being written is left out."""
    for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if (
            one.is_file()
            and not one.is_symlink()
            and not any(part.startswith(UNFINISHED) for part in one.parts)
        ):
            entry = tarfile.TarInfo(str(one.relative_to(home.root)))
            entry.size, entry.mode = one.stat().st_size, 0o600
            with one.open("rb") as file:
                archive.addfile(entry, file)


def every(home: Home, folder: Path | None) -> list[Generation]:
    """All generations of which there is a file or a key, oldest first."""
    place = folder_of(home, folder)
    files = (
        {
            path.stem: path.stat().st_size
            for path in place.glob(f"*{SUFFIX}")
            if not path.name.startswith(UNFINISHED)
        }
        if place.is_dir()
        else {}
    )
    keys = {path.stem for path in (home.secrets / "backup-keys").glob("*.key")}
    return [
        Generation(name, files.get(name, 0), name in files, name in keys)
        for name in sorted({*files, *keys})
    ]


def destroy(home: Home, folder: Path | None, generation: str) -> None:
    """Overwrite and remove the key, then remove the file. Raises BackupError when there is neither.

    The key first: from then on every copy of the file, wherever it is, can never be opened again.
    """
    key, path = key_path(home, generation), folder_of(home, folder) / f"{generation}{SUFFIX}"
    if not key.exists() and not path.exists():
        raise BackupError(
            "BACKUP-UNKNOWN: there is no generation of that name; `register backup --list` shows them"
        )
    if key.exists():
        with key.open("r+b") as file:
            _overwrite(file)
        remove(key)
    if path.exists():
        remove(path)


def _overwrite(file: BinaryIO) -> None:
    file.write(bytes(os.fstat(file.fileno()).st_size))
    file.flush()
    os.fsync(file.fileno())


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
