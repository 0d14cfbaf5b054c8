"""Birth dates are read however they are written; what dates begin with is found out of the whole column."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.record_linkage import dates, format_inference
from assets.record_linkage.dates import First
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


def read(connection: duckdb.DuckDBPyConnection, said: str, first: First = First.DAY) -> str | None:
    row = connection.execute(
        f"SELECT {dates.digits('said', first)} FROM (SELECT ? AS said)", [said]
    ).fetchone()
    return row[0] if row else None


def begin(connection: duckdb.DuckDBPyConnection, *said: str) -> First:
    connection.execute(
        "CREATE OR REPLACE TABLE written AS SELECT unnest(?::VARCHAR[]) AS born", [list(said)]
    )
    return format_inference.dates_begin(connection, "written", "born")


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("1970-03-09", First.DAY),
        ("1970-03-09 00:00:00", First.DAY),
        ("1970/3/9", First.MONTH),
        ("19700309", First.DAY),
        ("19700309.0", First.DAY),
        ("9.3.1970", First.DAY),
        ("09-03-70", First.DAY),
        ("3/9/1970", First.MONTH),
        ("3/9/70", First.MONTH),
        ("70-03-09", First.YEAR),
        ("700309", First.YEAR),
        ("090370", First.DAY),
        ("09031970", First.DAY),
        ("9031970", First.DAY),
        ("03091970", First.MONTH),
        ("09-MAR-70", First.MONTH),
        ("Mar 9, 1970", First.DAY),
        ("Monday, 9 March 1970", First.DAY),
        ("9. maaliskuuta 1970", First.DAY),
        ("den 9 mars 1970", First.DAY),
        ("9 de marzo de 1970", First.MONTH),
        ("1970 Mar 9", First.DAY),
    ],
)
def test_the_ninth_of_march_is_read_in_every_form(connection, said, first):
    assert read(connection, said, first) == "19700309"


@pytest.mark.parametrize("said", ["", "unknown", "?", "1970", "3/1970"])
def test_what_is_no_date_is_none(connection, said):
    assert read(connection, said) is None


@given(LIVING)
@settings(max_examples=examples(50), deadline=None)
def test_every_day_is_read_back(born):
    day, month = born.day, born.month
    forms = {
        First.DAY: [
            f"{born:%d.%m.%Y}",
            f"{day}.{month}.{born.year}",
            f"{born:%d/%m/%y}",
            f"{born:%d%m%Y}",
            f"{day} {ENGLISH[month - 1]} {born.year}",
            f"{day}. {FINNISH[month - 1]}kuuta {born.year}",
            f"{day} {FRENCH[month - 1]} {born.year}",
        ],
        First.MONTH: [
            f"{born:%m/%d/%Y}",
            f"{month}/{day}/{born:%y}",
            f"{ENGLISH[month - 1][:3]} {day}, {born.year}",
        ],
        First.YEAR: [f"{born:%y%m%d}", f"{born:%y-%m-%d}"],
    }
    with duckdb.connect() as connection:
        for first, several in forms.items():
            for said in [*several, born.isoformat(), f"{born:%Y%m%d}"]:
                assert read(connection, said, first) == f"{born:%Y%m%d}", (said, first)


@pytest.mark.parametrize(
    ("said", "first"),
    [
        (["31.12.1970", "1.2.1980"], First.DAY),
        (["12/31/1970", "1/2/1980"], First.MONTH),
        (["12/31/70", "1/2/80"], First.MONTH),
        (["701231", "650102"], First.YEAR),
        (["311270", "020165"], First.DAY),
        (["31121970", "02011965"], First.DAY),
        (["12311970", "02011965"], First.MONTH),
        (["1970-12-31", "1965-01-02"], First.DAY),
        ([], First.DAY),
    ],
)
def test_what_dates_begin_with(connection, said, first):
    assert begin(connection, *said) == first


def test_a_slip_does_not_decide_what_dates_begin_with(connection):
    assert (
        begin(connection, "13/01/1970", *(f"1/{day}/1970" for day in range(13, 29))) == First.MONTH
    )
