"""Quoting for DuckDB's SQL: the only place where a path gets into a statement.

A data root may lie in any folder: an apostrophe ends an unquoted path, and `*`, `?` and `[` in it
are a pattern that matches other files, unless they are escaped.
"""

from __future__ import annotations

import re
from pathlib import Path

_PATTERN = re.compile(r"[*?\[]")


def literal(text: str | Path) -> str:
    """Return a SQL string literal of the text, or of a path that is written or attached."""
    return "'" + str(text).replace("'", "''") + "'"


def name(text: str) -> str:
    """Return a SQL name in double quotes."""
    return '"' + text.replace('"', '""') + '"'


def file(path: Path) -> str:
    """Return a SQL string literal of a path to read: none of its characters is a pattern."""
    return literal(_PATTERN.sub(r"[\g<0>]", str(path)))


def parquet(*paths: Path, filename: bool = False, union_by_name: bool = False) -> str:
    """Return the table function that reads these Parquet files.

    Args:
        paths: Files to read, at least one.
        filename: Add the column `filename` with each row's path.
        union_by_name: Match columns by name, null where a file lacks one.
    """
    files = ", ".join(map(file, paths))
    options = {"filename": filename, "union_by_name": union_by_name}
    wanted = "".join(f", {option} = true" for option, on in options.items() if on)
    return f"read_parquet([{files}]{wanted})"
