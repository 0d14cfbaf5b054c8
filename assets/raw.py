"""Inbox -> raw: a delivery's records as they came, minimised, without the records of suppressed registrants.

Lossless and the only copy: the original is removed once the Parquet file and the entry in the book are durable. Killed
between any two steps, the next run does the same again with the same result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets import deliveries, json_text, protection, readers, suppression
from assets.deliveries import Entry, Waiting
from assets.home import Home, write_parquet
from assets.quoting import parquet
from assets.sources.source import STATEMENT_MACROS, Dataset, Source
from schemas.delivery import Manifest, RefusedDeliveryError
from schemas.raw import Raw

ROWS_PER_GROUP = 16_384
# Who is protected is for this source to say, and when it ends: what it sends of them with the end of a flag holds.
TELLS_OF_PROTECTION = "population_register"


@dataclass
class Ingested:
    """What one run read from a source's inbox."""

    entries: list[Entry] = field(default_factory=list)
    redelivered: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def ingest(
    home: Home,
    source: Source,
    days: set[str] | None,
    last_day: date,
    only: Collection[str] | None = None,
) -> Ingested:
    """Take in the source's waiting deliveries of `days` (all when None), each on its own: one refused stops no other.

    `only` names the datasets to take in; those of others go on waiting.

    Deliveries are read side by side, a thread per processor; numpy, Arrow and DuckDB work outside Python's lock.
    """
    done = Ingested()
    deliveries.tidy(home, source.name)
    accepted: dict[str, tuple[Waiting, Manifest, Dataset]] = {}
    repeated: list[tuple[str, Waiting, Manifest, Dataset]] = []
    for item in deliveries.waiting(home, source.name, days):
        if why := deliveries.refused(home, item):
            done.refused.append((item.place, why))
            continue
        try:
            manifest, dataset = deliveries.check(item, source, last_day)
        except RefusedDeliveryError as refusal:
            _refuse(home, done, item, refusal)
            continue
        if only is not None and dataset.name not in only:
            continue
        identity = deliveries.delivery_id(source.name, item.day, manifest.sha256)
        if identity in accepted or deliveries.entered(home, source.name, item.day, identity):
            repeated.append((identity, item, manifest, dataset))
        else:
            accepted[identity] = (item, manifest, dataset)
    swept = (
        [entry for entry in deliveries.book(home, source.name) if entry.expired]
        if accepted or repeated
        else []
    )
    home.pepper  # noqa: B018  (made once, before several threads ask for it)
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        reading = {
            identity: threads.submit(_read, home, *delivery, identity, swept)
            for identity, delivery in accepted.items()
        }
    for identity, (item, _, _) in accepted.items():
        _finish(home, done, item, reading[identity].result)
    for identity, item, manifest, dataset in repeated:
        _finish(home, done, item, partial(_repeat, home, identity, item, manifest, dataset, swept))
    return done


def _finish(home: Home, done: Ingested, item: Waiting, read: Callable[[], Entry | None]) -> None:
    """Note what came of one delivery: an entry, nothing new, or a refusal, with which it stays in the inbox."""
    try:
        entry = read()
    except RefusedDeliveryError as refusal:
        _refuse(home, done, item, refusal)
        return
    if entry:
        done.entries.append(entry)
    else:
        done.redelivered += 1
    deliveries.take_out(item)


def _repeat(
    home: Home,
    identity: str,
    item: Waiting,
    manifest: Manifest,
    dataset: Dataset,
    swept: list[Entry],
) -> Entry | None:
    """The same bytes again: nothing new, if they were taken in and the manifest tells the same of them."""
    entry = deliveries.entered(home, item.source, item.day, identity)
    if entry is None:
        return _read(home, item, manifest, dataset, identity, swept)
    _same_count(manifest, entry.delivered)
    return None


def _same_count(manifest: Manifest, delivered: int) -> None:
    if delivered != manifest.records:
        raise RefusedDeliveryError(
            "DEL-RECORDS", f"the manifest says {manifest.records} records, the file has {delivered}"
        )


