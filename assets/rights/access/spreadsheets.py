"""Tables as CSV that no spreadsheet takes for formulas. For people; machines read the JSON, in
which nothing is changed.

A cell with a text that begins with `=`, `+`, `-`, `@`, a tab or a line break, also behind blanks or
characters that nobody sees, gets an apostrophe before that sign; so does what follows a comma,
semicolon, bar, quote, tab or line break within a cell, because a spreadsheet that expects another
separator begins a cell there. Every cell is quoted. Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

# Blanks and control characters, characters without width, and the wide forms of the signs.
_UNSEEN = (
    "\\s\\x00-\\x1f\\x7f-\\xa0\\xad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
)
_BEGINS = re.compile(f'((?:^|[,;|"\\t\\r\\n])[{_UNSEEN}]*)(?=[=+\\-@＝＋－＠﹢﹣﹦﹫])')
_BLANK_FIRST = re.compile("^(?=[\\t\\r\\n])")


def safe(text: str) -> str:
    """The text as a cell that is shown and never calculated."""
    return _BLANK_FIRST.sub("'", _BEGINS.sub(r"\1'", text))


def cell(value: Any) -> str:
    """A value as a cell; nothing for null, JSON for what is nested."""
    if value is None:
        return ""
    return safe(
        json.dumps(value, ensure_ascii=False, sort_keys=True)
        if isinstance(value, (dict, list))
        else str(value)
    )


def table(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as CSV in UTF-8 with a byte-order mark, which spreadsheets need; columns in the order in
    which they are met.
    """
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([cell(name) for name in names])
    writer.writerows([cell(row.get(name)) for name in names] for row in listed)
    return ("\ufeff" + text.getvalue()).encode()


def leaves(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """Every value of a nested one, with its path, such as `tietoryhmat[0].etunimi`; what is empty
    is left out.
    """
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from leaves(part, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from leaves(part, f"{path}[{number}]")
    elif value not in (None, ""):
        yield path, value
