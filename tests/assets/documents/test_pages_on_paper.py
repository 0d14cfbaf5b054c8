"""Documents on paper: no column is lost, and nothing is fetched for them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from assets.documents.pages import STYLE, PdfError, html, pdf

# The extra `pdf` stands on a library of the system, which `.ci/run` sees to.
HTML = pytest.importorskip(
    "weasyprint", reason="the system has no Pango (Debian: libpangoft2-1.0-0)", exc_type=OSError
).HTML

COLUMNS = [f"long_column_name_{number}" for number in range(13)]
ROW = "".join(f"<td>someone-{number}@very-long-domain.example.fi</td>" for number in range(13))


def wide_page() -> str:
    heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
    return (
        f'<html lang="en"><head><title>Data</title><style>{STYLE}</style></head><body><h1>Data</h1>'
        f'<div class="wide"><table><tr>{heads}</tr><tr>{ROW}</tr></table></div></body></html>'
    )


def lines(page: Any) -> Iterator[Any]:
    return (box for box in page._page_box.descendants() if type(box).__name__ == "TextBox")


def test_thirteen_columns_fit_on_a_page_of_a4_across() -> None:
    upright, across = HTML(string=wide_page()).render().pages
    assert (round(upright.height), round(across.height)) == (1123, 794)
    texts = list(lines(across))
    assert max(text.position_x + text.width for text in texts) <= across.width
    printed = "".join(text.text for text in texts)
    assert [name for name in COLUMNS if name not in printed] == []


def test_a_document_becomes_a_tagged_pdf() -> None:
    printed = pdf(html("# Čuovvi\n\n| a | b |\n|---|---|\n| 1 | 2 |", "fi"))
    assert printed.startswith(b"%PDF-")
    streams = re.findall(rb"FlateDecode[^>]*>>\nstream\n(.*?)\nendstream", printed, re.DOTALL)
    assert b"/StructTreeRoot" in b"".join(map(zlib.decompress, streams))
    assert printed == pdf(html("# Čuovvi\n\n| a | b |\n|---|---|\n| 1 | 2 |", "fi"))


def test_nothing_outside_the_page_is_fetched() -> None:
    with pytest.raises(PdfError, match="outside"):
        pdf('<html lang="en"><title>x</title><img src="http://127.0.0.1:9/x.png" alt="x"></html>')
