"""Removing everybody on the suppression list from a restored lake, by keyed hash.

Their identifiers are no longer known. The condition is that of an erasure, over hashed identifiers:
a record with a listed strong identifier, or with nothing stronger than a listed contact; a record
that could not be parsed and has a listed text; and all rows of staged tables and quarantine
under the key of a listed person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date

import duckdb

from assets.erasure import emptied_deliveries, legal_holds, mentions
from assets.erasure.matching import MENTIONED_IDENTIFIERS, REQUESTED_IDENTIFIERS
from assets.erasure.mentions import DECIDED_REDACTIONS
from assets.ingest import deliveries, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.mentions.suppressed_texts import listed_in_lake
from assets.ingest.raw_files import raw_path
from assets.ingest.record_matching import OWN_BROWSER
from assets.sources import statement_macros
from assets.staging import lake_rewrite, staged
from assets.staging.lake_rewrite import MATCHED_RECORDS
from assets.staging.staged import quarantine_path
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from schemas.columns import table_name
from schemas.staged import Visits


def replay(data_root: DataRoot, known: Collection[str] | None = None) -> dict[str, int]:
    """Remove everybody on the list from raw, quarantine and staged. Idempotent.

    Args:
        data_root: The data root.
        known: The identifiers of the people being erased, if nobody else was erased since: mentions
            of them are redacted. None: all texts are searched for mentions of anybody on the list.

    Returns:
        Rows removed per source.
    """
    lake_rewrite.finish_removals(data_root)
    removed: Counter[str] = Counter()
    with connect(data_root) as connection:
        statement_macros.create(connection)
        if not suppression.prepare(data_root, connection):
            return {}
        legal_holds.stage_waiting(data_root)
        mentioned = listed_in_lake(data_root, connection) if known is None else known
        connection.execute(
            f"""{REQUESTED_IDENTIFIERS.create} AS
            SELECT unnest($1::VARCHAR[]) AS identifier, '' AS request_id""",
            [sorted(mentioned)],
        )
        connection.execute(
            f"""{MENTIONED_IDENTIFIERS.create} AS
            SELECT DISTINCT regexp_replace(identifier, '^own_', '') AS identifier, request_id
            FROM requested_identifiers"""
        )
        connection.execute(DECIDED_REDACTIONS.create_empty())
        mentions.scan(data_root, connection)
        for entry in deliveries.ledger(data_root):
            if _find_matched(data_root, connection, entry):
                # Records under a statutory duty stay, as in the erasure; the build of the register
                # decides whether their retention period is over.
                legal_holds.find_retained(data_root, connection, entry, date.min)
                removed[entry.source] += legal_holds.remove_unless_retained(
                    data_root, connection, entry, mentions.edits(connection)
                )
        lake_rewrite.stage_again(data_root)
        legal_holds.key_contents(data_root, connection)
    emptied_deliveries.rename(data_root)
    return dict(sorted(removed.items()))


def _find_matched(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> bool:
    """Create `matched_records(record_no)` and `redactions`; return whether either has a row."""
    mentions.find_mentions(data_root, connection, entry)
    queries = ["FROM theirs"]
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    given_again = ""
    if raw.exists():
        rows = parquet(raw)
        suppression.find_kept_out(connection, rows)
        queries.append("FROM kept_out")
        # Records given again after the erasure stay, under any key.
        given_again = f"""AND record_no NOT IN (
            SELECT record_no FROM {rows}
            WHERE given_on IS NOT NULL AND record_no NOT IN (FROM kept_out))"""
    visits = staged.staged_folder(data_root, entry) / f"{table_name(Visits)}.parquet"
    if visits.exists():
        queries.append(
            f"""SELECT record_no FROM {parquet(visits)}
            WHERE user_id IS NULL AND suppression_token('{OWN_BROWSER}:' || visitor_id) IN (
                SELECT token FROM suppressed)"""
        )
    for path in (*lake_rewrite.staged_files(data_root, entry), quarantine_path(data_root, entry)):
        if path.exists() and path.stem != "records":
            queries.append(
                f"""SELECT record_no FROM {parquet(path)} WHERE person_key IN (
                SELECT person_key FROM (SELECT DISTINCT person_key FROM {parquet(path)})
                WHERE suppression_token('person_key:' || person_key) IN (SELECT token
                    FROM suppressed)) {given_again}"""
            )
    connection.execute(
        f"""{MATCHED_RECORDS.create} AS
        SELECT DISTINCT record_no FROM ({" UNION ALL ".join(f"({query})" for query in queries)})"""
    )
    mentioned = mentions.find_redactions(connection)
    return (
        mentioned
        or connection.execute("SELECT 1 FROM matched_records LIMIT 1").fetchone() is not None
    )
