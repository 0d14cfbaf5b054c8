"""Statutory segregation: what a statute or a claim still needs when its registrant's time is over.

Orders are vouchers: they stay for the accounts without customer or person, in `segregated_orders`.
Proofs of consent stay under a keyed hash of the identifier that consented, in
`segregated_consents`: a person who claims that there was no consent names the identifier, and the
proof is found by it, never the other way. No mart reads either but the one for that duty.
"""

from __future__ import annotations

from datetime import date

import duckdb

from assets.register.clocks import accounts_hold, code, due
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.policy.model import Policy
from schemas.retention import SegregatedConsents, SegregatedOrders

_COLUMNS = duckdb_types(SegregatedConsents)
PROOFS = KeptFile(
    "lake/register/segregated_consents.parquet",
    "the proofs of consent of registrants who have left",
    "their consents cannot be proven in a dispute",
    _COLUMNS,
)
_PROOF = "md5(concat_ws('|', consented, purpose, channel, choice, stated_at))"

CONSENT_PROOFS = Relation(
    name="consent_proofs",
    summary="Proofs of consent of removed registrants, from earlier builds and this one.",
    columns=_COLUMNS,
    amended_from=("statements_marketing_choices", "membership", "expiring_registrants"),
    scope=Scope.COMPONENT,
)
SEGREGATED_CONSENTS = Relation.of(
    SegregatedConsents, reads=("consent_proofs",), scope=Scope.COMPONENT
)
SEGREGATED_ORDERS = Relation.of(
    SegregatedOrders, reads=("registrant_orders",), scope=Scope.COMPONENT
)
PROVABLE_CONSENTS = Relation(
    name="provable_consents",
    summary="How many proofs of consent a registrant would leave behind, for the forecast.",
    columns={"registrant_id": "VARCHAR", "proofs": "BIGINT"},
    reads=("statements_marketing_choices", "membership"),
    scope=Scope.COMPONENT,
)


def load_consent_proofs(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date
) -> None:
    """Make `consent_proofs` of what earlier builds kept and is not over; what is over is `expired`.

    Under a policy that deletes proofs with their registrant all of it is over.
    """
    connection.execute(CONSENT_PROOFS.create_table(PROOFS.rows(data_root)))
    over = (
        f"{due(data_root.policy, 'consent_proofs', 'relationship_ended_on')} <= DATE '{today}'"
        if _keeps_proofs(data_root.policy)
        else "true"
    )
    connection.execute(
        f"""INSERT INTO expired
        SELECT '{code(data_root.policy, "consent_proofs")}', 'consent_proof', {_PROOF}
        FROM consent_proofs WHERE {over}"""
    )
    connection.execute(f"DELETE FROM consent_proofs WHERE {over}")


def keep_proofs(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Add the proofs of `expiring_registrants` that must be kept for longer."""
    if not _keeps_proofs(policy):
        return
    connection.execute(
        f"""INSERT INTO consent_proofs BY NAME
        SELECT DISTINCT
            keyed_hash('consent|' || coalesce(subject, person_key)) AS consented,
            purpose, channel, choice, origin, text_version, language, evidence, stated_at,
            started AS relationship_ended_on
        FROM statements_marketing_choices
        JOIN membership USING (person_key)
        JOIN expiring_registrants USING (registrant_id)
        WHERE choice IN ('granted', 'withdrawn')
            AND {due(policy, "consent_proofs", "started")} > DATE '{today}'"""
    )


def set_apart(connection: duckdb.DuckDBPyConnection, policy: Policy) -> None:
    """Move orders without a registrant to `segregated_orders`; make `segregated_consents` and
    `provable_consents`."""
    until, rule = accounts_hold(policy, "ordered_at")
    connection.execute(
        SEGREGATED_ORDERS.create_table(
            f"""SELECT order_number, ordered_at, status, amount, currency, items,
                {rule} AS held_under, {until} AS held_until
            FROM registrant_orders WHERE registrant_id IS NULL"""
        )
    )
    connection.execute("DELETE FROM registrant_orders WHERE registrant_id IS NULL")
    connection.execute(SEGREGATED_CONSENTS.create_table("SELECT DISTINCT * FROM consent_proofs"))
    connection.execute(
        PROVABLE_CONSENTS.create_table(
            """SELECT registrant_id, count(*) AS proofs
            FROM statements_marketing_choices JOIN membership USING (person_key)
            WHERE choice IN ('granted', 'withdrawn') GROUP BY registrant_id"""
        )
    )


def _keeps_proofs(policy: Policy) -> bool:
    return policy.rule("consent_proofs")[1].effect == "segregate"
