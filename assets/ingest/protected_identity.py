"""Protected identity at intake: the location of protected registrants is redacted before storage.

Records of registrants with a protected identity lose their location before they reach the disk
(`prepare`, `CONCERNS_PROTECTED`). Records that came before the flag was known, or from the
population register itself, are redacted by the sweep of the same run
(`assets.retention.protected_identity`). Counts of protected registrants are never published: two
counts that differ by one, with a delivery between them, would disclose the flag.
"""

from __future__ import annotations

import duckdb

from assets.ingest.record_matching import STRONG
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope

_STRONG = f"""list_filter(
    identifiers, lambda identifier: identifier[:strpos(identifier, ':') - 1] IN {STRONG})"""
_PROTECTED = """(SELECT coalesce(list(identifier), [])
    FROM (SELECT DISTINCT unnest(identifiers) AS identifier FROM identified)
    WHERE identifier IN (SELECT identifier FROM protected_identifiers))"""
# By a strong identifier, or by a contact where the record has nothing stronger.
CONCERNS_PROTECTED = f"""SELECT record_no
FROM identified
WHERE coalesce(
    list_has_any(
        CASE WHEN len({_STRONG}) > 0 THEN {_STRONG} ELSE identifiers END,
        {_PROTECTED}),
    false)"""


PROTECTED_IDENTIFIERS = Relation(
    name="protected_identifiers",
    summary="Identifiers of registrants under protected identity alone.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.BROADCAST,
)


def prepare(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> bool:
    """Make `protected_identifiers(identifier)`: the identifiers of protected registrants alone.

    Returns:
        Whether there are any.
    """
    connection.execute(PROTECTED_IDENTIFIERS.create_empty())
    paths = [
        data_root.register(table) for table in ("registrants", "identifiers", "contact_points")
    ]
    recorded_files.check(*paths, once=True)
    if not all(path.exists() for path in paths):
        return False
    registrants, identifiers, contact_points = (parquet(path) for path in paths)
    connection.execute(
        f"""INSERT INTO protected_identifiers
        WITH hidden AS (SELECT registrant_id FROM {registrants} WHERE protected),
        known AS (
            SELECT registrant_id, type || ':' || value AS identifier
            FROM {identifiers}
            WHERE type <> 'business_id'
            UNION
            SELECT registrant_id, kind || ':' || match_key
            FROM {contact_points}),
        theirs AS (SELECT DISTINCT identifier FROM known SEMI JOIN hidden USING (registrant_id))
        SELECT identifier
        FROM known
        SEMI JOIN theirs USING (identifier)
        GROUP BY identifier
        HAVING count(DISTINCT registrant_id) = 1"""
    )
    return connection.execute("SELECT 1 FROM protected_identifiers LIMIT 1").fetchone() is not None
