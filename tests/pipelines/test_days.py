"""Stretches of delivery days: every day is in one, and days close together share one."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingest.deliveries import FIRST_DAY
from assets.storage.data_root import DataRoot
from pipelines.days import first_day_offered, ranges
from tests.support.examples import examples

DAYS = st.sets(st.dates(date(2026, 1, 1), date(2026, 6, 30)).map(str), max_size=20)


@settings(max_examples=examples(50), deadline=None)
@given(DAYS)
def test_every_day_is_in_one_stretch_and_stretches_are_more_than_a_week_apart(
    days: set[str],
) -> None:
    stretches = ranges(days)
    assert stretches == sorted(stretches)
    assert all(sum(first <= day <= last for first, last in stretches) == 1 for day in days)
    assert all(first in days and last in days for first, last in stretches)
    gaps = [
        date.fromisoformat(later[0]) - date.fromisoformat(earlier[1])
        for earlier, later in itertools.pairwise(stretches)
    ]
    assert all(gap > timedelta(days=7) for gap in gaps)


def test_a_weekend_does_not_make_two_runs() -> None:
    assert ranges({"2026-11-20", "2026-11-23", "2026-11-24"}) == [("2026-11-20", "2026-11-24")]
    assert ranges({"2026-11-20", "2026-11-28"}) == [
        ("2026-11-20", "2026-11-20"),
        ("2026-11-28", "2026-11-28"),
    ]
    assert ranges([]) == []


def test_the_ui_offers_the_days_from_the_earliest_delivery_on(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    assert first_day_offered(data_root) == FIRST_DAY
    for day in ("2026-11-03", "2026-11-01", "1999-01-01", "no-day"):
        (data_root.inbox / "crm" / day).mkdir(parents=True)
    assert first_day_offered(data_root) == date(2026, 11, 1)
    (data_root.lake / "deliveries" / "website" / "2026-10-30").mkdir(parents=True)
    assert first_day_offered(data_root) == date(2026, 10, 30)
