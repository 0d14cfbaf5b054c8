"""Files that their folder vouches for: size and SHA-256 of each are recorded beside them.

    <folder>/.sums   a line per file: flag, SHA-256, bytes, CRC-32 of the line, name

A file is recorded as expected (`?`) and that is durable, then it is renamed into place as in
`atomic_files`, then it is recorded as written (`=`). Killed in between, the file is the one before
or the one expected, and either counts as intact. A removal is recorded the same way. What is
replaced is left out of the record with its name, so that no hash of erased data stays; in folders
of many files that is done by `forget_replaced`.

Cost: one more sync of a small file per write, and hashing what was written.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assets.storage import atomic_files
from assets.storage.atomic_files import UNFINISHED, locked, sync
from assets.storage.safe_errors import PlainError, own_path

SUMS = ".sums"
_WRITTEN, _EXPECTED = "=", "?"
# Up to this size, a record is rewritten without what was replaced at each change.
_SMALL = 16_384


class DamagedFileError(PlainError):
    """A file is missing or not what was written; the message has its path and a rule code."""

    def __init__(self, code: str, path: Path) -> None:
        what = {"FILE-MISSING": "is missing", "FILE-CHANGED": "is not what was written"}[code]
        super().__init__(
            f"{code}: {own_path(path)} {what}; `register repair` says what can be made again, and "
            "from what"
        )
        self.code = code
        self.path = path


@dataclass(frozen=True)
class Sum:
    """What a file is; without a hash: none."""

    sha256: str
    bytes: int


ABSENT = Sum("-", 0)
ANYTHING = Sum("*", 0)
"""What was there before the first record of a name: nothing is known of it."""


@dataclass
class Record:
    """What a folder's record accepts, by name; more than one while a file is being replaced.

    Attributes:
        is_damaged: Lines of the record are not what was written.
    """

    accepted: dict[str, list[Sum]] = field(default_factory=dict)
    is_damaged: bool = False


def sum_of(path: Path) -> Sum:
    """Return what a file is; it is read to its end."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Sum(digest, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        return ABSENT


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path, as `atomic_files.writing`; on success the file is recorded."""
    with atomic_files.writing(path) as unfinished:
        yield unfinished
        new = {path.name: sum_of(unfinished)}
        _append(path.parent, _EXPECTED, new)
    _settle(path.parent, new)


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write and record files, as `atomic_files.write_all`."""
    folders: dict[Path, dict[str, Sum]] = {}
    for path, content in files.items():
        folders.setdefault(path.parent, {})[path.name] = Sum(
            hashlib.sha256(content).hexdigest(), len(content)
        )
    for folder, new in folders.items():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _append(folder, _EXPECTED, new)
    atomic_files.write_all(files)
    for folder, new in folders.items():
        _settle(folder, new)


def append_line(path: Path, entry: Mapping[str, object]) -> None:
    """Add a line of JSON to a file; it is replaced whole."""
    before = path.read_bytes() if path.exists() else b""
    write_all({path: before + json.dumps(entry, sort_keys=True).encode() + b"\n"})


def remove(*paths: Path) -> None:
    """Remove files, durably, and their entries in the record."""
    folders: dict[Path, dict[str, Sum]] = {}
    for path in paths:
        if (path.parent / SUMS).exists():
            folders.setdefault(path.parent, {})[path.name] = ABSENT
    for folder, absent in folders.items():
        _append(folder, _EXPECTED, absent)
    atomic_files.remove(*paths)
    for folder, absent in folders.items():
        _settle(folder, absent)


def move(path: Path, to: Path) -> None:
    """Rename a file over another one, durably; `to` is recorded, `path` is not any more."""
    new = {to.name: sum_of(path)}
    leaves = {path.name: ABSENT} if (path.parent / SUMS).exists() else {}
    _append(to.parent, _EXPECTED, new)
    if leaves:
        _append(path.parent, _EXPECTED, leaves)
    sync(path)
    os.replace(path, to)
    for folder in {to.parent, path.parent}:
        sync(folder)
    _settle(to.parent, new)
    _settle(path.parent, leaves)


def record(folder: Path, names: Iterable[str] | None = None) -> int:
    """Record files as they are, all or those named; what is recorded of others stays.

    Returns:
        The number of files.
    """
    listed = files_of(folder) if names is None else [folder / name for name in names]
    sums = {path.name: sum_of(path) for path in listed}
    with locked(folder):
        accepted = read(folder).accepted if names is not None else {}
        _rewrite(folder, accepted | {name: [each] for name, each in sums.items()})
        sync(folder / SUMS)
    return len(sums)


def files_of(folder: Path) -> list[Path]:
    """Return the files in a folder that it may vouch for, sorted."""
    return sorted(
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and path.name != SUMS and not path.name.startswith(UNFINISHED)
    )


