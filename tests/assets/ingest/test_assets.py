"""The delivery days of the assets of the inbox."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.ingest.assets import days
from assets.ingest.deliveries import FIRST_DAY
from schemas.policy.loader import load_policy

MOMENTS = {
    "on the first day": datetime(2015, 1, 1, tzinfo=UTC),
    "when summer time begins": datetime(2026, 3, 28, 22, 30, tzinfo=UTC),
    "before midnight in Helsinki": datetime(2026, 12, 31, 21, 59, tzinfo=UTC),
    "after midnight in Helsinki": datetime(2026, 12, 31, 22, 1, tzinfo=UTC),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_the_days_are_those_that_dagster_would_list(moment: datetime) -> None:
    listed = dg.DailyPartitionsDefinition(
        "2015-01-01", timezone="Europe/Helsinki", end_offset=1
    ).get_partition_keys(moment)
    with dg.partition_loading_context(effective_dt=moment):
        assert days(load_policy(), FIRST_DAY).get_partition_keys() == listed
    assert days(load_policy(), FIRST_DAY).get_partition_keys(moment) == listed
