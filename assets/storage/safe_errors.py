"""What may be shown of an error: its kind and the places in our code, never its message.

Messages of exceptions quote data (a duplicate key, a failed cast), which would end up in the logs.
An error of the operating system concerns a file: of its path, relative to the data root, the names
that this code gave are shown, and never the name of a delivered file.
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Collection
from pathlib import Path

from schemas.policy.refused import PolicyRefusedError

HERE = Path(__file__).parents[2]

_OURS = re.compile(
    r"lake|inbox|marts|requests|secrets|dagster|spill|outbox|backups?"
    r"|raw|staged|quarantine|register|deliveries|refused"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9a-f]{20}(?:\.parquet|\.json)?|Q[0-9A-Z]{16,20}(?:\.[a-z]+)?"
    r"|[0-9]+|\.unfinished-[0-9a-z-]+"
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
_NAMES = {os.strerror(number): number for number in (*_TO_DO, errno.ENOENT)}
_QUOTED_PATH = re.compile(r"[\"'](/[^\"\n]*?)[\"'](?=[\s:,.)]|$)")


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
    if system := _of_the_system(error):
        return f"{system} ({type(error).__name__} at {place})"
    return f"{type(error).__name__} at {place}; its message is withheld because it may quote data"


def _of_the_system(error: BaseException) -> str | None:
    """Return the operating system's error, its path and what to do; None for other errors."""
    import duckdb  # here, because the command line needs this module before it needs DuckDB

    if isinstance(error, OSError):
        number, path = error.errno, error.filename
    elif isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
        number = next((_NAMES[name] for name in _NAMES if name in str(error)), None)
        quoted = _QUOTED_PATH.search(str(error))
        path = quoted[1] if quoted else None
    else:
        return None
    if number is None:
        return _out_of_memory(error)
    where = f": {own_path(path)}" if isinstance(path, str | os.PathLike) else ""
    to_do = f"; {_TO_DO[number]}" if number in _TO_DO else ""
    return f"{os.strerror(number).lower()}{where}{to_do}"


def _out_of_memory(error: BaseException) -> str | None:
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            "out of memory, or of space to spill to: raise REGISTER_MEMORY or free space in the "
            "data root's `spill`"
        )
    return None


def own_path(path: str | os.PathLike[str]) -> str:
    """Return the path relative to the data root; `...` is all from the first name not ours."""
    root = Path(os.environ.get("REGISTER_HOME", "data")).absolute()
    absolute = Path(os.fsdecode(path)).absolute()
    for base in (root, root.resolve()):
        if absolute == base:
            return "the data root"
        if absolute.is_relative_to(base):
            return "/".join(_own_parts(absolute.relative_to(base).parts))
    return "a file outside the data root"


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
