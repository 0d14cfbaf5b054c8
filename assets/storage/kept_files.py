"""Files that remember: what is staged is not enough to make them again.

A build of the register reads back what an earlier one has left in them, or a sweep has counted what
it removed. A file that is lost is never taken for one without rows: each reading compares it
with what is recorded, and `register repair` puts the recorded copy back from a backup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.quoting import name as quoted
from assets.storage.quoting import parquet


@dataclass(frozen=True)
class KeptFile:
    """A file that remembers; declared once, beside what reads it.

    Attributes:
        path: Below the data root; with a `*`, each file of the pattern.
        remembers: What is lost with it.
        without: What goes on without it.
        columns: Column name -> DuckDB type, of a table.
    """

    path: str
    remembers: str
    without: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _DECLARED[self.path] = self

    def place(self, data_root: DataRoot) -> Path:
        """Return where the file is."""
        return data_root.root / self.path

    def exists(self, data_root: DataRoot) -> bool:
        """Return whether there is such a file yet.

        Raises:
            DamagedFileError: There was one, and it is missing, or it is not what was written.
        """
        recorded_files.check(self.place(data_root), once=True)
        return self.place(data_root).exists()

    def rows(self, data_root: DataRoot) -> str:
        """SQL: the rows of the table; none before the first build.

        Raises:
            DamagedFileError: It is missing, or not what was written.
        """
        if self.exists(data_root):
            columns = ", ".join(quoted(column) for column in self.columns)
            return f"SELECT {columns} FROM {parquet(self.place(data_root))}"
        empty = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in self.columns.items())
        return f"SELECT {empty} WHERE false"


_DECLARED: dict[str, KeptFile] = {}


def of(path: str) -> KeptFile | None:
    """Return what the modules loaded so far declare of a path below the data root."""
    return next((kept for kept in _DECLARED.values() if fnmatch(path, kept.path)), None)
