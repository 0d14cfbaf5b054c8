"""What may be shown of an error: its kind and the places in our code, never its message.

Messages of exceptions quote data (a duplicate key, a failed cast), which would end up in the logs.
An error of the operating system concerns a file: of its path, relative to the data root, the names
that this code gave are shown, and never the name of a delivered file.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import traceback
from collections.abc import Collection
from pathlib import Path

from schemas.policy.refused import PolicyRefusedError

HERE = Path(__file__).parents[2]

_OURS = re.compile(
    r"lake|inbox|marts|requests|secrets|dagster|spill|outbox|backups?"
    r"|raw|staged|quarantine|register|deliveries|refused|fetched"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9a-f]{20}(?:\.parquet|\.json)?|Q[0-9A-Z]{16,20}(?:\.[a-z]+)?"
    r"|[0-9]+|\.unfinished-[0-9a-z-]+|\.sums"
)
# Files that this code names after its tables; in a folder where others put files, a name may be a
# person's.
_TABLE = re.compile(r"[a-z_]+\.(?:parquet|json|duckdb)|pepper|\.?lock")
_TO_DO = {
    errno.ENOSPC: "free space on the data root's disk, then run it again",
    errno.EDQUOT: "free space on the data root's disk or raise the quota, then run it again",
    errno.EACCES: "the data root and all in it must belong to the user that runs this",
    errno.EPERM: "the data root and all in it must belong to the user that runs this",
    errno.EROFS: "mount the data root's file system for writing",
    errno.EIO: "check the disk, then run it again",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit of open files",
}
# What DuckDB and Arrow say of files that are not whole, without what else they say.
_NOT_WHOLE = {
    "No magic bytes found": "truncated",
    "too small to be a Parquet file": "truncated",
    "Parquet magic bytes not found": "truncated",
    "smaller than the minimum file footer": "truncated",
    "decompression failure": "damaged",
    "not a valid DuckDB database file": "damaged",
    "Corrupt database file": "damaged",
}
_MISSING_MEMORY = re.compile(
    r"(?:allocate|pin) (?:block|data) of size ([\d.]+ \w+) \(([\d.]+ \w+)/([\d.]+ \w+) used\)"
)
# SQLite's result codes (https://sqlite.org/rescode.html) that are the system's, an extended one
# before its primary: the file of shared memory could not grow.
_SQLITE_SAYS = {
    sqlite3.SQLITE_IOERR_SHMSIZE: errno.ENOSPC,
    8: errno.EROFS,
    3: errno.EACCES,
    10: errno.EIO,
    13: errno.ENOSPC,
    14: errno.EACCES,
}
_SQLITE_BUSY = (5, 6)
_NAMES = {os.strerror(number): number for number in (*_TO_DO, errno.ENOENT)}
_QUOTED_PATH = re.compile(r"[\"'](/[^\"\n]*?)[\"'](?=[\s:,.)]|$)")


DAMAGED_HISTORY = (
    "Dagster's database is damaged, the register is not: stop `register ui` and move `dagster` out "
    "of the data root; the next run begins a new history of runs"
)


class PlainError(Exception):
    """An error with our own message: it says what to do, never quotes data and may be shown."""


def interruption(error: BaseException) -> BaseException | None:
    """Return the interrupt that an error comes from, or None.

    DuckDB ends a query by a RuntimeError when a signal's handler raises during it.
    """
    link: BaseException | None = error
    while link is not None and isinstance(link, Exception):
        link = link.__cause__ or link.__context__
    return link


def places(error: BaseException) -> list[str]:
    """Return where in our code it was raised, outermost first, as `file:line in function`."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if str(HERE) in frame.filename and "site-packages" not in frame.filename
    ]
    return [
        f"{Path(frame.filename).relative_to(HERE)}:{frame.lineno} in {frame.name}"
        for frame in frames
    ]


def describe(error: BaseException) -> str:
    """Return one line: the message if it may be shown, else the kind of error and its place."""
    if isinstance(error, PlainError | PolicyRefusedError):
        return str(error)
    where = places(error)
    place = where[-1] if where else "a place outside this code"
    if known := _of_the_system(error) or _of_a_file(error) or _of_dagsters_database(error):
        return f"{known} ({type(error).__name__} at {place})"
    return f"{type(error).__name__} at {place}; its message is withheld because it may quote data"