def read(folder: Path) -> Record:
    """Return what a folder's record accepts. A last line torn by a kill is left out."""
    record = Record()
    try:
        content = (folder / SUMS).read_bytes()
    except FileNotFoundError:
        return record
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            flag, sha256, size, check, name = line.decode().split(" ", 4)
        except ValueError:
            record.is_damaged = True
            continue
        if check != _checksum(flag, sha256, size, name):
            record.is_damaged = True
            continue
        each = Sum(sha256, int(size))
        before = record.accepted.get(name, [ANYTHING])
        record.accepted[name] = [each] if flag == _WRITTEN else [*before, each]
    return record


def fault(path: Path, record: Record | None = None, *, once: bool = False) -> str:
    """Return the rule code of what is wrong with a file; empty when nothing is, or it is not
    recorded. The file is read to its end, unless its size is wrong already.

    Args:
        path: The file.
        record: What its folder's record accepts, if it was read already.
        once: Whether a file that this process has hashed before, and that has not been written
            since, is not read again.
    """
    accepted = (record or read(path.parent)).accepted.get(path.name)
    if accepted is None or ANYTHING in accepted:
        return ""
    if not path.exists():
        return "" if ABSENT in accepted else "FILE-MISSING"
    if path.stat().st_size not in {each.bytes for each in accepted if each != ABSENT}:
        return "FILE-CHANGED"
    return "" if (_sum_once(path) if once else sum_of(path)) in accepted else "FILE-CHANGED"


# Path -> identity, size and time of the file that was hashed, and its sum.
_HASHED: dict[Path, tuple[tuple[int, int, int], Sum]] = {}


def _sum_once(path: Path) -> Sum:
    state = path.stat()
    now = (state.st_ino, state.st_size, state.st_mtime_ns)
    hashed, found = _HASHED.get(path, (None, ABSENT))
    if hashed != now:
        found = sum_of(path)
        _HASHED[path] = (now, found)
    return found


def check(*paths: Path, once: bool = False) -> None:
    """Compare files with what their folders have recorded; `once` as in `fault`.

    Raises:
        DamagedFileError: The first that is missing or not what was written.
    """
    records: dict[Path, Record] = {}
    for path in paths:
        if path.parent not in records:
            records[path.parent] = read(path.parent)
        if code := fault(path, records[path.parent], once=once):
            raise DamagedFileError(code, path)


def check_folder(folder: Path) -> None:
    """Compare every recorded file of a folder, once in a process.

    Raises:
        DamagedFileError: The first that is missing or not what was written.
    """
    known = read(folder)
    for name in known.accepted:
        if code := fault(folder / name, known, once=True):
            raise DamagedFileError(code, folder / name)


def forget_replaced(root: Path) -> None:
    """Leave out of every record below a folder what was replaced or removed since."""
    for path in root.rglob(SUMS):
        if path.stat().st_size > _SMALL:
            with locked(path.parent):
                _rewrite(path.parent, read(path.parent).accepted)


def _settle(folder: Path, new: Mapping[str, Sum]) -> None:
    """Record what was expected as written, and in a small record nothing that was before."""
    if not new:
        return
    if (folder / SUMS).stat().st_size > _SMALL:
        _append(folder, _WRITTEN, new)
        return
    with locked(folder):
        _rewrite(folder, read(folder).accepted | {name: [each] for name, each in new.items()})


def _append(folder: Path, flag: str, sums: Mapping[str, Sum]) -> None:
    """Add lines to a folder's record, durably if they announce a change; a torn line is cut off."""
    lines = b"".join(_line(flag, name, each) for name, each in sums.items())
    with (
        locked(folder),
        os.fdopen(os.open(folder / SUMS, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file,
    ):
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(max(0, end - 1024))
            tail = file.read()
            end -= len(tail) - (tail.rfind(b"\n") + 1)
            file.truncate(end)
            file.seek(end)
        file.write(lines)
        file.flush()
        if flag == _EXPECTED:
            os.fsync(file.fileno())


def _rewrite(folder: Path, accepted: Mapping[str, list[Sum]]) -> None:
    """Replace a folder's record; names that were removed are left out."""
    lines = []
    for name, sums in accepted.items():
        if sums == [ABSENT]:
            continue
        first, *expected = sums
        lines += [] if first == ANYTHING else [_line(_WRITTEN, name, first)]
        lines += [_line(_EXPECTED, name, each) for each in expected]
    unfinished = folder / f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}-sums"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(b"".join(lines))
    os.replace(unfinished, folder / SUMS)


def _line(flag: str, name: str, each: Sum) -> bytes:
    check = _checksum(flag, each.sha256, str(each.bytes), name)
    return f"{flag} {each.sha256} {each.bytes} {check} {name}\n".encode()


def _checksum(flag: str, sha256: str, size: str, name: str) -> str:
    return f"{zlib.crc32(f'{flag} {sha256} {size} {name}'.encode()):08x}"