def _refuse(home: Home, done: Ingested, item: Waiting, refusal: RefusedDeliveryError) -> None:
    deliveries.refuse(home, item, refusal)
    done.refused.append((item.place, str(refusal)))


def raw_path(home: Home, source: str, day: str, delivery: str) -> Path:
    """Where the records of a delivery lie."""
    return home.lake / "raw" / source / day / f"{delivery}.parquet"


def _read(
    home: Home,
    item: Waiting,
    manifest: Manifest,
    dataset: Dataset,
    identity: str,
    swept: list[Entry],
) -> Entry:
    """Write one delivery's records to raw and enter it in the book; raises RefusedDeliveryError and writes nothing.

    `swept` are the source's deliveries of which retention has removed something: when one is delivered again on a later
    day, what is gone from it stays gone.
    """
    delivered = expired = 0
    sequence: int | None = None
    before = [
        one
        for one in swept
        if (one.dataset, one.sha256) == (dataset.name, manifest.sha256) and one.day < item.day
    ]

    def stored(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        nonlocal delivered, expired, sequence
        splitter = readers.ElementSplitter(dataset.array_key)
        for batch in read_records(item.path, manifest, dataset, splitter):
            delivered += batch.num_rows
            rows = store(
                connection,
                item.source,
                dataset,
                batch,
                suppressing=suppressing,
                protecting=protecting,
            )
            kept = rows.filter(pc.is_in(rows["record_no"], value_set=left)) if before else rows
            expired += rows.num_rows - kept.num_rows
            yield kept
        _same_count(manifest, delivered)
        if dataset.sequence_key:
            sequence = _whole_number(splitter.envelope().get(dataset.sequence_key))

    with home.connect(side_by_side=True) as connection:
        connection.execute(STATEMENT_MACROS)
        suppressing = suppression.prepare(home, connection)
        protecting = item.source != TELLS_OF_PROTECTION and protection.prepare(home, connection)
        left = _still_held(home, connection, before)
        path = raw_path(home, item.source, item.day, identity)
        rows = write_parquet(path, Raw, stored(connection), ROWS_PER_GROUP)
        if suppressing:
            suppression.note_returned(home, connection, path, date.fromisoformat(item.day))
    entry = Entry(
        delivery_id=identity,
        source=item.source,
        day=item.day,
        dataset=dataset.name,
        sha256=manifest.sha256,
        bytes=manifest.bytes,
        delivered=delivered,
        suppressed=delivered - rows - expired,
        expired=expired,
        period_last=str(manifest.period.last),
        sequence=sequence,
    )
    deliveries.enter(home, entry)
    return entry


def _still_held(home: Home, connection: duckdb.DuckDBPyConnection, before: list[Entry]) -> pa.Array:
    """The numbers of the records that the deliveries of the same bytes still hold, in raw or, when its time is shorter, staged."""
    files = [
        path for one in before for path in home.files("raw", one.source, one.day, one.delivery_id)
    ]
    files += [
        path
        for one in before
        for path in home.files("staged", one.source, one.day, f"{one.delivery_id}/records")
    ]
    if not files:
        return pa.array([], pa.int64())
    query = f"SELECT DISTINCT record_no FROM {parquet(*files, union_by_name=True)}"
    return connection.execute(query).to_arrow_table()["record_no"].combine_chunks()


def read_records(
    path: Path, manifest: Manifest, dataset: Dataset, splitter: readers.ElementSplitter
) -> Iterator[pa.Table]:
    """The file's records, by the dataset's format."""
    if dataset.format == "json_array":
        return readers.read_json_array(path, manifest.codec, splitter)
    if dataset.format == "json_lines":
        return readers.read_json_lines(path, manifest.codec)
    return readers.read_csv(path, manifest.codec)


def store(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    dataset: Dataset,
    batch: pa.Table,
    *,
    suppressing: bool,
    protecting: bool = False,
) -> pa.Table:
    """One batch of records as rows of raw: faults found, minimised, identified, suppressed ones left out.

    `protecting`: records of registrants under protected identity are stripped of location.
    """
    connection.register("batch", batch)
    _find_faults(connection, batch)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE records AS
        SELECT record_no, payload, ({dataset.given})::DATE AS given_on FROM (
            SELECT record_no, {dataset.minimise} AS payload FROM batch WHERE record_no NOT IN (SELECT record_no FROM faulty WHERE NOT is_object))"""
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE identified AS {dataset.identify}")
    if protecting:
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE records AS SELECT * REPLACE (
            CASE WHEN record_no IN ({protection.CONCERNS_PROTECTED}) THEN {dataset.without_location} ELSE payload END AS payload) FROM records"""
        )
    rows = connection.execute(
        f"""WITH kept AS NOT MATERIALIZED (
            SELECT record_no, payload, given_on FROM records
            UNION ALL SELECT record_no, payload, NULL FROM batch WHERE record_no IN (SELECT record_no FROM faulty WHERE NOT is_object))
        SELECT record_no, md5('{source}|{dataset.name}|' || coalesce(native_key::VARCHAR, md5(payload))) AS record_key,
            md5(payload) AS content, payload, coalesce(identifiers, []) AS identifiers, given_on, coalesce(faults, []) AS faults
        FROM kept LEFT JOIN identified USING (record_no) LEFT JOIN faulty USING (record_no)"""
    ).to_arrow_table()
    if suppressing:
        connection.register("stored", rows)
        suppression.find_kept_out(connection, "stored")
        suppressed = connection.execute("FROM kept_out").to_arrow_table()["record_no"]
        rows = rows.filter(
            pc.invert(pc.is_in(rows["record_no"], value_set=suppressed.combine_chunks()))
        )
    numbers = rows["record_no"].to_numpy()
    return rows if (numbers[1:] > numbers[:-1]).all() else rows.sort_by("record_no")