def _of_the_system(error: BaseException) -> str | None:
    """Return the operating system's error, its path and what to do; None for other errors."""
    import duckdb  # here, because the command line needs this module before it needs DuckDB

    if isinstance(error, OSError):
        number, path = error.errno, error.filename
    elif isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        number = next((_NAMES[name] for name in _NAMES if name in str(error)), None)
        path = _quoted_path(error)
    else:
        number, path = None, None
    return _out_of_memory(error) if number is None else _named(number, path)


def _named(number: int, path: object) -> str:
    """Return an error number of the operating system in words, with the path and what to do."""
    where = f": {own_path(path)}" if isinstance(path, str | os.PathLike) else ""
    if number == errno.ENOSPC and _inodes_are_scarcer():
        return f"no inode is free on the device{where}; remove files from it, then run it again"
    to_do = f"; {_TO_DO[number]}" if number in _TO_DO else ""
    return f"{os.strerror(number).lower()}{where}{to_do}"


def _inodes_are_scarcer() -> bool:
    """Return whether the data root's disk has less room for files than for bytes, by shares: what
    could not be written has been removed by now, so that neither is used up to the last.
    """
    try:
        device = os.statvfs(_root())
    except OSError:
        return False
    if not device.f_files or not device.f_blocks:
        return False
    return device.f_favail / device.f_files < 0.9 * device.f_bavail / device.f_blocks


def _out_of_memory(error: BaseException) -> str | None:
    import duckdb

    if isinstance(error, MemoryError):
        return "out of memory: the machine, or `ulimit -v`, gives this process no more"
    if not isinstance(error, duckdb.OutOfMemoryException):
        return None
    missing = _MISSING_MEMORY.search(str(error))
    more = f" ({missing[1]} more than the {missing[3]} that it may use)" if missing else ""
    return (
        f"out of memory, or of space to spill to{more}: raise REGISTER_MEMORY or free space in the "
        "data root's `spill`"
    )


def _of_a_file(error: BaseException) -> str | None:
    """Return which file of ours is not whole; None for other errors."""
    import duckdb

    what = next((what for text, what in _NOT_WHOLE.items() if text in str(error)), None)
    # Arrow's errors of files are ValueErrors, and are not imported for it.
    if what is None or not isinstance(error, duckdb.Error | ValueError):
        return None
    path = _quoted_path(error)
    return f"cannot read {own_path(path) if path else 'a file'}: {what}"


def _quoted_path(error: BaseException) -> str | None:
    quoted = _QUOTED_PATH.search(str(error))
    return quoted[1] if quoted else None


def _of_dagsters_database(error: BaseException) -> str | None:
    """Return what is wrong with Dagster's SQLite files, and how to begin new ones, else None.

    SQLAlchemy's message has the statement and its values; SQLite's code says what there is to say.
    """
    cause = getattr(error, "orig", error)
    if not isinstance(cause, sqlite3.Error):
        return None
    extended = getattr(cause, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if number := _SQLITE_SAYS.get(extended) or _SQLITE_SAYS.get(code):
        return _named(number, _root() / "dagster")
    if code in _SQLITE_BUSY:
        return "Dagster's database is in use by another process; try again"
    return DAMAGED_HISTORY


def own_path(path: str | os.PathLike[str]) -> str:
    """Return the path relative to the data root; `...` is all from the first name not ours."""
    root = _root()
    absolute = Path(os.fsdecode(path)).absolute()
    for base in (root, root.resolve()):
        if absolute == base:
            return "the data root"
        if absolute.is_relative_to(base):
            return "/".join(_own_parts(absolute.relative_to(base).parts))
    return "a file outside the data root"


def _root() -> Path:
    return Path(os.environ.get("REGISTER_HOME", "data")).absolute()


def _own_parts(parts: tuple[str, ...]) -> list[str]:
    sources = _sources()
    shown: list[str] = []
    for part in parts:
        table = parts[0] in ("lake", "marts", "secrets") and _TABLE.fullmatch(part)
        if not (_OURS.fullmatch(part) or table or part in sources):
            return [*shown, "..."]
        shown.append(part)
    return shown


def _sources() -> Collection[str]:
    """Return the names of the policy's sources; none, if the policy itself is what is wrong."""
    from schemas.policy.loader import load_policy

    try:
        return load_policy().sources
    except PolicyRefusedError:
        return ()
