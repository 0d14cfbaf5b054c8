"""What a statute or a claim still needs when its registrant's own time is over: kept apart, stripped of the person.

Orders are vouchers: they stay for the accounts without customer or person, in `segregated_orders`. Proofs of consent stay
under a keyed hash of the identifier that consented, in `segregated_consents`: whoever claims that there was no consent
names the identifier, and the proof is found by it, never the other way. No mart reads either but the one for that duty.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register.clocks import accounts_hold, code, due
from assets.storage.data_root import Home
from assets.storage.quoting import parquet
from schemas.columns import arrow_schema, duckdb_columns
from schemas.policy import Policy
from schemas.register import SegregatedConsents

_COLUMNS = ", ".join(arrow_schema(SegregatedConsents).names)
_PROOF = "md5(concat_ws('|', consented, purpose, channel, choice, stated_at))"


def remember(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `segregated_consents` of what earlier builds kept and is not over; what is over joins `expired`.

    Under a policy that deletes proofs with their registrant all of it is over.
    """
    path = home.register("segregated_consents")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE segregated_consents AS SELECT {_COLUMNS} FROM {parquet(path)}"
        if path.exists()
        else f"CREATE OR REPLACE TEMP TABLE segregated_consents ({duckdb_columns(SegregatedConsents)})"
    )
    over = (
        f"{due(home.policy, 'consent_proofs', 'relationship_ended_on')} <= DATE '{today}'"
        if _keeps_proofs(home.policy)
        else "true"
    )
    connection.execute(
        f"INSERT INTO expired SELECT '{code(home.policy, 'consent_proofs')}', 'consent_proof', {_PROOF} FROM segregated_consents WHERE {over}"
    )
    connection.execute(f"DELETE FROM segregated_consents WHERE {over}")


def keep_proofs(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Add the proofs of registrants in the table `leaving` whose hold outlasts them."""
    if not _keeps_proofs(policy):
        return
    connection.execute(
        f"""INSERT INTO segregated_consents BY NAME
        SELECT DISTINCT keyed_hash('consent|' || coalesce(subject, person_key)) AS consented, purpose, channel, choice, origin, text_version, language,
            evidence, stated_at, started AS relationship_ended_on
        FROM said_marketing_choices JOIN membership USING (person_key) JOIN leaving USING (registrant_id)
        WHERE choice IN ('granted', 'withdrawn') AND {due(policy, "consent_proofs", "started")} > DATE '{today}'"""
    )


def set_apart(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Move the orders of `held_orders` that have no registrant any more to `segregated_orders`; proofs are kept once."""
    until, rule = accounts_hold(policy, "ordered_at")
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE segregated_orders AS
        SELECT order_number, ordered_at, status, amount, currency, items, {rule} AS held_under, {until} AS held_until
        FROM held_orders WHERE registrant_id IS NULL"""
    )
    connection.execute("DELETE FROM held_orders WHERE registrant_id IS NULL")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE segregated_consents AS SELECT DISTINCT * FROM segregated_consents"
    )


def _keeps_proofs(policy: Policy) -> bool:
    return policy.rule("consent_proofs")[1].effect == "segregate"
