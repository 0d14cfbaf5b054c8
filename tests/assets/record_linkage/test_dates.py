"""Birth dates are read in every notation; the first part of dates is inferred from the whole
column."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.record_linkage import dates, format_inference
from assets.record_linkage.dates import DatePart
from tests.support.examples import examples

LIVING = st.dates(date(1930, 1, 1), date(2029, 12, 31))
ENGLISH = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
FINNISH = (
    "tammi",
    "helmi",
    "maalis",
    "huhti",
    "touko",
    "kesä",
    "heinä",
    "elo",
    "syys",
    "loka",
    "marras",
    "joulu",
)
FRENCH = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def read(
    connection: duckdb.DuckDBPyConnection, text: str, first: DatePart = DatePart.DAY
) -> str | None:
    row = connection.execute(
        f"SELECT {dates.date_digits('value', first)} FROM (SELECT ? AS value)", [text]
    ).fetchone()
    return row[0] if row else None


def first_part(connection: duckdb.DuckDBPyConnection, *dates_in_column: str) -> DatePart:
    connection.execute(
        "CREATE OR REPLACE TABLE people AS SELECT unnest(?::VARCHAR[]) AS born",
        [list(dates_in_column)],
    )
    return format_inference.infer_date_part(connection, "people", "born")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("1970-03-09", DatePart.DAY),
        ("1970-03-09 00:00:00", DatePart.DAY),
        ("1970/3/9", DatePart.MONTH),
        ("19700309", DatePart.DAY),
        ("19700309.0", DatePart.DAY),
        ("9.3.1970", DatePart.DAY),
        ("09-03-70", DatePart.DAY),
        ("3/9/1970", DatePart.MONTH),
        ("3/9/70", DatePart.MONTH),
        ("70-03-09", DatePart.YEAR),
        ("700309", DatePart.YEAR),
        ("090370", DatePart.DAY),
        ("09031970", DatePart.DAY),
        ("9031970", DatePart.DAY),
        ("03091970", DatePart.MONTH),
        ("09-MAR-70", DatePart.MONTH),
        ("Mar 9, 1970", DatePart.DAY),
        ("Monday, 9 March 1970", DatePart.DAY),
        ("9. maaliskuuta 1970", DatePart.DAY),
        ("den 9 mars 1970", DatePart.DAY),
        ("9 de marzo de 1970", DatePart.MONTH),
        ("1970 Mar 9", DatePart.DAY),
    ],
)
def test_the_ninth_of_march_is_read_in_every_form(connection, text, first):
    assert read(connection, text, first) == "19700309"


@pytest.mark.parametrize("text", ["", "unknown", "?", "1970", "3/1970"])
def test_other_texts_are_no_date(connection, text):
    assert read(connection, text) is None


@given(LIVING)
@settings(max_examples=examples(50), deadline=None)
def test_every_day_is_read_back(born):
    day, month = born.day, born.month
    forms = {
        DatePart.DAY: [
            f"{born:%d.%m.%Y}",
            f"{day}.{month}.{born.year}",
            f"{born:%d/%m/%y}",
            f"{born:%d%m%Y}",
            f"{day} {ENGLISH[month - 1]} {born.year}",
            f"{day}. {FINNISH[month - 1]}kuuta {born.year}",
            f"{day} {FRENCH[month - 1]} {born.year}",
        ],
        DatePart.MONTH: [
            f"{born:%m/%d/%Y}",
            f"{month}/{day}/{born:%y}",
            f"{ENGLISH[month - 1][:3]} {day}, {born.year}",
        ],
        DatePart.YEAR: [f"{born:%y%m%d}", f"{born:%y-%m-%d}"],
    }
    with duckdb.connect() as connection:
        for first, several in forms.items():
            for text in [*several, born.isoformat(), f"{born:%Y%m%d}"]:
                assert read(connection, text, first) == f"{born:%Y%m%d}", (text, first)


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["31.12.1970", "1.2.1980"], DatePart.DAY),
        (["12/31/1970", "1/2/1980"], DatePart.MONTH),
        (["12/31/70", "1/2/80"], DatePart.MONTH),
        (["701231", "650102"], DatePart.YEAR),
        (["311270", "020165"], DatePart.DAY),
        (["31121970", "02011965"], DatePart.DAY),
        (["12311970", "02011965"], DatePart.MONTH),
        (["1970-12-31", "1965-01-02"], DatePart.DAY),
        ([], DatePart.DAY),
    ],
)
def test_the_first_part_is_inferred(connection, texts, first):
    assert first_part(connection, *texts) == first


def test_one_error_does_not_decide_the_first_part(connection):
    assert (
        first_part(connection, "13/01/1970", *(f"1/{day}/1970" for day in range(13, 29)))
        == DatePart.MONTH
    )
