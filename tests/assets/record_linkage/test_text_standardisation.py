"""Texts are spelt one way, and what stands for nothing is missing."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.record_linkage import text_standardisation
from tests.support.examples import examples


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def spelt(connection: duckdb.DuckDBPyConnection, sql: str, said: str) -> object:
    row = connection.execute(f"SELECT {sql} FROM (SELECT ? AS said)", [said]).fetchone()
    return row[0] if row else None


@pytest.mark.parametrize(
    ("said", "words"),
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
def test_words(connection, said, words):
    assert (
        spelt(connection, text_standardisation.words("said", text_standardisation.TITLES), said)
        == words
    )


@given(st.text(alphabet="ab' -.", max_size=12))
@settings(max_examples=examples(60), deadline=None)
def test_words_are_the_same_the_short_way_and_the_long(said):
    with duckdb.connect() as connection:
        long = r"regexp_extract_all(replace(said, '''', ''), '[\pL\d]+')"
        assert spelt(connection, text_standardisation.words("said"), said) == spelt(
            connection, long, said
        )


@pytest.mark.parametrize("said", ["unknown", "n/a", "tuntematon", "null", "---", ""])
def test_what_stands_for_nothing_is_missing(connection, said):
    assert spelt(connection, text_standardisation.packed("said"), said) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("0000000000", False),
        ("000-00-0000", False),
        ("99999", False),
        ("00100", True),
        ("0401234567", True),
        ("sw1a1aa", True),
    ],
)
def test_one_digit_all_over_is_no_number(connection, said, told):
    assert spelt(connection, text_standardisation.VARIOUS.format("said"), said) is told


@pytest.mark.parametrize(
    ("said", "street"),
    [
        ("Flat 4, 77 Lawrence Forest", "77 Lawrence Forest"),
        ("Unit 3/12 High Street", "12 High Street"),
        ("12 Main Street Apt. 4B", "12 Main Street"),
        ("12 Main Street, Suite 400", "12 Main Street"),
        ("Flatford Lane 3", "Flatford Lane 3"),
        ("Mannerheimintie 5 A 12", "Mannerheimintie 5 A 12"),
    ],
)
def test_flats_are_no_streets(connection, said, street):
    assert spelt(connection, text_standardisation.without_flat("said"), said) == street


@pytest.mark.parametrize(
    ("said", "first", "turned"),
    [
        ("Virtanen, Matti Juhani", False, "Matti Juhani Virtanen"),
        ("van der Berg, Jan", True, "Jan van der Berg"),
        ("Virtanen Matti Juhani", True, "Matti Juhani Virtanen"),
        ("Matti Virtanen", False, "Matti Virtanen"),
    ],
)
def test_the_family_comes_last(connection, said, first, turned):
    assert (
        spelt(connection, text_standardisation.family_last("said", family_first=first), said)
        == turned
    )
