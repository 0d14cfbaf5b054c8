"""Removing from a restored lake whom the suppression list names: nobody knows them any more, so by keyed hash.

The same condition as in an erasure, over hashed identifiers: a record with a strong one that is listed, or with nothing
stronger than a listed contact; one that could not be taken apart and whose text is listed; and whatever staged tables and quarantine
have under a listed person's key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import date

import duckdb

from assets.erasure import emptied_deliveries, legal_holds, mentions
from assets.ingest import deliveries, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.mentions.suppressed_texts import listed_in_lake
from assets.ingest.raw_files import raw_path
from assets.sources.source import STATEMENT_MACROS
from assets.staging import lake_rewrite
from assets.staging.staged import quarantine_path
from assets.storage.data_root import Home
from assets.storage.quoting import parquet


def replay(home: Home, known: Collection[str] | None = None) -> dict[str, int]:
    """Remove everyone on the list from raw, quarantine and staged; answers rows removed per source.
    Repeating changes nothing.

    Args:
        home: The data root.
        known: The identifiers of those who are being erased, where nobody else was erased since:
            mentions of them are redacted. None: all texts are searched for mentions of anybody on
            the list.
    """
    lake_rewrite.mend(home)
    removed: Counter[str] = Counter()
    with home.connect() as connection:
        connection.execute(STATEMENT_MACROS)
        if not suppression.prepare(home, connection):
            return {}
        legal_holds.stage_waiting(home)
        mentioned = listed_in_lake(home, connection) if known is None else known
        connection.execute(
            "CREATE TEMP TABLE sought AS SELECT unnest($1::VARCHAR[]) AS identifier, '' AS request_id",
            [sorted(mentioned)],
        )
        mentions.scan(home, connection)
        for entry in deliveries.book(home):
            if _find_gone(home, connection, entry):
                # What a statute keeps stays, as in the erasure; whether its time is over by now is decided when the register is built.
                legal_holds.find_held(home, connection, entry, date.min)
                removed[entry.source] += legal_holds.remove_but_held(
                    home, connection, entry, mentions.edits(connection)
                )
        legal_holds.key_contents(home, connection)
    emptied_deliveries.rename(home)
    return dict(sorted(removed.items()))


def _find_gone(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry) -> bool:
    """Make `gone(record_no)` and `redactions`; returns whether there are any of either."""
    mentions.find_mentions(home, connection, entry)
    queries = ["FROM theirs"]
    raw = raw_path(home, entry.source, entry.day, entry.delivery_id)
    known = ""
    if raw.exists():
        rows = parquet(raw)
        suppression.find_kept_out(connection, rows)
        queries.append("FROM kept_out")
        # What was given anew stays, under whatever key it is staged.
        known = f"AND record_no NOT IN (SELECT record_no FROM {rows} WHERE given_on IS NOT NULL AND record_no NOT IN (FROM kept_out))"
    for path in (*lake_rewrite.staged_files(home, entry), quarantine_path(home, entry)):
        if path.exists() and path.stem != "records":
            queries.append(
                f"""SELECT record_no FROM {parquet(path)} WHERE person_key IN (
                SELECT person_key FROM (SELECT DISTINCT person_key FROM {parquet(path)})
                WHERE suppression_token('person_key:' || person_key) IN (SELECT token FROM suppressed)) {known}"""
            )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE gone AS SELECT DISTINCT record_no FROM ({' UNION ALL '.join(f'({one})' for one in queries)})"
    )
    mentioned = mentions.find_redactions(connection)
    return mentioned or connection.execute("SELECT 1 FROM gone LIMIT 1").fetchone() is not None
