"""Rows of raw without the records of suppressed registrants, and with mentions of them redacted."""

from __future__ import annotations

from hashlib import md5

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest import suppression
from assets.ingest.mentions import suppressed_texts
from assets.ingest.mentions.redaction import Redaction
from assets.ingest.redacted_records import identified_again
from assets.sources.source import Dataset


def without_suppressed(
    connection: duckdb.DuckDBPyConnection, source: str, dataset: Dataset, rows: pa.Table
) -> pa.Table:
    """Return the rows that do not concern registrants on the list, with mentions of them redacted.

    Rows that concern them and were given after the erasure stay unchanged.
    """
    connection.register("stored", rows)
    suppression.find_kept_out(connection, "stored")
    rows = _without(rows, connection, "kept_out")
    redaction = suppressed_texts.find_listed(connection, _without(rows, connection, "matches"))
    rows = _without(rows, connection, "theirs")
    return _redacted(connection, source, dataset, rows, redaction)


def _without(rows: pa.Table, connection: duckdb.DuckDBPyConnection, records: str) -> pa.Table:
    numbers = connection.execute(f"SELECT record_no FROM {records}").to_arrow_table()["record_no"]
    return rows.filter(pc.invert(pc.is_in(rows["record_no"], value_set=numbers.combine_chunks())))


def _redacted(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    dataset: Dataset,
    rows: pa.Table,
    redaction: Redaction | None,
) -> pa.Table:
    """Return the rows with redacted texts and their hashes, which are the same when redelivered."""
    if redaction is None:
        return rows
    mentions = pc.is_in(rows["record_no"], value_set=pa.array(list(redaction.records), pa.int64()))
    changed, unchanged = [], []
    for row in rows.filter(mentions).to_pylist():
        record = redaction.records[row["record_no"]]
        text = redaction.text(row["payload"], record)
        row["identifiers"] = redaction.identifiers(row["identifiers"], record)
        if text != row["payload"]:
            changed.append(row | {"payload": text})
        else:
            unchanged.append(row)
    again = pa.Table.from_pylist(changed, rows.schema)
    if changed:
        again = identified_again(connection, source, dataset, again).cast(rows.schema)
    return pa.concat_tables(
        [
            rows.filter(pc.invert(mentions)),
            pa.Table.from_pylist(unchanged, rows.schema),
            again,
        ]
    )


def content_hash(text: str) -> str:
    """Return the hash of a record's text, as in raw's column `content`."""
    return md5(text.encode(), usedforsecurity=False).hexdigest()
