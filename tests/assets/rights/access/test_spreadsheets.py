"""No cell is ever a formula, whatever is in it and whichever separator the spreadsheet expects;
nothing is lost.
"""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.rights.access import spreadsheets
from tests.support.examples import examples

SIGNS = "=+-@＝＋－＠"
DANGEROUS = st.text(
    st.one_of(
        st.sampled_from("=+-@\t\r\n ;,|\"'\u200b\ufeff\xa0＝x1"), st.characters(codec="utf-8")
    ),
    max_size=30,
)


def begins_a_formula(cell: str) -> bool:
    """Whether anything would take it for one: a sign first, but for what nobody sees; or a tab or
    line break first.
    """
    seen = next(
        (
            character
            for character in cell
            if not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf", "Zs")
        ),
        "",
    )
    return cell[:1] in ("\t", "\r", "\n") or (seen in SIGNS and seen != "")


def read(data: bytes, delimiter: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


@settings(max_examples=examples(200))
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "=c"]), DANGEROUS), max_size=4))
@example([{"a": " \t=cmd|' /C calc'!A0"}, {"a": "x;=1+1", "b": '"=1+1', "=c": "\n@SUM(1)"}])
@example([{"a": "\u200b=1", "b": "\xa0-1", "=c": "＝1"}])
def test_no_cell_begins_a_formula_whatever_the_separator(rows: list[dict[str, str]]) -> None:
    data = spreadsheets.table(rows)
    for delimiter in ",;\t|":
        assert [
            cell for row in read(data, delimiter) for cell in row if begins_a_formula(cell)
        ] == []


@settings(max_examples=examples(100))
@given(DANGEROUS)
@example(" =1")
@example("\t -x;\n=1")
def test_a_cell_is_unchanged_but_for_apostrophes(text: str) -> None:
    cell = read(spreadsheets.table([{"a": text}]), ",")[1][0]
    assert cell.replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize(
    "text", ["Aino", "Yhteiskatu 4-6", "a@example.fi", "2026-11-20", "12.50", "", "x = y"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert spreadsheets.safe(text) == text


@pytest.mark.parametrize("sign", [*SIGNS, "\t", "\r", "\n"])
def test_a_sign_gets_an_apostrophe(sign: str) -> None:
    assert spreadsheets.safe(f"{sign}x") == f"'{sign}x"
    assert not begins_a_formula(spreadsheets.safe(f"  {sign}x"))


def test_every_cell_is_quoted() -> None:
    assert spreadsheets.table([{"a": 1, "b": None}]) == '\ufeff"a","b"\r\n"1",""\r\n'.encode()
