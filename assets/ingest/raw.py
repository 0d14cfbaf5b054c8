"""From the inbox to raw: a delivery's records, minimised, without those of suppressed registrants.

Raw is the only copy: the original is removed once the Parquet file and the ledger entry are
durable. After a kill between any two steps, the next run repeats them with the same result.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest import (
    deliveries,
    json_text,
    protected_identity,
    refusals,
    subscription,
    suppression,
)
from assets.ingest.deliveries import Entry, Waiting
from assets.ingest.expired_records import unexpired_records
from assets.ingest.fault_isolation import UNEXPECTED, is_machine_error, isolate
from assets.ingest.file_formats import reading
from assets.ingest.file_formats.batches import FileFacts
from assets.ingest.mentions import suppressed_texts
from assets.ingest.raw_files import IDENTIFIED, RAW_RECORDS, raw_path
from assets.ingest.record_faults import find_faults, payloads
from assets.ingest.restaging import stage_later_again
from assets.ingest.suppressed_rows import content_hash, without_suppressed
from assets.sources.all_sources import AUTHORITIES
from assets.sources.formats import Csv, JsonArray
from assets.sources.source import NEVER_GIVEN, STATEMENT_MACROS, Dataset, Source
from assets.storage import recorded_files, suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import write_parquet
from assets.storage.sessions import connect
from schemas.columns import arrow_schema
from schemas.delivery import Manifest, RefusedDeliveryError
from schemas.raw import Raw

ROWS_PER_GROUP = 16_384
Delivery = tuple[Waiting, Manifest, Dataset]


@dataclass
class Ingested:
    """What a run has ingested from a source's inbox."""

    entries: list[Entry] = field(default_factory=list)
    redelivered: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


def ingest(
    data_root: DataRoot,
    source: Source,
    days: set[str] | None,
    last_day: date,
    only: Collection[str] | None = None,
) -> Ingested:
    """Ingest the source's waiting deliveries; a refused one does not stop the others.

    Deliveries are read in parallel, a thread per processor; numpy, Arrow and DuckDB release
    Python's lock.

    Args:
        days: The delivery days; None for all.
        only: The datasets; None for all. Deliveries of others go on waiting.

    Raises:
        PepperError, SuppressionStateError: What keeps the erased out is not as recorded.
    """
    suppression_state.check(data_root)
    done = Ingested()
    deliveries.tidy(data_root, source.name)
    remove_mistaken(data_root, source.name)
    groups: dict[tuple[str, str], list[Delivery]] = {}
    for item in deliveries.waiting(data_root, source.name, days):
        if why := deliveries.refused(data_root, item):
            done.refused.append((item.place, why))
            continue
        try:
            manifest, dataset = deliveries.check(item, source, last_day, data_root.policy.purposes)
        except RefusedDeliveryError as refusal:
            _refuse(data_root, done, item, refusal)
            continue
        if only is not None and dataset.name not in only:
            continue
        groups.setdefault((item.day, manifest.sha256), []).append((item, manifest, dataset))
    first, again = _first_and_again(data_root, source, groups)
    swept = (
        [entry for entry in deliveries.ledger(data_root, source.name) if entry.expired]
        if groups
        else []
    )
    # Who is known may follow from the delivery before.
    in_order = subscription.is_limited(data_root, source.name)
    with ThreadPoolExecutor(1 if in_order else os.cpu_count()) as threads:
        reading = [threads.submit(_read, data_root, *delivery, swept) for delivery in first]
    for (item, _, _), read in zip(first, reading, strict=True):
        _finish(data_root, done, item, read.result)
    for item, manifest, dataset in again:
        _finish(data_root, done, item, partial(_again, data_root, item, manifest, dataset, swept))
    return done


def _first_and_again(
    data_root: DataRoot, source: Source, groups: dict[tuple[str, str], list[Delivery]]
) -> tuple[list[Delivery], list[Delivery]]:
    """Split deliveries into those with bytes that are new on their day, and the others.

    The others are in the order in which they were written.
    """
    known = {
        (day, entry.sha256)
        for day in {day for day, _ in groups}
        for entry in deliveries.ledger(data_root, source.name, day)
    }
    first, again = [], []
    for key, group in groups.items():
        group.sort(key=lambda delivery: delivery[0].manifest_path.lstat().st_mtime_ns)
        day, digest = key
        forms = {key, (day, deliveries.keyed_hash(data_root, digest))}
        new = 0 if forms & known else 1
        first += group[:new]
        again += group[new:]
    return first, again


