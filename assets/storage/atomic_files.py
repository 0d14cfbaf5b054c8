"""Files that are whole or absent: written under a temporary name, synced, renamed into place."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"
# Files synced at the same time share a commit of the file system's journal.
CONCURRENT_SYNCS = 16


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and rename it into place.

    Killed at any moment, `path` is either what it was or whole and new. The file is readable by its
    owner only.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = unfinished_path(path)
    try:
        yield unfinished
        os.chmod(unfinished, 0o600)
        sync(unfinished)
        os.replace(unfinished, path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write each file as `writing` does, in the order given, with as few syncs as possible.

    The files are synced concurrently, then renamed, and each folder is synced once at the end.
    Killed at any moment, the files that are new are the first of them.
    """
    made: dict[Path, Path] = {}
    try:
        for path in files:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made[path] = unfinished_path(path)
        side_by_side(lambda path: _write_synced(made[path], files[path]), list(made))
        for path, unfinished in made.items():
            os.replace(unfinished, path)
        for folder in {path.parent for path in made}:
            sync(folder)
    finally:
        for unfinished in made.values():
            unfinished.unlink(missing_ok=True)


def unfinished_path(path: Path) -> Path:
    """Return a temporary name with the process id: leftovers of ended processes are swept up."""
    return path.with_name(
        f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}-{path.suffix.lstrip('.')}"
    )


def _write_synced(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def side_by_side(action: Callable[[Path], None], paths: Sequence[Path]) -> None:
    """Call `action`, which syncs, on each path, in as many threads as share a commit."""

    def each(part: Sequence[Path]) -> None:
        for path in part:
            action(path)

    parts = [paths[first::CONCURRENT_SYNCS] for first in range(min(CONCURRENT_SYNCS, len(paths)))]
    if len(parts) > 1:
        with ThreadPoolExecutor(len(parts)) as threads:
            list(threads.map(each, parts))
    else:
        each(paths)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file or a folder; the operating system unlocks it when the process ends."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether somebody has locked a file; false if there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def sync(path: Path) -> None:
    """Make a file or a folder durable by fsync."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(*paths: Path) -> None:
    """Unlink files, and make that durable with one sync of each folder."""
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.exists():
            sync(folder)
