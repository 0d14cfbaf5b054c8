"""Registrants that are eligible for no purpose: since when, and when they leave.

Their data serves nothing (GDPR 5(1)(b), (c) and (e)). Their time counts from the last day on which
the data shows a reason: the first record, the last contact, the end of the last contract, the last
signal that keeps them out. It is a function of what is staged, so that it does not matter when the
register was built. A hold keeps them, like everybody. So does a protected identity, until a
prospect's time is over: if it were forgotten, the next delivery would show the address (661/2009,
36 §).
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register import clocks, holds
from assets.register.clocks import code, due
from assets.register.published_tables import read_register
from assets.storage.data_root import DataRoot
from assets.storage.queries import count
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect
from schemas.columns import table_name
from schemas.policy.model import Policy
from schemas.register import Eligibility, Registrants

NOT_YET_KNOWN = ("ADM-UNREACHABLE", "ADM-AGE-UNKNOWN")
"""Rules that keep somebody out for as long as their address or their age is not known."""

WITHOUT_PURPOSE = Relation(
    name="without_purpose",
    summary="Registrants that are eligible for no purpose, since when, and when they expire.",
    columns={
        "registrant_id": "VARCHAR",
        "started": "DATE",
        "rule": "VARCHAR",
        "due": "DATE",
        "protected": "BOOLEAN",
    },
    reads=("registrants", "admission", "following_accounts"),
    scope=Scope.COMPONENT,
)


def find(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `without_purpose`, from `registrants`, `admission` and `following_accounts`.

    A channel where a rule keeps them out is none; but that nothing is known yet to reach somebody
    by ends no purpose: a consent stays for the day on which there is.
    """
    connection.execute(
        WITHOUT_PURPOSE.create_table(
            f"""WITH judged AS (
                SELECT registrant_id, purpose, channel,
                    bool_or(effect = 'in')
                        AND NOT bool_or(effect = 'out' AND code NOT IN {NOT_YET_KNOWN})
                        AS eligible,
                    max(since) FILTER (effect = 'out') AS refused_on
                FROM admission GROUP BY ALL),
            summed AS (
                SELECT registrant_id, bool_or(eligible) AS eligible, max(refused_on) AS refused_on
                FROM judged GROUP BY ALL),
            counted AS (
                SELECT registrant_id, protected,
                    least(DATE '{today}', greatest(first_seen_on, last_contact_on,
                        relationship_ends_on, refused_on)) AS started
                FROM registrants LEFT JOIN summed USING (registrant_id)
                ANTI JOIN following_accounts USING (registrant_id)
                WHERE NOT coalesce(eligible, false))
            SELECT registrant_id, started, '{code(policy, "without_purpose")}' AS rule,
                {due(policy, "without_purpose", "started")} AS due, protected
            FROM counted"""
        )
    )


def counts(data_root: DataRoot, today: date) -> dict[str, int]:
    """Count the registrants without any purpose, and of them those that should have left.

    By the register as last built.
    """
    with connect(data_root) as connection:
        for model in (Registrants, Eligibility):
            read_register(data_root, connection, table_name(model), model)
        holds.find_published(data_root, connection, today)
        clocks.published_following_accounts(data_root, connection)
        find(connection, data_root.policy, today)
        return {
            "without_purpose": count(connection, "SELECT count(*) FROM without_purpose"),
            "past_their_time": count(connection, f"SELECT count(*) FROM ({leaving(today)})"),
        }


def leaving(today: date) -> str:
    """SQL: those of `without_purpose` that have expired and are under no hold."""
    return f"""SELECT registrant_id, started, rule, due
        FROM without_purpose ANTI JOIN registrants_on_hold USING (registrant_id)
        WHERE NOT protected AND due <= DATE '{today}'"""
