"""Removing records from the lake: every layer of a delivery is rewritten without them.

Never in place: each file is written beside the old one, which it then replaces
(docs/decisions/lake-layout-and-atomic-writes.md). The delivery ledger names the records that are
being removed before the first file changes, and is recounted from the files after the last, so that
`finish_removals` completes a run that was killed in between.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw import remove_mistaken
from assets.ingest.raw_files import raw_path
from assets.ingest.redacted_records import identified_again
from assets.sources.all_sources import SOURCES
from assets.staging.staged import quarantine_path, stage, staged_folder
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect

MATCHED_RECORDS = Relation(
    name="matched_records",
    summary="Records of one delivery that are removed.",
    columns={"record_no": "BIGINT"},
    reads=(
        "matching_identifiers",
        "expired_records",
        "matches",
        "theirs",
        "requested_identifiers",
        "kept_out",
        "suppressed",
    ),
    amended_from=("retained",),
    scope=Scope.COMPONENT,
)
REDACTED = Relation(
    name="redacted",
    summary="Records of raw that stay, by the text that is left of them.",
    columns={
        "record_no": "BIGINT",
        "record_key": "VARCHAR",
        "content": "VARCHAR",
        "payload": "VARCHAR",
        "identifiers": "VARCHAR[]",
    },
    reads=("redactions",),
    scope=Scope.RECORD,
    external=True,
)


class RemovalError(PlainError):
    """A rewritten file does not have the rows that were to stay; names layer and counts only."""


@dataclass(frozen=True)
class Edit:
    """What changes in one staged table, or in raw, besides the removed records.

    `keep` is the condition of rows that stay. Of these, `texts` selects the columns with redacted
    texts, and `columns` selects from the result.
    """

    keep: str = "true"
    columns: str = "*"
    texts: str = "*"


NOTHING: Mapping[str, Edit] = {}


def remove_records(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    counted_as: str,
    edits: Mapping[str, Edit] = NOTHING,
    only_raw: str = "",
) -> int:
    """Remove the records in the table `matched_records(record_no)` from every layer of a delivery.

    Each file is rewritten once.

    Args:
        data_root: The data root.
        connection: Has the table.
        entry: The delivery.
        counted_as: What the ledger counts them as: `suppressed` or `expired`.
        edits: Further changes, by the name of a staged table or `raw`.
        only_raw: A query of records to remove from raw alone.

    Returns:
        The number of rows removed, over all files.
    """
    entry = replace(entry, removing=counted_as, removed=_runs(connection))
    deliveries.enter(data_root, entry)
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if "raw" in edits and raw.exists() and _redact(connection, entry, raw, edits["raw"].texts):
        # Staged is made of raw again: what it had of the old text is in its keys, too.
        entry = replace(entry, staged_with="")
        deliveries.enter(data_root, entry)
    removed = _rewrite_layers(
        data_root, connection, entry, edits, only_raw, is_redacted="raw" in edits
    )
    recount(data_root, connection, entry)
    return removed


def _runs(connection: duckdb.DuckDBPyConnection) -> list[list[int]]:
    """Return the first and the last of each run of record numbers in `matched_records`."""
    return [
        [first, last]
        for first, last in connection.execute(
            """SELECT min(record_no), max(record_no)
            FROM (SELECT record_no, record_no - row_number() OVER (ORDER BY record_no) AS run
                FROM (SELECT DISTINCT record_no FROM matched_records))
            GROUP BY run ORDER BY 1"""
        ).fetchall()
    ]


def _rewrite_layers(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    edits: Mapping[str, Edit],
    only_raw: str = "",
    *,
    is_redacted: bool,
) -> int:
    """Rewrite raw, quarantine and staged without `matched_records`; return the rows removed.

    Where raw is redacted, or may be, the other layers get the keys that it has of its records now.
    """
    stays = "record_no NOT IN (SELECT record_no FROM matched_records)"
    removed = 0
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if raw.exists():
        removed += rewrite(
            connection,
            raw,
            f"{stays} AND record_no NOT IN ({only_raw})" if only_raw else stays,
            _REDACTED if "raw" in edits else "*",
        )
    keys = _keys_of_raw(data_root, connection, entry) if is_redacted else {}
    if (quarantine := quarantine_path(data_root, entry)).exists():
        removed += rewrite(connection, quarantine, stays, keys=keys.get("staged", "*"))
    for path in staged_files(data_root, entry):
        edit = edits.get(path.stem, Edit())
        removed += rewrite(
            connection,
            path,
            f"{stays} AND coalesce({edit.keep}, true)",
            edit.columns,
            texts=edit.texts,
            keys=keys.get(path.stem, keys.get("staged", "*")),
        )
    return removed


_REDACTED = "* REPLACE ({})".format(
    ", ".join(
        f"""coalesce((SELECT redacted.{column} FROM redacted
            WHERE redacted.record_no = changed.record_no), {column}) AS {column}"""
        for column in ("payload", "content", "record_key", "identifiers")
    )
)
"""The columns of raw after a redaction."""


def _redact(connection: duckdb.DuckDBPyConnection, entry: Entry, raw: Path, texts: str) -> bool:
    """Make `redacted`: the records of `redactions` in raw, by the text that is left of them; return
    whether any has other identifiers than before.
    """
    source = next((source for source in SOURCES if source.name == entry.source), None)
    dataset = source.dataset(entry.dataset) if source else None
    rows = connection.execute(
        f"""SELECT {texts} FROM {parquet(raw)}
        WHERE record_no IN (SELECT record_no FROM redactions WHERE layer = 'raw')"""
    ).to_arrow_table()
    connection.register("redacted_rows", identified_again(connection, entry.source, dataset, rows))
    connection.execute(f"{REDACTED.create} AS FROM redacted_rows")
    connection.unregister("redacted_rows")
    return (
        connection.execute(
            f"""SELECT 1 FROM redacted JOIN {parquet(raw)} AS before USING (record_no)
            WHERE list_sort(redacted.identifiers) <> list_sort(before.identifiers)
            LIMIT 1"""
        ).fetchone()
        is not None
    )


def _keys_of_raw(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry
) -> dict[str, str]:
    """Return the columns of the other layers' files with raw's keys and hashes of the records.

    Empty when they agree.
    """
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    index = staged_folder(data_root, entry) / "records.parquet"
    if not raw.exists() or not index.exists():
        return {}
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE rekeyed AS
        SELECT record_no, now.record_key, now.content FROM {parquet(raw)} AS now
        JOIN {parquet(index)} AS before USING (record_no)
        WHERE now.record_key <> before.record_key OR now.content <> before.content"""
    )
    if not connection.execute("SELECT 1 FROM rekeyed LIMIT 1").fetchone():
        return {}
    now = "(SELECT rekeyed.{0} FROM rekeyed WHERE rekeyed.record_no = rows_before.record_no)"
    of = {
        column: f"coalesce({now.format(column)}, {column}) AS {column}"
        for column in ("record_key", "content")
    }
    return {
        "staged": f"* REPLACE ({of['record_key']})",
        "records": f"* REPLACE ({of['record_key']}, {of['content']})",
    }


