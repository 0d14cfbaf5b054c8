"""Shared keys: records of one key in one delivery that are about different people or parties.

Neither may replace the other. Examples: two contacts with ids that a spreadsheet merged, or an
order number that was issued twice. A record that comes twice, or the same person with a changed
field, is no shared key.
"""

from __future__ import annotations

import duckdb

from assets.sources.source import Dataset
from assets.storage.relations import Relation, Scope

SHARED_KEYS = Relation(
    name="records_of_shared_keys",
    summary="Records of a delivery whose key other people or parties have, too.",
    columns={"record_no": "BIGINT"},
    scope=Scope.RECORD,
    temporary=False,
)


def find_shared(connection: duckdb.DuckDBPyConnection, dataset: Dataset, rows: str) -> None:
    """Create `records_of_shared_keys(record_no)`, for every cursor.

    `rows` is the SQL of a delivery's rows of raw.

    Each record is compared with the previous one of its key that has a value in `Dataset.identity`;
    if the two agree in none, all records of the key are in the table. Payloads are read of repeated
    keys only.
    """
    # Two texts of the key differ; the key is not the fallback of a record that could not be parsed.
    connection.execute(
        f"""CREATE OR REPLACE TABLE repeated AS
        SELECT record_key FROM {rows} GROUP BY record_key HAVING min(content) <> max(content)"""
    )
    if not dataset.identity or not connection.execute("SELECT 1 FROM repeated LIMIT 1").fetchone():
        connection.execute(SHARED_KEYS.create_empty())
        return
    facts = ", ".join(
        f"'{number}|' || ({expression})" for number, expression in enumerate(dataset.identity)
    )
    connection.execute(
        f"""{SHARED_KEYS.create} AS
        WITH identified AS (
            SELECT record_no, record_key,
                list_filter([{facts}], lambda fact: fact IS NOT NULL) AS facts
            FROM {rows} SEMI JOIN repeated USING (record_key)),
        followed AS (
            SELECT record_key, facts,
                lag(facts) OVER (PARTITION BY record_key ORDER BY record_no) AS before
            FROM identified WHERE len(facts) > 0),
        split AS (SELECT DISTINCT record_key FROM followed WHERE NOT list_has_any(facts, before))
        SELECT record_no FROM identified SEMI JOIN split USING (record_key)"""
    )
