"""Texts are standardised for comparison, and placeholders are missing."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.record_linkage import text_standardisation


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def evaluate(connection: duckdb.DuckDBPyConnection, sql: str, text: str) -> object:
    row = connection.execute(f"SELECT {sql} FROM (SELECT ? AS value)", [text]).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("matti", ["matti"]),
        ("matti juhani", ["matti", "juhani"]),
        ("dr matti juhani", ["matti", "juhani"]),
        ("o'brien", ["obrien"]),
        ("anna-maija", ["anna", "maija"]),
        ("john smith iii", ["john", "smith"]),
        ("mr", ["mr"]),
        ("unknown", None),
        ("", []),
    ],
)
def test_words(connection, text, words):
    assert (
        evaluate(connection, text_standardisation.words("value", text_standardisation.TITLES), text)
        == words
    )


@given(st.text(alphabet="ab' -.", max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_fast_path_gives_the_same_words(text):
    with duckdb.connect() as connection:
        long = r"regexp_extract_all(replace(value, '''', ''), '[\pL\d]+')"
        assert evaluate(connection, text_standardisation.words("value"), text) == evaluate(
            connection, long, text
        )


@pytest.mark.parametrize("text", ["unknown", "n/a", "tuntematon", "null", "---", ""])
def test_placeholders_are_missing(connection, text):
    assert evaluate(connection, text_standardisation.compact("value"), text) is None


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("0000000000", False),
        ("000-00-0000", False),
        ("99999", False),
        ("00100", True),
        ("0401234567", True),
        ("sw1a1aa", True),
    ],
)
def test_one_repeated_digit_is_no_number(connection, text, valid):
    assert (
        evaluate(connection, text_standardisation.NOT_REPEATED_DIGIT.format("value"), text) is valid
    )


@pytest.mark.parametrize(
    ("text", "street"),
    [
        ("Flat 4, 77 Lawrence Forest", "77 Lawrence Forest"),
        ("Unit 3/12 High Street", "12 High Street"),
        ("12 Main Street Apt. 4B", "12 Main Street"),
        ("12 Main Street, Suite 400", "12 Main Street"),
        ("Flatford Lane 3", "Flatford Lane 3"),
        ("Mannerheimintie 5 A 12", "Mannerheimintie 5 A 12"),
    ],
)
def test_flats_are_removed(connection, text, street):
    assert evaluate(connection, text_standardisation.without_flat("value"), text) == street


@pytest.mark.parametrize(
    ("text", "first", "turned"),
    [
        ("Virtanen, Matti Juhani", False, "Matti Juhani Virtanen"),
        ("van der Berg, Jan", True, "Jan van der Berg"),
        ("Virtanen Matti Juhani", True, "Matti Juhani Virtanen"),
        ("Matti Virtanen", False, "Matti Virtanen"),
    ],
)
def test_the_family_comes_last(connection, text, first, turned):
    assert (
        evaluate(connection, text_standardisation.family_last("value", family_first=first), text)
        == turned
    )
