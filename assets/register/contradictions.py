"""Where sources contradict each other about who somebody is: decided by rule, flagged for review.

None of it stops a build. People stay apart, the latest statement counts, and a person looks at
what cannot be true: ids, kinds and records here, the values stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.register.protected_identity import TELLS_OF_IT
from assets.storage.data_root import Home
from assets.storage.quoting import parquet
from schemas.register import CONTRADICTIONS, Contradictions

_DISPUTED = {
    "identity_codes": "identifier-of-two-codes",
    "people_differ": "identifier-of-two-people",
    "two_codes": "person-with-two-codes",
    "two_numbers": "nobody-with-two-numbers",
}
"""Why linkage did not follow an identifier -> kind of contradiction."""


@dataclass(frozen=True)
class Contradiction:
    """A row of `contradictions`, as it is listed."""

    kind: str
    registrant_id: str
    other_registrant_id: str | None
    identifier_type: str
    source: str
    record_key: str
    stated_on: date


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Have `disputed_identifiers(type, value, person_key, reason)`, which linkage fills."""
    connection.execute(
        """CREATE TEMP TABLE IF NOT EXISTS disputed_identifiers
        (type VARCHAR, value VARCHAR, person_key VARCHAR, reason VARCHAR)"""
    )


def gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `contradictions`: identity codes that two claim, corrections that do not count, disputed identifiers.

    Reads `code_claims`, `registrant_codes`, `code_changes`, `disputed_identifiers`,
    `said_identifiers` and `membership`. Cost: one look at the identifiers when any is disputed.
    """
    kinds = " ".join(f"WHEN '{reason}' THEN '{kind}'" for reason, kind in _DISPUTED.items())
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE contradictions AS
        WITH claimed AS (
            SELECT 'code-claimed-twice' AS kind, membership.registrant_id,
                owner.registrant_id AS other_registrant_id, 'identity_code' AS identifier_type,
                claim.source, claim.record_key, claim.said.day AS stated_on
            FROM code_claims AS claim JOIN membership USING (person_key)
            JOIN registrant_codes AS owner ON owner.identity_code = claim.code
            WHERE owner.registrant_id <> membership.registrant_id),
        corrections AS (
            SELECT 'correction-undone', now.registrant_id,
                nullif(before.registrant_id, now.registrant_id), 'identity_code',
                '{TELLS_OF_IT}', record_key, said.day
            FROM code_changes
            LEFT JOIN corrected AS c ON c.code = code_changes.code
            LEFT JOIN corrected AS n ON n.code = code_changes.next
            JOIN membership AS now
                ON now.person_key = person_key('identity_code', coalesce(c.active, code_changes.code))
            LEFT JOIN membership AS before
                ON before.person_key = person_key('identity_code', coalesce(n.active, code_changes.next))),
        disputed AS (
            SELECT one.*, registrant_id,
                first(registrant_id ORDER BY registrant_id) OVER each AS lowest,
                last(registrant_id ORDER BY registrant_id) OVER each AS highest
            FROM disputed_identifiers AS one JOIN membership USING (person_key)
            WINDOW each AS (PARTITION BY type, value, reason)),
        stated AS (
            SELECT person_key, type, value, arg_max(source, said) AS source,
                arg_max(record_key, said) AS record_key, max(said).day AS stated_on
            FROM said_identifiers SEMI JOIN disputed USING (person_key, type, value) GROUP BY ALL),
        identifiers_in_dispute AS (
            SELECT CASE reason {kinds} END, registrant_id,
                nullif(CASE WHEN lowest = registrant_id THEN highest ELSE lowest END, registrant_id),
                type, source, record_key, stated_on
            FROM disputed JOIN stated USING (person_key, type, value))
        SELECT DISTINCT * FROM (
            FROM claimed UNION ALL FROM corrections UNION ALL FROM identifiers_in_dispute)"""
    )


def counts(home: Home) -> dict[str, int]:
    """How many of each kind the last build found; every kind is named."""
    found = dict.fromkeys(CONTRADICTIONS, 0)
    path = home.register("contradictions")
    if path.exists():
        with home.connect() as connection:
            found |= dict(
                connection.execute(
                    f"SELECT kind, count(*) FROM {parquet(path)} GROUP BY kind"
                ).fetchall()
            )
    return found


def listed(home: Home, limit: int) -> list[Contradiction]:
    """The first `limit` contradictions of the last build, the latest statement first."""
    path = home.register("contradictions")
    if not path.exists():
        return []
    columns = ", ".join(Contradictions.to_schema().columns)
    with home.connect() as connection:
        rows = connection.execute(
            f"""SELECT {columns} FROM {parquet(path)}
            ORDER BY stated_on DESC, kind, registrant_id, record_key LIMIT {limit}"""
        ).fetchall()
    return [Contradiction(*row) for row in rows]
