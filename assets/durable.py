"""Files that are whole or not there: written under a temporary name, synced, and put in place by one rename."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"
# Files synced at the same time share a commit of the file system's journal.
SYNCED_TOGETHER = 16


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it, rename it into place, sync the folder.

    Killed at any moment, `path` is either what it was or whole and new. The file is readable by its owner only.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}-{path.suffix.lstrip('.')}")
    try:
        yield unfinished
        os.chmod(unfinished, 0o600)
        sync(unfinished)
        os.replace(unfinished, path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write each file as `writing` does, in the order given: synced side by side, renamed, each folder synced once at the end.

    Killed at any moment, the files that are new are the first of them.
    """
    made: dict[Path, Path] = {}
    try:
        for path, content in files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = path.with_name(f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}-{path.suffix.lstrip('.')}")
            made[path] = unfinished
            unfinished.write_bytes(content)
            os.chmod(unfinished, 0o600)
        if len(made) > 1:
            with ThreadPoolExecutor(SYNCED_TOGETHER) as threads:
                list(threads.map(sync, made.values()))
        else:
            for unfinished in made.values():
                sync(unfinished)
        for path, unfinished in made.items():
            os.replace(unfinished, path)
        for folder in {path.parent for path in made}:
            sync(folder)
    finally:
        for unfinished in made.values():
            unfinished.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Unlink a file, and make that durable."""
    path.unlink(missing_ok=True)
    if path.parent.exists():
        sync(path.parent)
