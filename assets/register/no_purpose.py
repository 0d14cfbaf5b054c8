"""Registrants whom no purpose admits: since when, and when they leave.

Whom no rule of eligibility lets into any mart is kept for nothing (GDPR 5(1)(b), (c) and (e)). Their
time counts from the last day on which the data shows a reason: the first record, the last contact,
the end of the last contract, the day of the last signal that keeps them out. It is a function of
what is staged, so that it does not matter when the register was built. A hold keeps them, like
everybody.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register.clocks import code, due
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope
from schemas.policy import Policy

WITHOUT_PURPOSE = Relation(
    name="without_purpose",
    summary="Registrants whom no purpose admits, since when, and when their time is over.",
    columns={"registrant_id": "VARCHAR", "started": "DATE", "rule": "VARCHAR", "due": "DATE"},
    reads=("registrants", "admission"),
    scope=Scope.COMPONENT,
)


def find(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `without_purpose`, from `registrants` and `admission`.

    Nobody is admitted to a purpose on a channel where a rule keeps them out.
    """
    connection.execute(
        WITHOUT_PURPOSE.create_table(
            f"""WITH judged AS (
                SELECT registrant_id, purpose, channel,
                    bool_or(effect = 'in') AND NOT bool_or(effect = 'out') AS admitted,
                    max(since) FILTER (effect = 'out') AS refused_on
                FROM admission GROUP BY ALL),
            summed AS (
                SELECT registrant_id, bool_or(admitted) AS admitted, max(refused_on) AS refused_on
                FROM judged GROUP BY ALL),
            counted AS (
                SELECT registrant_id,
                    least(DATE '{today}', greatest(first_seen_on, last_contact_on,
                        relationship_ends_on, refused_on)) AS started
                FROM registrants LEFT JOIN summed USING (registrant_id)
                WHERE NOT coalesce(admitted, false))
            SELECT registrant_id, started, '{code(policy, "without_purpose")}' AS rule,
                {due(policy, "without_purpose", "started")} AS due
            FROM counted"""
        )
    )


def over(connection: duckdb.DuckDBPyConnection, today: date) -> int:
    """Return how many of `without_purpose` are past their time and under no hold."""
    return count(connection, f"SELECT count(*) FROM ({leaving(today)})")


def leaving(today: date) -> str:
    """SQL: those of `without_purpose` whose time is over and whom no hold keeps."""
    return f"""SELECT registrant_id, started, rule, due
        FROM without_purpose ANTI JOIN held_registrants USING (registrant_id)
        WHERE due <= DATE '{today}'"""
