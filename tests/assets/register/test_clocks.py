"""When a period is over, compared with tables that were worked out by hand, with a calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.register import clocks
from schemas.policy.loader import load_policy
from schemas.policy.model import Period, Policy
from schemas.values import FIRST_DAY, LAST_DAY
from schemas.vocabulary import AppliesTo
from tests.support.examples import examples

POLICY = load_policy()


def with_year_ending(day: str, retention: tuple[str, ...] = ("RET-VOUCHER-6Y",)) -> Policy:
    """The policy of a controller with a financial year that ends on the day, and with the rules by
    which orders are kept.
    """
    order = POLICY.categories["order"].model_copy(update={"retention": retention})
    controller = POLICY.controller.model_copy(update={"financial_year_ends": day})
    return POLICY.model_copy(
        update={"controller": controller, "categories": {**POLICY.categories, "order": order}}
    )


def evaluated(expression: str, **columns: str | None) -> Any:
    """What a SQL expression over columns, given as SQL literals, answers."""
    given_columns = ", ".join(f"{value or 'NULL'} AS {name}" for name, value in columns.items())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return (
            connection.execute(f"SELECT {expression} FROM (SELECT {given_columns})").fetchone()
            or (None,)
        )[0]


@given(
    count=st.integers(0, 9999),
    unit=st.sampled_from(["days", "months", "years"]),
    started=st.dates(FIRST_DAY, LAST_DAY),
)
def test_sql_and_python_agree_on_every_period_from_every_day(
    count: int, unit: str, started: date
) -> None:
    """The longest period and the latest day add up to a day that Python can read."""
    period = Period.parse(f"{count} {unit}")
    day = evaluated(clocks.after(period, "started"), started=f"DATE '{started}'")
    assert day == period.after(started)
    assert evaluated(clocks.after(period, "started"), started="NULL::DATE") is None


@pytest.mark.parametrize(
    ("started", "applies_to", "over"),
    [
        ("2024-02-29", "customers", "2027-02-28"),  # three years after a leap day
        ("2025-02-28", "customers", "2028-02-28"),
        ("2024-10-31", "visits", "2026-11-30"),  # 25 months after the 31st, into a month of 30 days
        ("2024-01-31", "visits", "2026-02-28"),
        ("2023-01-29", "cookies", "2024-02-29"),  # 13 months, into a leap February
        ("2023-12-31", "cookies", "2025-01-31"),
        (
            "2026-11-24",
            "quarantine",
            "2026-12-24",
        ),  # Christmas Eve: an end is no deadline and does not roll forward
        ("2025-11-25", "raw", "2026-12-25"),  # a Friday and a holiday
        ("2026-12-06", "credit_marks", "2026-12-06"),  # a Sunday, and Independence Day
    ],
)
def test_a_period_ends_by_the_calendar(started: str, applies_to: AppliesTo, over: str) -> None:
    assert evaluated(
        clocks.due(POLICY, applies_to, "started"), started=f"DATE '{started}'"
    ) == date.fromisoformat(over)
    last_start = clocks.over(POLICY, applies_to, date.fromisoformat(over))
    assert evaluated(f"started <= {last_start}", started=f"DATE '{started}'")
    day_before = date.fromordinal(date.fromisoformat(over).toordinal() - 1)
    assert not evaluated(
        f"started <= {clocks.over(POLICY, applies_to, day_before)}", started=f"DATE '{started}'"
    )


@settings(max_examples=examples(40), deadline=None)
@given(
    st.dates(date(1995, 1, 1), date(2060, 12, 31)),
    st.integers(0, 130),
    st.sampled_from(["days", "months", "years"]),
)
def test_sql_counts_periods_as_the_policy_does(day: date, count: int, unit: str) -> None:
    period = Period.parse(f"{count} {unit}")
    assert evaluated(clocks.after(period, "started"), started=f"DATE '{day}'") == period.after(day)


# ordered at (UTC), financial year ends -> removed as a voucher (6 years after the calendar year in
# which the financial year ended), removed as books (10 years after the financial year). The day
# named is the first on which it is no longer kept.
HOLDS = [
    (
        "2019-12-31 21:59:59",
        "12-31",
        "2026-01-01",
        "2030-01-01",
    ),  # 23:59:59 in Helsinki, still 2019
    ("2019-12-31 22:00:00", "12-31", "2027-01-01", "2031-01-01"),  # New Year in Helsinki
    ("2020-02-29 10:00:00", "12-31", "2027-01-01", "2031-01-01"),
    (
        "2019-06-30 10:00:00",
        "06-30",
        "2026-01-01",
        "2029-07-01",
    ),  # the last day of the year 2018-2019
    (
        "2019-07-01 10:00:00",
        "06-30",
        "2027-01-01",
        "2030-07-01",
    ),  # the first day of 2019-2020, which ends in 2020
    ("2019-12-31 10:00:00", "06-30", "2027-01-01", "2030-07-01"),
    (
        "2024-02-29 10:00:00",
        "02-28",
        "2031-01-01",
        "2034-03-01",
    ),  # a year that ends in February ends with it, leap or not
    ("2024-03-01 10:00:00", "02-28", "2032-01-01", "2035-03-01"),
    ("2020-09-30 10:00:00", "09-30", "2027-01-01", "2030-10-01"),
    ("2020-10-01 10:00:00", "09-30", "2028-01-01", "2031-10-01"),
    ("2020-12-01 10:00:00", "11-30", "2028-01-01", "2031-12-01"),
]


@pytest.mark.parametrize(("ordered_at", "ends", "voucher", "books"), HOLDS)
def test_the_two_clocks_of_the_accounts(
    ordered_at: str, ends: str, voucher: str, books: str
) -> None:
    moment = f"TIMESTAMPTZ '{ordered_at}+00'"
    for retention, over in (
        (("RET-VOUCHER-6Y",), voucher),
        (("RET-BOOKS-10Y",), books),
        (("RET-VOUCHER-6Y", "RET-BOOKS-10Y"), max(voucher, books)),
    ):
        policy = with_year_ending(ends, retention)
        until, rule = clocks.accounts_hold(policy, "ordered_at")
        assert evaluated(until, ordered_at=moment) == date.fromisoformat(over)
        assert evaluated(rule, ordered_at=moment) == (
            "RET-VOUCHER-6Y"
            if over == voucher and "RET-VOUCHER-6Y" in retention
            else "RET-BOOKS-10Y"
        )
        last_day_kept = date.fromordinal(date.fromisoformat(over).toordinal() - 1)
        assert evaluated(
            clocks.orders_are_over(policy, date.fromisoformat(over)), ordered_at=moment
        )
        assert not evaluated(clocks.orders_are_over(policy, last_day_kept), ordered_at=moment)


@pytest.mark.parametrize(
    ("marked", "paid", "expires", "expected"),
    [
        ("2024-05-01", None, "2027-05-01", "2027-05-01"),  # unpaid: when the bureau says
        (
            "2024-05-01",
            "2026-01-31",
            "2027-05-01",
            "2026-02-28",
        ),  # paid: a month later, if that is earlier
        ("2023-05-01", "2024-01-31", "2026-05-01", "2024-02-29"),  # in a leap year
        (
            "2024-05-01",
            "2026-03-15",
            "2026-04-10",
            "2026-04-10",
        ),  # the bureau's expiry is earlier still
        ("2024-02-29", None, None, "2027-02-28"),  # the bureau gives none: three years
        ("2024-02-29", "2026-12-31", None, "2027-01-31"),
        (None, None, None, "2029-11-20"),  # undated: from the report
    ],
)
def test_a_credit_mark_goes_with_whatever_ends_it_first(
    marked: str | None, paid: str | None, expires: str | None, expected: str
) -> None:
    columns = {
        name: f"DATE '{day}'" if day else "NULL::DATE"
        for name, day in (("remark_date", marked), ("paid_on", paid), ("expires_on", expires))
    }
    assert evaluated(
        clocks.mark_expiry(POLICY), **columns, stated_at="TIMESTAMPTZ '2026-11-20 10:00:00+00'"
    ) == date.fromisoformat(expected)
