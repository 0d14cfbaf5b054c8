"""Plain tables for people, JSON for machines, and hidden input."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence

import click


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table with aligned columns: numbers to the right, text to the left."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    numeric = (
        [all(isinstance(row[column], int) for row in rows) for column in range(len(header))]
        if isinstance(rows, list)
        else [False] * len(header)
    )
    widths = [max(len(text) for text in column) for column in zip(header, *cells, strict=True)]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()

    return "\n".join(
        [line(header), "  ".join("-" * width for width in widths), *(line(row) for row in cells)]
    )


def as_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, sort_keys=True, default=str))


def harmless(text: str) -> str:
    """Return untrusted text with control characters, but for line ends and tabs, as escapes."""
    return re.sub(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda match: f"\\x{ord(match.group()):02x}", text
    )


def unseen(what: str, default: str | None = None) -> str:
    """Return a value that must not be in the shell's history.

    It is typed at the terminal without echo, or piped in by a script, a line for each.
    """
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, default=default, show_default=False))
    return sys.stdin.readline().rstrip("\r\n")
