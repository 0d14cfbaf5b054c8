"""Delivery days with work to do, and the ranges that runs cover."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from assets.ingest import deliveries
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import DataRoot

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
# A day without deliveries costs a run next to nothing; a further run has the cost of a run.
BRIDGED = timedelta(days=7)


def last_day(data_root: DataRoot) -> date:
    """Return the last possible delivery day: today, by the clock, in the policy's time zone."""
    return datetime.now(data_root.policy.zone).date()


def first_day_offered(data_root: DataRoot) -> date:
    """Return the day from which on the UI offers days: that of the earliest delivery; while there
    is none, the earliest that a delivery may have.
    """
    return deliveries.earliest_day(data_root) or deliveries.FIRST_DAY


def waiting_days(data_root: DataRoot) -> set[str]:
    """Return the days with a delivery in the inbox that has not been refused."""
    return {
        day
        for source in SOURCES
        for day in deliveries.waiting_days(data_root, source.name, last_day(data_root))
    }


def unstaged_days(data_root: DataRoot) -> set[str]:
    """Return the days with unstaged deliveries in raw: a killed run's, or affected by a late
    one.
    """
    return {entry.day for entry in deliveries.ledger(data_root) if not entry.staged_with}


def days_with_work(data_root: DataRoot) -> set[str]:
    """Return the days with a delivery to ingest or to stage."""
    return waiting_days(data_root) | unstaged_days(data_root)


def ranges(days: Iterable[str]) -> list[tuple[str, str]]:
    """Return the ranges of days, oldest first, each as its first and last day.

    Days at most a week apart share a range.
    """
    merged: list[tuple[str, str]] = []
    for day in sorted(set(days)):
        if merged and date.fromisoformat(day) - date.fromisoformat(merged[-1][1]) <= BRIDGED:
            merged[-1] = (merged[-1][0], day)
        else:
            merged.append((day, day))
    return merged


def range_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags that make a run cover a range of partitions."""
    return {RANGE_START: first, RANGE_END: last}