def _finish(
    data_root: DataRoot, done: Ingested, item: Waiting, read: Callable[[], Entry | None]
) -> None:
    """Record the outcome of a delivery: an entry, nothing new, or a refusal.

    A refused delivery stays in the inbox.
    """
    try:
        entry = read()
    except RefusedDeliveryError as refusal:
        _refuse(data_root, done, item, refusal)
        return
    if entry:
        # The delivery that it corrects may be of the same run.
        done.entries = [
            earlier for earlier in done.entries if earlier.delivery_id != entry.corrects
        ]
        done.entries.append(entry)
    else:
        done.redelivered += 1
    deliveries.take_out(item)


def _again(
    data_root: DataRoot, item: Waiting, manifest: Manifest, dataset: Dataset, swept: list[Entry]
) -> Entry | None:
    """Read the same bytes again only if the manifest declares another dataset or encoding."""
    entry = deliveries.of_bytes(data_root, item.source, item.day, manifest.sha256)
    if entry is None:
        return _read(data_root, item, manifest, dataset, swept)
    if not entry.read_as(manifest) and (entry.delivered or manifest.records):
        corrected = _read(data_root, item, manifest, dataset, swept, entry)
        remove_mistaken(data_root, item.source)
        return corrected
    _same_count(manifest, entry.delivered)
    return None


def _same_count(manifest: Manifest, delivered: int) -> None:
    if delivered != manifest.records:
        raise RefusedDeliveryError(
            "DEL-RECORDS", f"the manifest says {manifest.records} records, the file has {delivered}"
        )


def _refuse(
    data_root: DataRoot, done: Ingested, item: Waiting, refusal: RefusedDeliveryError
) -> None:
    with suppress(FileNotFoundError):
        deliveries.refuse(data_root, item, refusal)
    done.refused.append((item.place, str(refusal)))


