"""One month from receipt, two more when extended, never ending on a day off: compared with another
way of counting.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.requests.deadlines import due_on, working_day
from schemas.policy.loader import load_policy
from tests.support.examples import examples

POLICY = load_policy()


def easter(year: int) -> date:
    """Easter Sunday by the anonymous Gregorian algorithm."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + m - 7 * ((a + 11 * h + 22 * m) // 451) + 114, 31)
    return date(year, month, day + 1)


def off(day: date) -> bool:
    """Whether a Finnish office is closed, by the statutes' own words (150/1930, 5 §; 388/1937;
    1317/2004).
    """
    fixed = {(1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26)}
    moving = {easter(day.year) + timedelta(days=days) for days in (-2, 1, 39)}
    midsummer_eve = next(
        date(day.year, 6, number)
        for number in range(19, 26)
        if date(day.year, 6, number).weekday() == 4
    )
    return (
        day.weekday() > 4 or (day.month, day.day) in fixed or day in moving or day == midsummer_eve
    )


def months_later(day: date, months: int) -> date:
    """The same date of a later month, or that month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def expected(received: date, months: int) -> date:
    day = months_later(received, months)
    while off(day):
        day += timedelta(days=1)
    return day


@settings(max_examples=examples(300))
@given(st.dates(date(2018, 5, 25), date(2045, 12, 31)), st.booleans())
def test_the_day_is_that_of_the_regulation(received: date, extended: bool) -> None:
    assert due_on(POLICY, received, extended=extended) == expected(received, 3 if extended else 1)


@settings(max_examples=examples(100))
@given(st.dates(date(2018, 5, 25), date(2045, 12, 31)))
def test_it_never_ends_on_a_day_off_and_never_before_the_month_is_over(received: date) -> None:
    due = due_on(POLICY, received)
    assert not off(due)
    assert months_later(received, 1) <= due <= months_later(received, 1) + timedelta(days=6)
    assert due < due_on(POLICY, received, extended=True)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-03-09", "2026-04-09"),  # an ordinary month
        ("2026-01-31", "2026-03-02"),  # 28 February is a Saturday
        ("2024-01-31", "2024-02-29"),  # a leap year
        ("2026-08-31", "2026-09-30"),  # no 31 September
        ("2026-03-03", "2026-04-07"),  # Good Friday to Easter Monday
        ("2026-05-19", "2026-06-22"),  # Midsummer Eve, a Friday
        ("2026-11-24", "2026-12-28"),  # Christmas Eve, Christmas, Sunday
        ("2026-04-14", "2026-05-15"),  # Ascension Day
        ("2026-12-01", "2027-01-04"),  # New Year's Day, a Friday
    ],
)
def test_month_ends_and_finnish_holidays(received: str, due: str) -> None:
    assert str(due_on(POLICY, date.fromisoformat(received))) == due


def test_an_extension_counts_from_receipt_and_not_from_the_first_day_due() -> None:
    """31 January: the first day due has rolled to 2 March, yet three months end on 30 April."""
    assert due_on(POLICY, date(2026, 1, 31), extended=True) == date(2026, 4, 30)


def test_another_country_has_other_holidays() -> None:
    assert working_day("SE", date(2026, 6, 6)) == date(2026, 6, 8)
    assert working_day("FI", date(2027, 6, 6)) == date(2027, 6, 7)
    assert working_day("DE", date(2026, 10, 3)) == date(2026, 10, 5)
    assert working_day("ZZ", date(2026, 12, 25)) == date(2026, 12, 25)
