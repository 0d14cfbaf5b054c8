"""The records of a delivery on their way to raw: minimised, identified, filtered and counted.

Nothing here writes: `assets.ingest.raw` makes the rows durable, and `assets.staging.trial` returns
what would become of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest import json_text, protected_identity, refusals, subscription, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.expired_records import unexpired_records
from assets.ingest.fault_isolation import UNEXPECTED, is_machine_error, isolate
from assets.ingest.mentions import suppressed_texts
from assets.ingest.raw_files import IDENTIFIED, RAW_RECORDS
from assets.ingest.record_faults import find_faults, payloads
from assets.ingest.suppressed_rows import content_hash, without_suppressed
from assets.sources import statement_macros
from assets.sources.all_sources import AUTHORITIES
from assets.sources.formats import Csv
from assets.sources.source import NEVER_GIVEN, Dataset
from assets.storage.data_root import DataRoot
from schemas.columns import arrow_schema
from schemas.raw import Raw


@dataclass
class Intake:
    """The records of one delivery on their way to raw, counted; those left out are not returned.

    Attributes:
        purpose: The policy's purpose under which the source hands the data over.
        delivered: Records read so far.
        suppressing: Whether the suppression list has entries; known when rows have been returned.
    """

    data_root: DataRoot
    source: str
    day: str
    dataset: Dataset
    purpose: str
    delivered: int = 0
    expired: int = 0
    unsubscribed: int = 0
    suppressing: bool = False

    def rows(
        self,
        connection: duckdb.DuckDBPyConnection,
        batches: Iterable[pa.Table],
        before: list[Entry] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the records of `batches` as rows of raw.

        Args:
            connection: A session of its own.
            batches: As `file_formats.reading.records` returns them.
            before: Deliveries of the same bytes from which retention has removed records.
        """
        statement_macros.create(connection, self.day)
        self.suppressing = suppression.prepare(self.data_root, connection)
        if self.suppressing:
            suppressed_texts.prepare(self.data_root, connection)
        protecting = self.source not in AUTHORITIES and protected_identity.prepare(
            self.data_root, connection
        )
        refusing = refusals.prepare(self.data_root, connection, self.purpose)
        limited = subscription.is_limited(self.data_root, self.source)
        if limited:
            subscription.prepare(self.data_root, connection, self.source)
        unexpired = unexpired_records(self.data_root, connection, before or [])
        for batch in batches:
            self.delivered += batch.num_rows
            rows = store_isolated(
                connection,
                self.source,
                self.dataset,
                batch,
                suppressing=self.suppressing,
                protecting=protecting,
            )
            if refusing:
                rows = refusals.without_refused(connection, rows)
            if limited:
                known = subscription.only_known(connection, rows)
                self.unsubscribed += rows.num_rows - known.num_rows
                rows = known
            kept = rows.filter(pc.is_in(rows["record_no"], value_set=unexpired)) if before else rows
            self.expired += rows.num_rows - kept.num_rows
            yield kept


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