def _read(
    data_root: DataRoot,
    item: Waiting,
    manifest: Manifest,
    dataset: Dataset,
    swept: list[Entry],
    corrects: Entry | None = None,
) -> Entry:
    """Write a delivery's records to raw and enter it in the ledger.

    Args:
        swept: The source's deliveries from which retention has removed records. When one is
            delivered again on a later day, those records stay removed.
        corrects: The delivery of the same bytes that was read as something else.

    Raises:
        RefusedDeliveryError: The delivery is refused; nothing was written.
    """
    identity = (
        deliveries.corrected_id(corrects, manifest)
        if corrects
        else deliveries.delivery_id(item.source, item.day, manifest.sha256)
    )
    delivered = expired = unsubscribed = 0
    sequence: int | None = None
    facts = FileFacts()
    before = [
        earlier
        for earlier in swept
        if earlier.dataset == dataset.name
        and earlier.day < item.day
        and deliveries.is_of(data_root, earlier, manifest.sha256)
    ]

    def stored(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        nonlocal delivered, expired, unsubscribed, sequence
        keep = partial(
            store_isolated,
            connection,
            item.source,
            dataset,
            suppressing=suppressing,
            protecting=protecting,
        )
        for batch in reading.records(item.path, manifest.codec, dataset.format, facts):
            delivered += batch.num_rows
            rows = keep(batch)
            if refusing:
                rows = refusals.without_refused(connection, rows)
            if limited:
                known = subscription.only_known(connection, rows)
                unsubscribed += rows.num_rows - known.num_rows
                rows = known
            kept = rows.filter(pc.is_in(rows["record_no"], value_set=unexpired)) if before else rows
            expired += rows.num_rows - kept.num_rows
            yield kept
        _same_count(manifest, delivered)
        if isinstance(dataset.format, JsonArray) and dataset.format.sequence_key:
            sequence = _whole_number(facts.envelope.get(dataset.format.sequence_key))

    with connect(data_root, side_by_side=True) as connection:
        connection.execute(STATEMENT_MACROS)
        connection.execute(f"CREATE OR REPLACE MACRO delivered_on() AS DATE '{item.day}'")
        suppressing = suppression.prepare(data_root, connection)
        if suppressing:
            suppressed_texts.prepare(data_root, connection)
        protecting = item.source not in AUTHORITIES and protected_identity.prepare(
            data_root, connection
        )
        refusing = refusals.prepare(data_root, connection, manifest.purpose)
        limited = subscription.is_limited(data_root, item.source)
        if limited:
            subscription.prepare(data_root, connection, item.source)
        unexpired = unexpired_records(data_root, connection, before)
        path = raw_path(data_root, item.source, item.day, identity)
        rows = write_parquet(path, Raw, stored(connection), ROWS_PER_GROUP)
        if suppressing:
            suppression.note_known_again(data_root, connection, path, date.fromisoformat(item.day))
    emptied = delivered > 0 and rows == expired == unsubscribed == 0
    if emptied:
        # No record is left, and its id is a hash of a file with erased registrants only.
        identity = deliveries.keyed_id(data_root, identity)
        recorded_files.move(path, raw_path(data_root, item.source, item.day, identity))
    entry = Entry(
        delivery_id=identity,
        source=item.source,
        day=item.day,
        dataset=dataset.name,
        sha256=manifest.sha256,
        bytes=manifest.bytes,
        delivered=delivered,
        suppressed=delivered - rows - expired - unsubscribed,
        expired=expired,
        unsubscribed=unsubscribed,
        period_last=str(manifest.period.last),
        sequence=sequence,
        encoding=manifest.encoding.lower(),
        corrects=corrects.delivery_id if corrects else "",
        missing_columns=facts.missing_columns,
        blank_columns=facts.blank_columns,
        dropped_columns=facts.dropped_columns,
        renamed=emptied,
    )
    if corrects:
        stage_later_again(data_root, corrects, deliveries.ledger(data_root, item.source))
    deliveries.enter(data_root, entry)
    return entry


def remove_mistaken(data_root: DataRoot, source: str = "*") -> None:
    """Remove from every layer what was misread of deliveries with a corrected manifest.

    The ledger entry is removed last: after a kill, the next run repeats the removal.
    """
    for entry in deliveries.mistaken(data_root, source):
        for layer in ("staged", "quarantine", "raw"):
            for path in (data_root.lake / layer / entry.source / entry.day).glob(
                f"{entry.delivery_id}*"
            ):
                shutil.rmtree(path) if path.is_dir() else recorded_files.remove(path)
        recorded_files.remove(
            deliveries.entry_path(data_root, entry.source, entry.day, entry.delivery_id)
        )


def store(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    dataset: Dataset,
    batch: pa.Table,
    *,
    suppressing: bool,
    protecting: bool = False,
) -> pa.Table:
    """Return a batch of records as rows of raw.

    Faults are found, records minimised and identified, those of suppressed registrants left out.

    Args:
        suppressing: Whether the suppression list has entries.
        protecting: Whether locations of registrants under protected identity are redacted.
    """
    connection.register("batch", batch)
    find_faults(connection, batch, dataset)
    # CSV columns of passwords have not been read.
    if (
        not isinstance(dataset.format, Csv)
        and (bare := json_text.without_passwords(payloads(batch))) is not None
    ):
        connection.register("batch", batch.set_column(1, "payload", bare))
    connection.execute(
        f"""{RAW_RECORDS.create} AS
        SELECT
            record_no,
            payload,
            ({dataset.given})::DATE AS given_on,
            coalesce({dataset.ends}, false) AS ends
        FROM (
            SELECT record_no, {dataset.minimise} AS payload
            FROM batch
            WHERE record_no NOT IN (SELECT record_no FROM faulty WHERE NOT is_object))"""
    )
    connection.execute(f"{IDENTIFIED.create} AS {dataset.identify}")
    if protecting:
        connection.execute(
            f"""{RAW_RECORDS.create} AS
            SELECT * REPLACE (
                CASE
                    WHEN record_no IN ({protected_identity.CONCERNS_PROTECTED})
                    THEN {dataset.without_location}
                    ELSE payload
                END AS payload)
            FROM raw_records"""
        )
    if suppressing and dataset.ends != "false":
        suppression.keep_from_returning(connection)
    rows = connection.execute(
        f"""WITH kept AS NOT MATERIALIZED (
            SELECT record_no, payload, given_on
            FROM raw_records
            UNION ALL
            SELECT record_no, payload, NULL
            FROM batch
            WHERE record_no IN (SELECT record_no FROM faulty WHERE NOT is_object))
        SELECT
            record_no,
            md5('{source}|{dataset.name}|' || coalesce(native_key::VARCHAR, md5(payload)))
                AS record_key,
            md5(payload) AS content,
            payload,
            coalesce(identifiers, []) AS identifiers,
            given_on,
            coalesce(faults, []) AS faults,
            NULL::VARCHAR AS place
        FROM kept
        LEFT JOIN identified USING (record_no)
        LEFT JOIN faulty USING (record_no)"""
    ).to_arrow_table()
    if suppressing:
        rows = without_suppressed(connection, source, dataset, rows)
    numbers = rows["record_no"].to_numpy()
    return rows if (numbers[1:] > numbers[:-1]).all() else rows.sort_by("record_no")


WITHOUT_IDENTIFIERS = (
    "SELECT record_no, NULL AS native_key, []::VARCHAR[] AS identifiers FROM raw_records"
)


def store_isolated(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    dataset: Dataset,
    batch: pa.Table,
    *,
    suppressing: bool,
    protecting: bool = False,
) -> pa.Table:
    """Return a batch as `store` does, with the fault REC-UNEXPECTED on records that make it fail.

    As much as possible is kept of such a record: all but the day on which it was given; else all
    but its identifiers too. Where it cannot be minimised, or may be of a registrant under protected
    identity, an empty object replaces its text, which may contain what must not be stored.
    """
    made = partial(store, connection, source, suppressing=suppressing, protecting=protecting)
    undated = replace(dataset, given=NEVER_GIVEN)

    def faulty(rows: pa.Table, place: str) -> pa.Table:
        for reduced in (
            [undated] if protecting else [undated, replace(undated, identify=WITHOUT_IDENTIFIERS)]
        ):
            try:
                return _marked(made(reduced, rows), place)
            except Exception as error:
                if is_machine_error(error):
                    raise
        bare = _marked(_emptied(source, dataset, rows), place)
        return without_suppressed(connection, source, dataset, bare) if suppressing else bare

    pieces = isolate(partial(made, dataset), faulty, batch)
    schema = arrow_schema(Raw)
    return (
        pieces[0]
        if len(pieces) == 1
        else pa.concat_tables([piece.select(schema.names).cast(schema) for piece in pieces])
    )


def _emptied(source: str, dataset: Dataset, batch: pa.Table) -> pa.Table:
    """Return records without their text, keyed by its hash, which is the same when redelivered."""
    contents = [content_hash(text) for text in batch["payload"].to_pylist()]
    keys = [content_hash(f"{source}|{dataset.name}|{content}") for content in contents]
    rows = [
        {
            "record_no": number, "record_key": key, "content": content, "payload": "{}",
            "identifiers": [], "given_on": None, "faults": faults, "place": None,
        }
        for number, key, content, faults in zip(
            batch["record_no"].to_pylist(), keys, contents, batch["faults"].to_pylist(), strict=True
        )
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, arrow_schema(Raw))


def _marked(rows: pa.Table, place: str) -> pa.Table:
    """Return the rows with REC-UNEXPECTED among their faults, and its place."""
    marked = [
        {**row, "faults": [*row["faults"], UNEXPECTED], "place": place} for row in rows.to_pylist()
    ]
    return pa.Table.from_pylist(marked, rows.schema)


def _whole_number(value: object) -> int | None:
    """Return the envelope's 64-bit key, which is sometimes typed as a string."""
    text = str(value)
    return int(text) if text.isdigit() and len(text) < 19 else None
