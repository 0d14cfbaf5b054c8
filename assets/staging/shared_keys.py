"""Records of one key in one delivery that are about different people or parties: neither may replace the other.

Such as two contacts whose record ids a spreadsheet has made one, or an order number that was given out twice. A record that
comes twice, or the same person with a changed field, is nothing of the kind.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from assets.sources.source import Dataset
from assets.storage.quoting import parquet


def find_shared(connection: duckdb.DuckDBPyConnection, dataset: Dataset, raw: Path) -> None:
    """Make the table `shared(record_no)`, for every cursor: records whose key another record of the file has for somebody else.

    Each record is compared with the one of its key before it that tells whom it is about; where the two agree in nothing
    of `Dataset.identity`, all of the key are in the table. Payloads are read of repeated keys only.
    """
    rows = parquet(raw)
    # Keys of which two texts differ, and that are no fallback for a record that could not be taken apart.
    connection.execute(
        f"""CREATE OR REPLACE TABLE repeated AS
        SELECT record_key FROM {rows} GROUP BY record_key HAVING min(content) <> max(content)"""
    )
    if not dataset.identity or not connection.execute("SELECT 1 FROM repeated LIMIT 1").fetchone():
        connection.execute("CREATE OR REPLACE TABLE shared (record_no BIGINT)")
        return
    told = ", ".join(
        f"'{number}|' || ({expression})" for number, expression in enumerate(dataset.identity)
    )
    connection.execute(
        f"""CREATE OR REPLACE TABLE shared AS
        WITH identified AS (
            SELECT record_no, record_key,
                list_filter([{told}], lambda fact: fact IS NOT NULL) AS facts
            FROM {rows} SEMI JOIN repeated USING (record_key)),
        followed AS (
            SELECT record_key, facts,
                lag(facts) OVER (PARTITION BY record_key ORDER BY record_no) AS before
            FROM identified WHERE len(facts) > 0),
        torn AS (SELECT DISTINCT record_key FROM followed WHERE NOT list_has_any(facts, before))
        SELECT record_no FROM identified SEMI JOIN torn USING (record_key)"""
    )
