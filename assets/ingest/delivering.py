"""Putting a delivery into the inbox: its file, then its manifest, both durable.

A file gets a name made of its hash. Delivered twice, it lies there once; and what the sender called
it, which may be a person's name, comes no further.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from pathlib import Path

from assets.ingest import deliveries
from assets.storage.atomic_files import locked, sync, unfinished_path, writing
from assets.storage.data_root import DataRoot
from schemas.delivery import Manifest, RefusedDeliveryError

_OWN_NAME = re.compile(r"[0-9a-f]{20}\.(dat|zip)")
_CHUNK = 8 << 20
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16le"}
_UTF_32 = b"\xff\xfe\x00\x00"


class State(StrEnum):
    """Where the bytes of a delivery are already."""

    NEW = "new"
    WAITING = "waiting"
    DECLARED_OTHERWISE = "waiting, declared otherwise"
    TAKEN_IN = "taken in"
    MISREAD = "taken in, declared otherwise"


def marked_encoding(path: Path) -> str | None:
    """Return the encoding that the file's byte-order mark shows; None without a known one."""
    with _opened(path) as descriptor:
        start = os.read(descriptor, 4)
    if start == _UTF_32:
        return None
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)


def describe(
    path: Path,
    *,
    dataset: str,
    encoding: str,
    first: date,
    last: date,
    purpose: str,
    purposes: Collection[str],
    records: int = 0,
) -> Manifest:
    """Return the manifest of a file.

    Raises:
        RefusedDeliveryError: It is no regular file, or `encoding`, period or purpose are none that
            a manifest may declare.
    """
    digest, size = hashlib.sha256(), 0
    with _opened(path) as descriptor:
        while chunk := os.read(descriptor, _CHUNK):
            digest.update(chunk)
            size += len(chunk)
    fields = {
        "dataset": dataset,
        "schema_version": "1",
        "encoding": encoding,
        "sha256": digest.hexdigest(),
        "bytes": size,
        "records": records,
        "period": {"from": str(first), "to": str(last)},
        "purpose": purpose,
    }
    return Manifest.parse(json.dumps(fields).encode(), purposes)


def ending(name: str) -> str:
    """Return how a delivery's name must end: readers know a zip file by it."""
    return ".zip" if name.lower().endswith(".zip") else ".dat"


@contextmanager
def unfinished(data_root: DataRoot, source: str, name: str = "") -> Iterator[Path]:
    """Yield an empty file to write a delivery into, which `place` moves to its place.

    Otherwise it is removed; after a kill, by the next command that writes. `name` is the sender's,
    of which the ending counts.
    """
    folder = data_root.inbox / source
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_no_link(folder)
    path = unfinished_path(folder / "delivery").with_suffix(ending(name))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with locked(path):
            yield path
    finally:
        path.unlink(missing_ok=True)


def copy(path: Path, to: Path, manifest: Manifest) -> None:
    """Copy the file that the manifest describes.

    Raises:
        RefusedDeliveryError: It has changed since.
    """
    digest = hashlib.sha256()
    with _opened(path) as descriptor, to.open("wb") as file:
        while chunk := os.read(descriptor, _CHUNK):
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != manifest.sha256:
        raise RefusedDeliveryError(
            "DEL-SHA256", "the file has changed while it was read: deliver it when it is whole"
        )


def state(data_root: DataRoot, source: str, day: str, name: str, manifest: Manifest) -> State:
    """Return whether the bytes of a delivery wait or were taken in already, on its day."""
    entry = deliveries.of_bytes(data_root, source, day, manifest.sha256)
    waiting = _path(data_root, source, day, name, manifest)
    beside = _beside(waiting)
    if waiting.exists() and beside.exists():
        same = Manifest.parse(beside.read_bytes()) == manifest
        return State.WAITING if same else State.DECLARED_OTHERWISE
    if entry is None:
        return State.NEW
    return State.TAKEN_IN if entry.read_as(manifest) else State.MISREAD


def place(
    data_root: DataRoot,
    source: str,
    day: str,
    content: Path,
    manifest: Manifest,
    *,
    replacing: bool = False,
) -> State:
    """Move a file of `unfinished` into the inbox, with its manifest; durable on return.

    What waits or was taken in as it is declared now stays as it is.

    Args:
        replacing: Replace the manifest of the same bytes that wait and are declared otherwise.
            Only under the writer's lock, or a refresh may be reading them.

    Returns:
        Where the bytes were before.
    """
    path = _path(data_root, source, day, content.name, manifest)
    with locked(path.parent.parent):
        _remove_cut(path.parent.parent)
        before = state(data_root, source, day, content.name, manifest)
        if before in (State.WAITING, State.TAKEN_IN) or (
            before is State.DECLARED_OTHERWISE and not replacing
        ):
            return before
        sync(content)
        _move(content, path)
        with writing(_beside(path)) as manifest_file:
            manifest_file.write_text(manifest.model_dump_json(by_alias=True))
        for folder in (path.parent.parent, data_root.inbox):
            sync(folder)
    return before


def put(
    data_root: DataRoot,
    source: str,
    dataset: str,
    data: bytes,
    *,
    records: int,
    day: date,
    purpose: str,
) -> str:
    """Put a delivery of our own making into the inbox, in UTF-8; return its SHA-256."""
    with unfinished(data_root, source) as content:
        content.write_bytes(data)
        manifest = describe(
            content,
            dataset=dataset,
            encoding="utf-8",
            first=day,
            last=day,
            purpose=purpose,
            purposes=data_root.policy.purposes,
            records=records,
        )
        place(data_root, source, str(day), content, manifest)
    return manifest.sha256


def _path(data_root: DataRoot, source: str, day: str, name: str, manifest: Manifest) -> Path:
    return data_root.inbox / source / day / f"{manifest.sha256[:20]}{ending(name)}"


def _beside(path: Path) -> Path:
    return path.with_name(path.name + deliveries.MANIFEST)


def _move(content: Path, path: Path) -> None:
    """Rename a file into its day's folder, which a refresh removes when it is empty."""
    while True:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _check_no_link(path.parent)
        try:
            os.replace(content, path)
        except FileNotFoundError:
            if not content.exists():
                raise
        else:
            sync(path.parent)
            return


def _check_no_link(folder: Path) -> None:
    """Refuse a folder of the inbox that is a link: a refresh does not look behind it."""
    if folder.is_symlink():
        raise RefusedDeliveryError("DEL-NOT-A-FILE", "a folder of the inbox is a link: remove it")


def _remove_cut(inbox: Path) -> None:
    """Remove files that a kill has left here without a manifest; they are delivered again."""
    for path in inbox.glob("*/*"):
        if _OWN_NAME.fullmatch(path.name) and not _beside(path).exists():
            path.unlink()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a regular file, never what a link leads to; yield the descriptor.

    Raises:
        RefusedDeliveryError: It is none, or may not be read.
    """
    deliveries.check_regular(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        raise RefusedDeliveryError("DEL-UNREADABLE") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
