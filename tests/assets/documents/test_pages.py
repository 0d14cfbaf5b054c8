"""Values cannot break a page, in Markdown or in HTML."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.documents import pages
from tests.support.examples import examples

ANYTHING = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=30)


@settings(max_examples=examples(80), deadline=None)
@given(ANYTHING, ANYTHING)
def test_what_is_in_a_cell_comes_out_as_it_is(first: str, second: str) -> None:
    page = pages.html(
        f"# Title\n\n{pages.table(['a', 'b'], [[pages.text(first), pages.text(second)]])}\n", "en"
    )
    root = ET.fromstring(page.split("\n", 1)[1])  # noqa: S314  (our own page)
    cells = root.findall(".//td")
    assert [" ".join("".join(cell.itertext()).split()) for cell in cells] == [
        " ".join(first.split()),
        " ".join(second.split()),
    ]
    assert [element.tag for element in root.iter() if element.tag in ("script", "a", "img")] == []


def test_html_in_markdown_is_shown_and_not_obeyed() -> None:
    page = pages.html("# T\n\n<script>alert(1)</script>\n", "en")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_page_has_its_title_and_language() -> None:
    root = ET.fromstring(pages.html("# A & B\n", "sv").split("\n", 1)[1])  # noqa: S314
    assert (root.get("lang"), root.findtext(".//title")) == ("sv", "A & B")
