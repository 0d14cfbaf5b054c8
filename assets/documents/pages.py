"""Documents as Markdown that no value can break, and as a self-contained page of HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from markdown_it import MarkdownIt

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
# Nothing is fetched and nothing runs, whatever a policy file says.
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
    "1rem;color:#111;background:#fff}"
    "table{border-collapse:collapse;margin:1rem 0}th,td{border:1px solid #aaa;padding:.3rem "
    ".6rem;text-align:left;vertical-align:top}"
    "h2{margin-top:2.5rem}code{overflow-wrap:anywhere}"
)


def text(value: object) -> str:
    """Return a value as Markdown: on one line, with its special characters escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def code(value: object) -> str:
    """Return a name as code, without backticks and bars, which would end a table's cell."""
    return f"`{str(value).replace('`', '').replace('|', '/')}`"


def codes(values: Iterable[object]) -> str:
    """Return several names as code, or a dash."""
    return ", ".join(map(code, values)) or "-"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; the cells are Markdown already."""
    names = list(header)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def html(markdown: str, language: str) -> str:
    """Return a whole page: well-formed, without scripts or external resources, raw HTML escaped."""
    body = (
        MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable("table").render(markdown)
    )
    title = next(
        (line.removeprefix("# ") for line in markdown.splitlines() if line.startswith("# ")), ""
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}"/>\n<meta '
        f'name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title.replace(chr(92), ''))}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{body}</body>\n</html>\n"
    )
