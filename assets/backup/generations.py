"""Generations of backups: each one file, encrypted with a key of its own that is kept apart.

    <folder>/<generation>.backup            by default in `backups/` of the data root
    <folder>/certificate-head.json          number and hash of the last certificate of an erasure,
                                            signed
    secrets/backup-keys/<generation>.key    32 random bytes, never in a backup; 64 during a renewal,
                                            the old key and the new

A generation contains the lake, the requests and the pepper: the suppression list is worthless
without the pepper, and a lake restored without the list brings every erased person back. Not in it:
marts (rebuilt), the inbox (deliveries come again), Dagster's storage (history only), backup keys.
Destroying the key destroys the generation, wherever copies of the file are.
"""

from __future__ import annotations

import os
import secrets
import tarfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from assets.backup.encryption import KEY_BYTES, DecryptionError, EncryptedReader, EncryptedWriter
from assets.erasure.proof import chain_heads
from assets.storage.atomic_files import UNFINISHED, remove, sync, writing
from assets.storage.backup_generations import (
    SUFFIX,
    BackupError,
    Generation,
    every,
    folder_of,
    key_path,
)
from assets.storage.data_root import DataRoot

# The parts of the data root that a generation contains.
CONTENT = ("lake", "requests", "secrets/pepper")


def make(data_root: DataRoot, folder: Path | None, now: datetime) -> Generation:
    """Back up the data root as a new generation, whole or not at all. Only under the writer's lock.

    The key is durable before the file has its name. Memory is bounded by a piece of the stream.
    What a killed backup left behind goes first: its key may be there, and no rotation knows it.
    """
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    key = secrets.token_bytes(KEY_BYTES)
    path = folder_of(data_root, folder) / f"{name}{SUFFIX}"
    remove(*path.parent.glob(f"{UNFINISHED}*"))
    with writing(path) as unfinished:
        _write_archive(data_root, unfinished, key, name)
        _write_keys(data_root, name, key)
    chain_heads.copy_to(data_root, path.parent)
    return Generation(name, path.stat().st_size, has_file=True, has_key=True)


def replace(data_root: DataRoot, folder: Path | None, name: str, content: DataRoot) -> None:
    """Replace a generation by a backup of `content` under a new key.

    The old key is destroyed, so that no copy of the old file can be opened. Killed at any moment,
    one of the keys opens the file.
    """
    path = folder_of(data_root, folder) / f"{name}{SUFFIX}"
    key = secrets.token_bytes(KEY_BYTES)
    _write_keys(data_root, name, *keys_of(data_root, name), key)
    with writing(path) as unfinished:
        _write_archive(content, unfinished, key, name)
    _write_keys(data_root, name, key)


def _write_archive(data_root: DataRoot, path: Path, key: bytes, name: str) -> None:
    with (
        path.open("wb") as file,
        EncryptedWriter(file, key, name) as stream,
        tarfile.open(fileobj=stream, mode="w|") as archive,  # type: ignore[call-overload]
    ):
        for part in CONTENT:
            _add(archive, data_root, data_root.root / part)


def _write_keys(data_root: DataRoot, name: str, *keys: bytes) -> None:
    """Replace the keys of a generation; the old file is overwritten at the end."""
    path = key_path(data_root, name)
    with ExitStack() as stack:
        before = stack.enter_context(path.open("r+b")) if path.exists() else None
        with writing(path) as unfinished:
            unfinished.write_bytes(b"".join(keys))
        if before:
            _overwrite(before)


def keys_of(data_root: DataRoot, name: str) -> list[bytes]:
    """Return the keys of a generation: one, or more if a renewal was killed."""
    content = key_path(data_root, name).read_bytes()
    return [content[start : start + KEY_BYTES] for start in range(0, len(content), KEY_BYTES)]


def open_generation(data_root: DataRoot, file: BinaryIO, name: str) -> EncryptedReader:
    """Return a reader of the generation's content, with the key that decrypts its beginning.

    Raises:
        DecryptionError: No key does; when reading.
    """
    *others, last = keys_of(data_root, name)
    for key in others:
        try:
            EncryptedReader(file, key, name).read(1)
        except DecryptionError:
            continue
        finally:
            file.seek(0)
        return EncryptedReader(file, key, name)
    return EncryptedReader(file, last, name)


def _add(archive: tarfile.TarFile, data_root: DataRoot, path: Path) -> None:
    """Add files only, under their path in the data root; unfinished files are left out."""
    for file_path in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if (
            file_path.is_file()
            and not file_path.is_symlink()
            and not any(part.startswith(UNFINISHED) for part in file_path.parts)
        ):
            entry = tarfile.TarInfo(str(file_path.relative_to(data_root.root)))
            entry.size, entry.mode = file_path.stat().st_size, 0o600
            with file_path.open("rb") as file:
                archive.addfile(entry, file)


def destroy(data_root: DataRoot, folder: Path | None, generation: str) -> None:
    """Overwrite and remove the key, then remove the file.

    The key first: from then on no copy of the file, wherever it is, can be opened.

    Raises:
        BackupError: There is neither.
    """
    key, path = (
        key_path(data_root, generation),
        folder_of(data_root, folder) / f"{generation}{SUFFIX}",
    )
    if not key.exists() and not path.exists():
        raise BackupError(
            "BACKUP-UNKNOWN: there is no generation of that name; `register backup --list` shows "
            "them"
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


def keep_newest(data_root: DataRoot, folder: Path | None, number: int) -> list[str]:
    """Destroy all but the newest `number` whole generations; return the destroyed, oldest first."""
    present = every(data_root, folder)
    kept = [generation.name for generation in present if generation.is_whole][-number:]
    destroyed = [generation.name for generation in present if generation.name not in kept]
    for name in destroyed:
        destroy(data_root, folder, name)
    return destroyed


def sync_tree(root: Path) -> None:
    """fsync every file and folder under a folder, and the folder."""
    for path in sorted(root.rglob("*"), reverse=True):
        sync(path)
    sync(root)
