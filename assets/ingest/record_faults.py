"""Faults that make a record of any source unreadable or doubtful: codes of `schemas.raw`."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest import json_text
from assets.ingest.file_formats.batches import DEEPEST_RECORD, LARGEST_RECORD
from assets.sources.source import Dataset
from assets.storage.relations import Relation, Scope

BATCH = Relation(
    name="batch",
    summary="Records of a delivery as the reader of its file returns them.",
    columns={"record_no": "BIGINT", "payload": "VARCHAR", "faults": "VARCHAR[]"},
    scope=Scope.RECORD,
    external=True,
)
FAULTY = Relation(
    name="faulty",
    summary="Faulty records of a batch, with their faults.",
    columns={"record_no": "BIGINT", "is_object": "BOOLEAN", "faults": "VARCHAR[]"},
    reads=("batch",),
    scope=Scope.RECORD,
)


def find_faults(connection: duckdb.DuckDBPyConnection, batch: pa.Table, dataset: Dataset) -> None:
    """Make the table `faulty(record_no, faults, is_object)` of the batch's faulty records.

    `is_object` means that DuckDB can parse it as an object. The records' text is not copied: only
    the faults are written.
    """
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE shaped AS
        SELECT
            record_no,
            faults,
            contains(payload, chr(65533)) AS replaced,
            CASE
                WHEN strlen(payload) > ? THEN 'REC-TOO-LARGE'
                WHEN len(faults) > 0 THEN NULL
                WHEN NOT json_valid(payload) OR NOT regexp_matches(payload, '^\\s*\\{')
                THEN 'REC-JSON'
            END AS misshapen
        FROM batch""",
        [LARGEST_RECORD],
    )
    unsound = connection.execute(
        "SELECT record_no FROM shaped WHERE misshapen IS NOT NULL OR len(faults) > 0"
    ).to_arrow_table()["record_no"]
    deep, unreadable, twice = _suspicious(batch, unsound, dataset)
    connection.execute(
        f"""{FAULTY.create} AS
        SELECT *
        FROM (
            SELECT
                record_no,
                misshapen IS NULL
                    AND len(faults) = 0
                    AND NOT list_contains($deep, record_no) AS is_object,
                list_filter(
                    faults || [
                        misshapen,
                        CASE WHEN list_contains($deep, record_no) THEN 'REC-TOO-DEEP' END,
                        CASE WHEN list_contains($unreadable, record_no) THEN 'REC-JSON' END,
                        CASE WHEN list_contains($twice, record_no) THEN 'REC-DUPLICATE-KEY' END,
                        CASE WHEN replaced THEN 'REC-REPLACEMENT' END],
                    lambda code: code IS NOT NULL) AS faults
            FROM shaped)
        WHERE len(faults) > 0""",
        {"deep": deep or [-1], "unreadable": unreadable or [-1], "twice": twice or [-1]},
    )


def _suspicious(batch: pa.Table, unsound: pa.ChunkedArray, dataset: Dataset) -> list[list[int]]:
    """Return the numbers of the sound records that `json_text.suspicious` finds, by kind."""
    # Objects that the reader composed are sound, and have each name once.
    if dataset.format.composed:
        return [[], [], []]
    objects = (
        batch.filter(pc.invert(pc.is_in(batch["record_no"], value_set=unsound)))
        if len(unsound)
        else batch
    )
    numbers = objects["record_no"]
    return [
        [numbers[index].as_py() for index in indexes]
        for indexes in json_text.suspicious(payloads(objects), DEEPEST_RECORD)
    ]


def payloads(batch: pa.Table) -> pa.Array:
    """Return the records' text as an array without chunks."""
    return batch["payload"].combine_chunks()