def _finish(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    """Remove the records that the ledger names, where a removal of them was killed."""
    connection.execute(
        f"""{MATCHED_RECORDS.create} AS
        SELECT unnest(range(run[1], run[2] + 1)) AS record_no
        FROM (SELECT unnest($1::BIGINT[][]) AS run)""",
        [entry.removed or []],
    )
    _rewrite_layers(data_root, connection, entry, NOTHING, is_redacted=True)
    recount(data_root, connection, entry)


def stage_again(
    data_root: DataRoot, keys: Collection[tuple[str, str, str]] | None = None
) -> list[Entry]:
    """Stage deliveries again from raw; return them.

    Args:
        data_root: The data root.
        keys: Source, day and id of deliveries with damaged staged files, of which nothing is
            carried over. None: those that were staged before and wait to be staged again.
    """
    done = []
    for source in SOURCES:
        entries = [
            entry
            for entry in deliveries.ledger(data_root, source.name)
            if (
                not entry.staged_with and staged_folder(data_root, entry).exists()
                if keys is None
                else (entry.source, entry.day, entry.delivery_id) in keys
            )
        ]
        for entry in entries if keys is not None else ():
            deliveries.enter(data_root, replace(entry, staged_with=""))
            shutil.rmtree(staged_folder(data_root, entry), ignore_errors=True)
            recorded_files.remove(quarantine_path(data_root, entry))
        done += stage(data_root, source, {entry.day for entry in entries}) if entries else []
    return done


def staged_files(data_root: DataRoot, entry: Entry) -> list[Path]:
    """Return the delivery's staged tables; the outcomes last, valid while the others change."""
    return sorted(
        staged_folder(data_root, entry).glob("*.parquet"),
        key=lambda path: (path.stem == "records", path.name),
    )


def rewrite(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    keep: str,
    columns: str = "*",
    *,
    texts: str = "*",
    keys: str = "*",
) -> int:
    """Rewrite the file with the rows for which `keep` holds; a file that keeps all is left alone.

    `keys`, `texts` and `columns`, in this order, may change the values of the kept rows.

    Returns:
        The number of rows removed.

    Raises:
        RemovalError: The counts do not add up.
    """
    before, kept = connection.execute(
        f"SELECT count(*), count(*) FILTER ({keep}) FROM {parquet(path)}"
    ).fetchone() or (0, 0)
    if kept == before and {columns, texts, keys} == {"*"}:
        return 0
    recorded_files.check(path)
    changed = (
        f"(SELECT {texts} FROM (SELECT {keys} FROM {parquet(path)} AS rows_before)) AS changed"
    )
    written = copy_parquet(connection, f"SELECT {columns} FROM {changed} WHERE {keep}", path)
    if written != kept:
        raise RemovalError(f"{path.parts[-4]}: {kept} rows were to stay, {written} did")
    return int(before - kept)


def recount(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> Entry:
    """Recount the ledger's entry from the files: missing records count as `entry.removing`."""
    index = staged_folder(data_root, entry) / "records.parquet"
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    counts = {"staged": 0, "quarantined": 0, "duplicate": 0}
    # A delivery that waits to be staged again still has its staged files, which are all that is
    # left of records removed from raw.
    if index.exists():
        counts |= dict(
            connection.execute(
                f"SELECT outcome, count(*) FROM {parquet(index)} GROUP BY outcome"
            ).fetchall()
        )
        present = sum(counts.values())
    else:
        rows = f"SELECT count(*) FROM {parquet(raw)}"
        present = count(connection, rows) if raw.exists() else 0
    elsewhere = entry.expired if entry.removing == "suppressed" else entry.suppressed
    missing = entry.delivered - present - elsewhere - entry.unsubscribed
    done = replace(
        entry,
        staged=counts["staged"],
        quarantined=counts["quarantined"],
        duplicates=counts["duplicate"],
        suppressed=missing if entry.removing == "suppressed" else entry.suppressed,
        expired=missing if entry.removing == "expired" else entry.expired,
        removing="",
        removed=None,
    )
    deliveries.enter(data_root, done)
    return done


def finish_removals(data_root: DataRoot) -> int:
    """Complete removals that were killed, and the removal of corrected deliveries.

    Returns:
        The number of deliveries that a killed removal left unfinished.
    """
    remove_mistaken(data_root)
    unfinished = [entry for entry in deliveries.ledger(data_root) if entry.removing]
    if unfinished:
        with connect(data_root) as connection:
            for entry in unfinished:
                _finish(data_root, connection, entry)
    return len(unfinished)
