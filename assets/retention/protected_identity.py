"""Taking the location of protected registrants out of raw and staged, record by record: the record stays, without it.

`register.protected` says which records; every source's datasets say how their payload is stripped. What a record says, and
so whether the next one repeats it, is told anew after the stripping: an address that is sent again after the flag has
ended is no repetition. The list is marked as done after the last file, so a sweep that was killed repeats it.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register.corrections import LOCATION
from assets.register.protected_identity import WITHHELD
from assets.sources.all_sources import SOURCES
from assets.sources.source import STATEMENT_MACROS
from assets.staging import lake_rewrite
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet

_WITHOUT_LOCATION = {
    (source.name, dataset.name): dataset.without_location
    for source in SOURCES
    for dataset in source.datasets
    if dataset.without_location != "payload"
}
_HERE = "record_no IN (SELECT record_no FROM withheld_here)"
# What a record says now, as raw has it.
_SAYS = "coalesce((SELECT map_from_entries(list((record_no, content))) FROM now_says)[record_no], content)"


def withhold(home: Home) -> None:
    """Strip the records that are noted and not done. Cost: the rewriting of the files that hold one of them."""
    path = home.lake / WITHHELD
    if not path.exists():
        return
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE withheld AS SELECT * FROM {parquet(path)}"
        )
        concerned = {
            one
            for (one,) in connection.execute(
                "SELECT DISTINCT delivery_id FROM withheld WHERE NOT done"
            ).fetchall()
        }
        if not concerned:
            return
        for entry in deliveries.book(home):
            if (
                entry.delivery_id in concerned
                and (entry.source, entry.dataset) in _WITHOUT_LOCATION
            ):
                _strip(home, connection, entry)
        copy_parquet(
            connection,
            "SELECT delivery_id, record_no, true AS done FROM withheld ORDER BY ALL",
            path,
        )


def _strip(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE withheld_here AS SELECT record_no FROM withheld WHERE NOT done AND delivery_id = '{entry.delivery_id}'"
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE now_says (record_no BIGINT, content VARCHAR)")
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    if raw.exists():
        bare = f"CASE WHEN {_HERE} AND json_valid(payload) THEN ({_WITHOUT_LOCATION[entry.source, entry.dataset]}) ELSE payload END"
        if _any(connection, raw, f"payload IS DISTINCT FROM {bare}"):
            lake_rewrite.rewrite(
                connection,
                raw,
                "true",
                f"* REPLACE ({bare} AS payload, CASE WHEN {_HERE} THEN md5({bare}) ELSE content END AS content)",
            )
        connection.execute(
            f"INSERT INTO now_says SELECT record_no, content FROM {parquet(raw)} WHERE {_HERE}"
        )
    for path in lake_rewrite.staged_files(home, entry):
        if path.stem == "addresses":
            lake_rewrite.rewrite(connection, path, f"(op = 'censor' OR NOT {_HERE})")
        elif path.stem == "corrections":
            lake_rewrite.rewrite(connection, path, f"(attribute NOT IN {LOCATION} OR NOT {_HERE})")
        elif path.stem == "visits" and _any(connection, path, f"{_HERE} AND ip IS NOT NULL"):
            lake_rewrite.rewrite(
                connection, path, "true", f"* REPLACE (CASE WHEN NOT {_HERE} THEN ip END AS ip)"
            )
        elif path.stem == "records" and _any(connection, path, f"content <> {_SAYS}"):
            lake_rewrite.rewrite(connection, path, "true", f"* REPLACE ({_SAYS} AS content)")


def _any(connection: duckdb.DuckDBPyConnection, path: Path, condition: str) -> bool:
    return (
        connection.execute(f"SELECT 1 FROM {parquet(path)} WHERE {condition} LIMIT 1").fetchone()
        is not None
    )
