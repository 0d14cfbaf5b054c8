"""Documents as Markdown that no value can break, and as a self-contained page of HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files

from markdown_it import MarkdownIt

from assets.storage.safe_errors import PlainError

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
# Nothing is fetched and nothing runs, whatever a policy file says.
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = files("assets.documents").joinpath("page.css").read_text(encoding="utf-8").strip()
"""The style of every document: on a screen, and on paper in A4."""
# From this many columns on a table is printed across, on pages of its own.
WIDE = 9


class PdfError(PlainError):
    """No PDF can be made here; the message says what to install."""


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


def pdf(page: str) -> bytes:
    """Return a whole page of HTML as a tagged PDF (PDF/UA-1), in A4. Nothing is fetched for it.

    Raises:
        PdfError: The extra `pdf` or the Pango library of the system is not installed.
    """
    try:
        from weasyprint import HTML  # here, because it takes seconds to import
        from weasyprint.urls import FatalURLFetchingError, URLFetcher
    except (ImportError, OSError):
        raise PdfError(
            "a PDF needs the extra `pdf` (pip install 'customer-marketing-register[pdf]') and the "
            "system's Pango library (Debian: libpangoft2-1.0-0); the page in HTML prints as well"
        ) from None
    nothing = URLFetcher(allowed_protocols=(), fail_on_errors=True)
    try:
        return bytes(HTML(string=page, url_fetcher=nothing).write_pdf(pdf_variant="pdf/ua-1"))
    except FatalURLFetchingError:
        raise PdfError("the page refers to something outside it, which is not fetched") from None
