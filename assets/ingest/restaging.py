"""Deliveries that are staged again, since one that holds a record of theirs came or went before them."""

from __future__ import annotations

from dataclasses import replace

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.sources.source import Source
from assets.storage.data_root import Home
from assets.storage.quoting import parquet


def staged_again(home: Home, source: Source, arrived: list[Entry]) -> set[str]:
    """Mark as unstaged the later deliveries that hold a record of one just arrived; answers their days.

    Only then can the arrival change what was a duplicate. In the usual order nothing is later, and nothing is read.
    """
    book = deliveries.book(home, source.name)
    return {day for entry in arrived for day in stage_later_again(home, entry, book)}


def stage_later_again(home: Home, entry: Entry, book: list[Entry]) -> set[str]:
    """Mark as unstaged the later deliveries of the book that hold a record of this one; returns their days.

    Only then can its coming or going change what is a duplicate. In the usual order nothing is
    later, and nothing is read.
    """
    position = next(
        number for number, one in enumerate(book) if one.delivery_id == entry.delivery_id
    )
    days = set()
    for later in book[position + 1 :]:
        if (
            later.dataset == entry.dataset
            and later.staged_with
            and _share_a_record(home, entry, later)
        ):
            deliveries.enter(home, replace(later, staged_with=""))
            days.add(later.day)
    return days


def _share_a_record(home: Home, one: Entry, other: Entry) -> bool:
    paths = [raw_path(home, entry.source, entry.day, entry.delivery_id) for entry in (one, other)]
    if not all(path.exists() for path in paths):
        return False
    with home.connect() as connection:
        found = connection.execute(
            f"""SELECT 1 FROM {parquet(paths[0])} AS one
            SEMI JOIN {parquet(paths[1])} AS other USING (record_key) LIMIT 1"""
        ).fetchone()
    return found is not None
