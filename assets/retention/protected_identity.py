"""Redacting the location of registrants under protected identity in raw and staged.

The records stay, without it. `register.protected_identity` lists them; the datasets of every source
declare how their payload is redacted. The hash of a record's content, which decides whether the
next one repeats it, is recomputed after the redaction: an address that is sent again after the flag
has ended is no duplicate. The list is marked as done after the last file, so a killed sweep repeats
it.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register.corrections import LOCATION
from assets.register.protected_identity import WITHHELD
from assets.sources import statement_macros
from assets.sources.all_sources import SOURCES
from assets.staging import lake_rewrite
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect

_WITHOUT_LOCATION = {
    (source.name, dataset.name): dataset.without_location
    for source in SOURCES
    for dataset in source.datasets
    if dataset.without_location != "payload"
}
_HERE = "record_no IN (SELECT record_no FROM redacted_here)"
# The hash of a record's content now, as raw has it.
_CONTENT = (
    "coalesce((SELECT map_from_entries(list((record_no, content))) FROM "
    "current_contents)[record_no], content)"
)

LOCATION_REDACTIONS = Relation(
    name="location_redactions",
    summary="Records whose location is redacted, and whether it has been.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT", "done": "BOOLEAN"},
    scope=Scope.COMPONENT,
)


def redact_locations(data_root: DataRoot) -> None:
    """Redact the listed records that are not done. Cost: rewriting each file with one of them."""
    if not WITHHELD.exists(data_root):
        return
    with connect(data_root) as connection:
        statement_macros.create(connection)
        connection.execute(f"{LOCATION_REDACTIONS.create} AS {WITHHELD.rows(data_root)}")
        concerned = {
            delivery_id
            for (delivery_id,) in connection.execute(
                "SELECT DISTINCT delivery_id FROM location_redactions WHERE NOT done"
            ).fetchall()
        }
        if not concerned:
            return
        for entry in deliveries.ledger(data_root):
            if (
                entry.delivery_id in concerned
                and (entry.source, entry.dataset) in _WITHOUT_LOCATION
            ):
                _redact(data_root, connection, entry)
        copy_parquet(
            connection,
            "SELECT delivery_id, record_no, true AS done FROM location_redactions ORDER BY ALL",
            WITHHELD.place(data_root),
        )


def _redact(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE redacted_here AS SELECT record_no FROM location_redactions
        WHERE NOT done AND delivery_id = '{entry.delivery_id}'"""
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE current_contents (record_no BIGINT, content VARCHAR)"
    )
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if raw.exists():
        bare = (
            f"CASE WHEN {_HERE} AND json_valid(payload) THEN "
            f"({_WITHOUT_LOCATION[entry.source, entry.dataset]}) ELSE payload END"
        )
        if _any(connection, raw, f"payload IS DISTINCT FROM {bare}"):
            lake_rewrite.rewrite(
                connection,
                raw,
                "true",
                f"* REPLACE ({bare} AS payload, CASE WHEN {_HERE} THEN md5({bare}) ELSE content "
                f"END AS content)",
            )
        connection.execute(
            f"INSERT INTO current_contents SELECT record_no, content FROM {parquet(raw)} WHERE "
            f"{_HERE}"
        )
    for path in lake_rewrite.staged_files(data_root, entry):
        if path.stem == "addresses":
            lake_rewrite.rewrite(connection, path, f"(op = 'censor' OR NOT {_HERE})")
        elif path.stem == "corrections":
            lake_rewrite.rewrite(connection, path, f"(attribute NOT IN {LOCATION} OR NOT {_HERE})")
        elif path.stem == "visits" and _any(connection, path, f"{_HERE} AND ip IS NOT NULL"):
            lake_rewrite.rewrite(
                connection, path, "true", f"* REPLACE (CASE WHEN NOT {_HERE} THEN ip END AS ip)"
            )
        elif path.stem == "records" and _any(connection, path, f"content <> {_CONTENT}"):
            lake_rewrite.rewrite(connection, path, "true", f"* REPLACE ({_CONTENT} AS content)")


def _any(connection: duckdb.DuckDBPyConnection, path: Path, condition: str) -> bool:
    return (
        connection.execute(f"SELECT 1 FROM {parquet(path)} WHERE {condition} LIMIT 1").fetchone()
        is not None
    )
