"""Which delivery days have work to do, and in which stretches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from assets.ingest import deliveries
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import Home

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# A day without deliveries costs a run next to nothing, another run costs all that a run does.
BRIDGED = timedelta(days=7)


def last_day(home: Home) -> date:
    """The last possible delivery day: today, by the clock and the policy's time zone."""
    return datetime.now(home.policy.zone).date()


def waiting_days(home: Home) -> set[str]:
    """Days with a delivery in the inbox that has not been refused."""
    return {
        day
        for source in SOURCES
        for day in deliveries.waiting_days(home, source.name, last_day(home))
    }


def unstaged_days(home: Home) -> set[str]:
    """Days with a delivery in raw that is not staged: a killed run's, or one that a late arrival concerns."""
    return {entry.day for entry in deliveries.book(home) if not entry.staged_with}


def days_with_work(home: Home) -> set[str]:
    """Days with a delivery to take in, or to stage."""
    return waiting_days(home) | unstaged_days(home)


def ranges(days: Iterable[str]) -> list[tuple[str, str]]:
    """Stretches of days, oldest first, each as its first and last day. Days at most a week apart share a stretch."""
    found: list[tuple[str, str]] = []
    for day in sorted(set(days)):
        if found and date.fromisoformat(day) - date.fromisoformat(found[-1][1]) <= BRIDGED:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags that make one run cover a stretch of partitions."""
    return {RANGE_START: first, RANGE_END: last}
