"""The policy as data: periods counted as the law counts."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy.model import Period
from tests.support.examples import examples

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


def slowly_before(count: int, unit: str, day: date) -> date:
    """The latest start of a period that has ended on the day, by trying every day back from it."""
    start = day
    while start + relativedelta(**{unit: count}) > day:
        start -= timedelta(days=1)
    return start


class TestPeriod:
    @settings(max_examples=examples(60), deadline=None)
    @given(st.integers(0, 40), st.sampled_from(["days", "months"]), DAYS)
    def test_it_ends_when_a_calendar_says_so(self, count: int, unit: str, day: date) -> None:
        assert Period.parse(f"{count} {unit}").before(day) == slowly_before(count, unit, day)

    @settings(max_examples=examples(15), deadline=None)
    @given(st.integers(0, 6), DAYS)
    def test_years_too(self, count: int, day: date) -> None:
        assert Period.parse(f"{count} years").before(day) == slowly_before(count, "years", day)

    @given(st.integers(0, 9999), st.sampled_from(["days", "months", "years"]), st.dates())
    def test_no_day_is_too_early_or_too_late_for_it(self, count: int, unit: str, day: date) -> None:
        period = Period.parse(f"{count} {unit}")
        assert period.before(day) <= day <= period.after(day)
        assert period.after(date.max) == date.max

    @given(st.integers(0, 40), st.sampled_from(["days", "months", "years"]), DAYS)
    def test_a_later_day_never_keeps_less_time(self, count: int, unit: str, day: date) -> None:
        period = Period.parse(f"{count} {unit}")
        assert period.before(day) <= period.before(day + timedelta(days=1))

    @pytest.mark.parametrize(
        ("period", "day", "start"),
        [
            ("13 months", "2026-11-20", "2025-10-20"),
            ("25 months", "2026-11-20", "2024-10-20"),
            ("1 months", "2026-02-28", "2026-01-31"),
            ("1 months", "2026-02-27", "2026-01-27"),
            ("1 years", "2025-02-28", "2024-02-29"),
            ("3 years", "2027-02-28", "2024-02-29"),
            ("30 days", "2026-11-20", "2026-10-21"),
            ("0 days", "2026-11-20", "2026-11-20"),
        ],
    )
    def test_it_is_over_for_whatever_started_on_or_before(
        self, period: str, day: str, start: str
    ) -> None:
        assert Period.parse(period).before(date.fromisoformat(day)) == date.fromisoformat(start)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "months",
            "13",
            "13 month",
            "thirteen months",
            "-1 days",
            "1.5 years",
            "13 months 2 days",
            "13months",
            None,
            13,
            "² months",
        ],
    )
    def test_what_is_no_period_is_refused_by_its_text(self, text: object) -> None:
        with pytest.raises(ValueError, match="a period is"):
            Period.parse(text)
