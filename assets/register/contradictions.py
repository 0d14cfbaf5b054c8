"""Contradictions between sources about who somebody is: decided by rule, flagged for review.

None of them stops a build. People stay apart, the latest statement counts, and a person looks at
what cannot be true: ids, kinds and records are here, the values stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect
from schemas.register import CONTRADICTIONS, Contradictions

_DISPUTED = {
    "identity_codes": "identifier-of-two-codes",
    "people_differ": "identifier-of-two-people",
    "two_codes": "person-with-two-codes",
    "two_numbers": "nobody-with-two-numbers",
}
"""Why linkage did not follow an identifier -> kind of contradiction."""

CONTRADICTIONS_FOUND = Relation.of(
    Contradictions,
    reads=(
        "code_claims",
        "membership",
        "registrant_codes",
        "discounted_corrections",
        "corrected_codes",
        "disputed_identifiers",
        "statements_identifiers",
        "delivery_ledger",
    ),
    scope=Scope.COMPONENT,
)


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


def gather(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `contradictions`: identity codes that two claim, corrections that do not count, disputed
    identifiers.

    Cost: one scan of the identifiers when any is disputed.
    """
    kinds = " ".join(f"WHEN '{reason}' THEN '{kind}'" for reason, kind in _DISPUTED.items())
    connection.execute(
        CONTRADICTIONS_FOUND.create_table(
            f"""WITH claimed AS (
                SELECT 'code-claimed-twice' AS kind, membership.registrant_id,
                    owner.registrant_id AS other_registrant_id,
                    'identity_code' AS identifier_type, claim.source, claim.record_key,
                    claim.statement.day AS stated_on
                FROM code_claims AS claim
                JOIN membership USING (person_key)
                JOIN registrant_codes AS owner ON owner.identity_code = claim.code
                WHERE owner.registrant_id <> membership.registrant_id),
            undone AS (
                SELECT 'correction-undone', present.registrant_id,
                    nullif(earlier.registrant_id, present.registrant_id), 'identity_code',
                    delivery.of_source, record_key, statement.day
                FROM discounted_corrections AS discounted
                JOIN delivery_ledger AS delivery
                    ON delivery.delivery_id = discounted.statement.delivery_id
                LEFT JOIN corrected_codes AS c ON c.code = discounted.code
                LEFT JOIN corrected_codes AS n ON n.code = discounted.next
                JOIN membership AS present ON present.person_key
                    = person_key('identity_code', coalesce(c.active, discounted.code))
                LEFT JOIN membership AS earlier ON earlier.person_key
                    = person_key('identity_code', coalesce(n.active, discounted.next))),
            disputed AS (
                SELECT identifier.*, registrant_id,
                    first(registrant_id ORDER BY registrant_id) OVER each AS lowest,
                    last(registrant_id ORDER BY registrant_id) OVER each AS highest
                FROM disputed_identifiers AS identifier JOIN membership USING (person_key)
                WINDOW each AS (PARTITION BY type, value, reason)),
            stated AS (
                SELECT person_key, type, value, arg_max(source, statement) AS source,
                    arg_max(record_key, statement) AS record_key,
                    max(statement).day AS stated_on
                FROM statements_identifiers SEMI JOIN disputed USING (person_key, type, value)
                GROUP BY ALL),
            identifiers_in_dispute AS (
                SELECT CASE reason {kinds} END, registrant_id,
                    nullif(CASE WHEN lowest = registrant_id THEN highest ELSE lowest END,
                        registrant_id),
                    type, source, record_key, stated_on
                FROM disputed JOIN stated USING (person_key, type, value))
            SELECT DISTINCT * FROM (
                FROM claimed UNION ALL FROM undone UNION ALL FROM identifiers_in_dispute)"""
        )
    )


def counts(data_root: DataRoot) -> dict[str, int]:
    """Return the number of contradictions of each kind in the last build; every kind is there."""
    counted = dict.fromkeys(CONTRADICTIONS, 0)
    path = data_root.register("contradictions")
    if path.exists():
        with connect(data_root) as connection:
            counted |= dict(
                connection.execute(
                    f"SELECT kind, count(*) FROM {parquet(path)} GROUP BY kind"
                ).fetchall()
            )
    return counted


def listed(data_root: DataRoot, limit: int) -> list[Contradiction]:
    """Return the first `limit` contradictions of the last build, the latest statement first."""
    path = data_root.register("contradictions")
    if not path.exists():
        return []
    columns = ", ".join(Contradictions.to_schema().columns)
    with connect(data_root) as connection:
        rows = connection.execute(
            f"""SELECT {columns} FROM {parquet(path)}
            ORDER BY stated_on DESC, kind, registrant_id, record_key LIMIT {limit}"""
        ).fetchall()
    return [Contradiction(*row) for row in rows]