def _find_faults(connection: duckdb.DuckDBPyConnection, batch: pa.Table) -> None:
    """Make the table `faulty(record_no, faults, is_object)` of the batch's faulty records; `is_object` means safe to take apart.

    The records' text stays where it is: only what is found about it is written.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE shaped AS
        SELECT record_no, faults, contains(payload, chr(65533)) AS replaced,
            CASE WHEN strlen(payload) > ? THEN 'REC-TOO-LARGE' WHEN len(faults) > 0 THEN NULL
                WHEN NOT json_valid(payload) OR NOT regexp_matches(payload, '^\\s*\\{') THEN 'REC-JSON' END AS misshapen
        FROM batch""",
        [readers.LARGEST_RECORD],
    )
    unsound = connection.execute(
        "SELECT record_no FROM shaped WHERE misshapen IS NOT NULL OR len(faults) > 0"
    ).to_arrow_table()["record_no"]
    objects = (
        batch.filter(pc.invert(pc.is_in(batch["record_no"], value_set=unsound)))
        if len(unsound)
        else batch
    )
    deep, twice = json_text.suspicious(objects["payload"].combine_chunks(), readers.DEEPEST_RECORD)
    numbers = objects["record_no"]
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE faulty AS
        SELECT * FROM (
            SELECT record_no, misshapen IS NULL AND len(faults) = 0 AND NOT list_contains($deep, record_no) AS is_object,
                list_filter(faults || [misshapen,
                    CASE WHEN list_contains($deep, record_no) THEN 'REC-TOO-DEEP' END,
                    CASE WHEN list_contains($twice, record_no) THEN 'REC-DUPLICATE-KEY' END,
                    CASE WHEN replaced THEN 'REC-REPLACEMENT' END], lambda code: code IS NOT NULL) AS faults
            FROM shaped)
        WHERE len(faults) > 0""",
        {
            "deep": [numbers[index].as_py() for index in deep] or [-1],
            "twice": [numbers[index].as_py() for index in twice] or [-1],
        },
    )


def _whole_number(value: object) -> int | None:
    """The envelope's 64-bit key, which is sometimes typed as a string."""
    text = str(value)
    return int(text) if text.isdigit() and len(text) < 19 else None
