"""Taking records out of the lake: of every layer that a delivery has, by rewriting its files without them.

Never in place: each file is written anew beside the old one and put in its stead (erasure.md). The book says what is
being removed before the first file changes and is recounted from the files after the last, so a run that was killed in
between is mended by `mend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from assets import deliveries
from assets.deliveries import Entry
from assets.failing import PlainError
from assets.home import Home, copy_parquet
from assets.quoting import parquet
from assets.raw import raw_path, remove_mistaken
from assets.staged import quarantine_path, staged_folder


class RemovalError(PlainError):
    """A file does not hold, after the rewrite, what it held before less what was to go. Names the layer and counts only."""


@dataclass(frozen=True)
class Edit:
    """What changes in one staged table besides the records that go: rows to `keep`, and what the kept ones say (`columns`)."""

    keep: str = "true"
    columns: str = "*"


NOTHING: Mapping[str, Edit] = {}


def remove_records(
    home: Home,
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    counted_as: str,
    edits: Mapping[str, Edit] = NOTHING,
    only_raw: str = "",
) -> int:
    """Remove the records in the connection's table `gone(record_no)` from every layer of a delivery.

    They count as `counted_as` (`suppressed` or `expired`) in the book from now on. `edits` changes staged tables beyond
    that; `only_raw` selects records that go from raw alone. Each file is rewritten once. Answers the rows removed, over all files.
    """
    deliveries.enter(home, replace(entry, removing=counted_as))
    stays = "record_no NOT IN (SELECT record_no FROM gone)"
    removed = 0
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    if raw.exists():
        removed += rewrite(
            connection, raw, f"{stays} AND record_no NOT IN ({only_raw})" if only_raw else stays
        )
    if (quarantine := quarantine_path(home, entry)).exists():
        removed += rewrite(connection, quarantine, stays)
    for path in staged_files(home, entry):
        edit = edits.get(path.stem, Edit())
        removed += rewrite(
            connection, path, f"{stays} AND coalesce({edit.keep}, true)", edit.columns
        )
    recount(home, connection, replace(entry, removing=counted_as))
    return removed


def staged_files(home: Home, entry: Entry) -> list[Path]:
    """The delivery's staged tables; the list of outcomes last, for what it says must still hold while the others change."""
    return sorted(
        staged_folder(home, entry).glob("*.parquet"),
        key=lambda path: (path.stem == "records", path.name),
    )


def rewrite(
    connection: duckdb.DuckDBPyConnection, path: Path, keep: str, columns: str = "*"
) -> int:
    """Write the file anew with the rows for which `keep` holds; answers how many went. A file that keeps all is left alone.

    `columns` may change what the kept rows say. Raises RemovalError when the counts do not add up.
    """
    before, kept = connection.execute(
        f"SELECT count(*), count(*) FILTER ({keep}) FROM {parquet(path)}"
    ).fetchone() or (0, 0)
    if kept == before and columns == "*":
        return 0
    written = copy_parquet(connection, f"SELECT {columns} FROM {parquet(path)} WHERE {keep}", path)
    if written != kept:
        raise RemovalError(f"{path.parts[-4]}: {kept} rows were to stay, {written} did")
    return int(before - kept)


def recount(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry) -> Entry:
    """Bring the book's entry in line with the files: what is no longer there counts as `entry.removing`."""
    index = staged_folder(home, entry) / "records.parquet"
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    counts = {"staged": 0, "quarantined": 0, "duplicate": 0}
    # A delivery that waits to be staged again still has what is staged of it, and of what raw has let go of that is all.
    if index.exists():
        counts |= dict(
            connection.execute(
                f"SELECT outcome, count(*) FROM {parquet(index)} GROUP BY outcome"
            ).fetchall()
        )
        present = sum(counts.values())
    else:
        found = (
            connection.execute(f"SELECT count(*) FROM {parquet(raw)}").fetchone()
            if raw.exists()
            else None
        )
        present = int(found[0]) if found else 0
    elsewhere = entry.expired if entry.removing == "suppressed" else entry.suppressed
    missing = entry.delivered - present - elsewhere
    done = replace(
        entry,
        staged=counts["staged"],
        quarantined=counts["quarantined"],
        duplicates=counts["duplicate"],
        suppressed=missing if entry.removing == "suppressed" else entry.suppressed,
        expired=missing if entry.removing == "expired" else entry.expired,
        removing="",
    )
    deliveries.enter(home, done)
    return done


def mend(home: Home) -> int:
    """Recount the deliveries that a killed removal left in the middle; answers how many.

    And end the removal of deliveries that have been corrected.
    """
    remove_mistaken(home)
    unfinished = [entry for entry in deliveries.book(home) if entry.removing]
    if unfinished:
        with home.connect() as connection:
            for entry in unfinished:
                recount(home, connection, entry)
    return len(unfinished)
