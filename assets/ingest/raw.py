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
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import duckdb
import pyarrow as pa

from assets.ingest import deliveries, subscription, suppression
from assets.ingest.deliveries import Entry, Waiting
from assets.ingest.file_formats import reading
from assets.ingest.file_formats.batches import FileFacts
from assets.ingest.intake import Intake
from assets.ingest.raw_files import raw_path
from assets.ingest.restaging import stage_later_again
from assets.sources.formats import JsonArray
from assets.sources.source import Dataset, Source
from assets.storage import recorded_files, suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import write_parquet
from assets.storage.sessions import connect
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
    sequence: int | None = None
    facts = FileFacts()
    before = [
        earlier
        for earlier in swept
        if earlier.dataset == dataset.name
        and earlier.day < item.day
        and deliveries.is_of(data_root, earlier, manifest.sha256)
    ]
    intake = Intake(data_root, item.source, item.day, dataset, manifest.purpose)

    def stored(connection: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        nonlocal sequence
        batches = reading.records(item.path, manifest.codec, dataset.format, facts)
        yield from intake.rows(connection, batches, before)
        _same_count(manifest, intake.delivered)
        if isinstance(dataset.format, JsonArray) and dataset.format.sequence_key:
            sequence = _whole_number(facts.envelope.get(dataset.format.sequence_key))

    with connect(data_root, side_by_side=True) as connection:
        path = raw_path(data_root, item.source, item.day, identity)
        rows = write_parquet(path, Raw, stored(connection), ROWS_PER_GROUP)
        if intake.suppressing:
            suppression.note_known_again(data_root, connection, path, date.fromisoformat(item.day))
    delivered, expired, unsubscribed = intake.delivered, intake.expired, intake.unsubscribed
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


def _whole_number(value: object) -> int | None:
    """Return the envelope's 64-bit key, which is sometimes typed as a string."""
    text = str(value)
    return int(text) if text.isdigit() and len(text) < 19 else None
