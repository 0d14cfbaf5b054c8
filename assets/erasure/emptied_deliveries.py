"""Deliveries in which an erasure has left nobody: they continue under an id that is no hash of
their bytes.

A delivery's id is made of its source, day and bytes, so that every data root gives it the same. Of
a file with nobody but the erased it would confirm who was in it. Nothing is left that needs the
id, so the delivery takes a keyed one (`deliveries.keyed_id`). A delivery with records of others
keeps its id: docs/decisions/keyed-hashes.md.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import duckdb

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw import remove_mistaken
from assets.ingest.raw_files import raw_path
from assets.staging.lake_rewrite import staged_files
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage import recorded_files
from assets.storage.atomic_files import remove, writing
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet


def rename(data_root: DataRoot) -> int:
    """Give every delivery in which an erasure has left nobody its keyed id; return how many there
    were. Repeatable.

    The new one replaces the old one as a corrected delivery does, so that a kill leaves either of
    them whole.
    """
    _finish(data_root)
    emptied = [
        entry
        for entry in deliveries.ledger(data_root)
        if (entry.keyed or entry.suppressed) and not entry.renamed and _is_empty(data_root, entry)
    ]
    for entry in emptied:
        _copy(data_root, entry, deliveries.keyed_id(data_root, entry.delivery_id))
    _finish(data_root)
    recorded_files.forget_replaced(data_root.lake)
    return len(emptied)


def _is_empty(data_root: DataRoot, entry: Entry) -> bool:
    """Return whether nothing is left of the delivery but orders without their person, if any."""
    if entry.staged + entry.quarantined + entry.duplicates == 0 and entry.staged_with:
        return True
    raw, quarantine = (
        raw_path(data_root, entry.source, entry.day, entry.delivery_id),
        quarantine_path(data_root, entry),
    )
    with duckdb.connect() as connection:
        for path in (raw, quarantine):
            if path.exists() and _any(connection, f"FROM {parquet(path)}"):
                return False
        staged = [path for path in staged_files(data_root, entry) if path.stem != "records"]
        others = [path for path in staged if path.stem != "orders"]
        if any(_any(connection, f"FROM {parquet(path)}") for path in others):
            return False
        orders = [path for path in staged if path.stem == "orders"]
        return all(
            not _any(connection, f"FROM {parquet(path)} WHERE person_key IS NOT NULL")
            for path in orders
        )


def _any(connection: duckdb.DuckDBPyConnection, rows: str) -> bool:
    return connection.execute(f"SELECT 1 {rows} LIMIT 1").fetchone() is not None


def _copy(data_root: DataRoot, entry: Entry, new: str) -> None:
    """Put what is left beside itself under the new id, and enter it as what corrects the old one;
    its evidence first.
    """
    noted = data_root.requests / "evidence" / f"{entry.delivery_id}.json"
    if noted.exists():
        with writing(noted.with_name(f"{new}.json")) as unfinished:
            unfinished.write_text(noted.read_text().replace(entry.delivery_id, new))
        remove(noted)
    renamed = replace(entry, delivery_id=new, corrects=entry.delivery_id, renamed=True)
    pairs = {
        raw_path(data_root, entry.source, entry.day, entry.delivery_id): raw_path(
            data_root, entry.source, entry.day, new
        ),
        quarantine_path(data_root, entry): quarantine_path(data_root, renamed),
    }
    folder = staged_folder(data_root, entry)
    pairs |= {
        path: staged_folder(data_root, renamed) / path.name for path in folder.glob("*.parquet")
    }
    for old, copied in pairs.items():
        if old.exists():
            with recorded_files.writing(copied) as unfinished:
                shutil.copyfile(old, unfinished)
    deliveries.enter(data_root, renamed)


def _finish(data_root: DataRoot) -> None:
    """Remove the old ones, and forget under which id they were."""
    remove_mistaken(data_root)
    for entry in deliveries.ledger(data_root):
        if entry.renamed and entry.corrects:
            deliveries.enter(data_root, replace(entry, corrects=""))
