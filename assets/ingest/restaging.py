"""Deliveries that are staged again, because an earlier one with their records came or went."""

from __future__ import annotations

from dataclasses import replace

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.sources.source import Source
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect


def staged_again(data_root: DataRoot, source: Source, ingested: list[Entry]) -> set[str]:
    """Mark as unstaged the later deliveries that share a record with one just ingested.

    Only these can have other duplicates than before. In the usual order no delivery is later, and
    nothing is read.

    Returns:
        Their days.
    """
    ledger = deliveries.ledger(data_root, source.name)
    return {day for entry in ingested for day in stage_later_again(data_root, entry, ledger)}


def stage_later_again(data_root: DataRoot, entry: Entry, ledger: list[Entry]) -> set[str]:
    """Mark as unstaged the later deliveries of the ledger that share a record with this one.

    Returns:
        Their days.
    """
    position = next(
        number for number, item in enumerate(ledger) if item.delivery_id == entry.delivery_id
    )
    days = set()
    for later in ledger[position + 1 :]:
        if (
            later.dataset == entry.dataset
            and later.staged_with
            and _share_a_record(data_root, entry, later)
        ):
            deliveries.enter(data_root, replace(later, staged_with=""))
            days.add(later.day)
    return days


def _share_a_record(data_root: DataRoot, *entries: Entry) -> bool:
    paths = [raw_path(data_root, entry.source, entry.day, entry.delivery_id) for entry in entries]
    if not all(path.exists() for path in paths):
        return False
    with connect(data_root) as connection:
        row = connection.execute(
            f"""SELECT 1
            FROM {parquet(paths[0])} AS left_records
            SEMI JOIN {parquet(paths[1])} AS right_records USING (record_key)
            LIMIT 1"""
        ).fetchone()
    return row is not None
