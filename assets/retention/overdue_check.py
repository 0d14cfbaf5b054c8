"""Overdue check: what is still in the files after a sweep although its retention period is over.

It goes by the clocks alone and reads no decision of the register, so that a fault there, or in the
sweep, is detected. Counts per layer; 0 is right.
"""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow.parquet as pq

from assets.ingest import deliveries
from assets.ingest.raw_files import raw_path
from assets.register import holds
from assets.register.building import TABLES
from assets.register.clocks import (
    activities_are_over,
    clocked,
    due,
    marks_are_over,
    orders_are_over,
    over,
    party_ends,
    published_following_accounts,
    visits_are_over,
)
from assets.register.expired_registrants import STARTED
from assets.register.published_tables import read_register
from assets.sources import statement_macros
from assets.staging.staged import quarantine_path
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import opened
from assets.storage.parquet_files import create_staged_view
from assets.storage.queries import count
from assets.storage.sessions import connect
from schemas.activities import ACTIVITIES, OF_TABLE
from schemas.marts import MARTS
from schemas.staged import CANONICAL

_CLOCKED = (
    "identifiers",
    "marketing_choices",
    "contracts",
    "orders",
    "visits",
    "credit_reports",
    "credit_marks",
    *OF_TABLE,
)


def overdue(data_root: DataRoot, today: date) -> dict[str, int]:
    """Count per layer what is overdue on `today`; a mart not built for the day counts as one."""
    with connect(data_root) as connection:
        statement_macros.create(connection)
        for table, model in CANONICAL.items():
            if table in _CLOCKED:
                create_staged_view(data_root, connection, model)
        holds.load(data_root, connection, today)
        counts = {
            "staged": _in_staged(data_root, connection, today),
            "register": _in_register(data_root, connection, today),
        }
    return {**_in_whole_files(data_root, today), **counts, "marts": _marts(data_root, today)}


def _in_whole_files(data_root: DataRoot, today: date) -> dict[str, int]:
    raw_over, quarantine_over = (
        str(data_root.policy.rule(layer)[1].period.before(today)) for layer in ("raw", "quarantine")
    )
    counts = {"raw": 0, "quarantine": 0}
    for entry in deliveries.ledger(data_root):
        raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
        quarantine = quarantine_path(data_root, entry)
        if entry.staged_with and entry.day <= raw_over and raw.exists():
            counts["raw"] += 1
        if entry.staged_with and entry.day <= quarantine_over and quarantine.exists():
            counts["quarantine"] += pq.read_metadata(quarantine).num_rows + entry.quarantined
    return counts


def _in_staged(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    party_ends(connection, "")
    read_register(data_root, connection, "membership", TABLES["membership"])
    # A contract leaves with its registrant, so none may be left of whom the register has nobody.
    bound = f"""staged_contracts
        JOIN contract_parties USING (delivery_id, record_no, contract_number)
        JOIN party_ends USING (party)
        ANTI JOIN membership ON membership.person_key IN (staged_contracts.person_key, party)
        WHERE NOT open AND party_ends.ends_on <= {over(data_root.policy, "customers", today)}"""
    contracts = count(connection, f"SELECT count(DISTINCT contract_number) FROM {bound}")
    return contracts + sum(
        count(
            connection, f"SELECT count(DISTINCT {clock.key}) FROM {clock.rows} WHERE {clock.over}"
        )
        for clock in clocked(data_root.policy, today)
    )


def _in_register(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> int:
    for table, model in TABLES.items():
        read_register(data_root, connection, table, model)
    holds.read_identifiers(data_root, connection)
    holds.find_registrants(connection)
    published_following_accounts(data_root, connection)
    policy = data_root.policy
    marks = marks_are_over(policy, today).replace("stated_at", "NULL::TIMESTAMPTZ")
    bound, free = due(policy, "customers", STARTED), due(policy, "prospects", STARTED)
    ends = f"CASE WHEN has_contract THEN {bound} ELSE greatest({bound}, {free}) END"
    return sum(
        count(connection, f"SELECT count(*) FROM {rows}")
        for rows in (
            f"visits WHERE {visits_are_over(policy, today)} AND {_free('website')}",
            f"orders WHERE {orders_are_over(policy, today)} AND {_free('order')}",
            f"credit_marks WHERE coalesce({marks}, false) AND {_free('credit')}",
            *(
                f"{activity.table} WHERE {activities_are_over(activity, policy, today)} "
                f"AND {_free(activity.category)}"
                for activity in ACTIVITIES
                if not activity.rows
            ),
            f"registrants WHERE NOT has_open_contract AND {ends} <= DATE '{today}' AND {_free()} "
            "AND registrant_id NOT IN (FROM following_accounts)",
            f"segregated_orders WHERE {orders_are_over(policy, today)}",
            f"segregated_consents WHERE {due(policy, 'consent_proofs', 'relationship_ended_on')} "
            f"<= DATE '{today}'",
        )
    )


def _free(category: str = "") -> str:
    """SQL: whether no hold covers the row's registrant, for the category or any."""
    covering = f"WHERE category = '{category}'" if category else ""
    return f"""NOT coalesce(registrant_id IN (
        SELECT registrant_id FROM registrants_on_hold {covering}), false)"""


def _marts(data_root: DataRoot, today: date) -> int:
    """Count the marts that show the register of an earlier day."""
    stale = 0
    for purpose in MARTS:
        path = data_root.marts / f"{purpose}.duckdb"
        if path.exists():
            with opened(data_root, path) as connection:
                stale += count(
                    connection, f"SELECT count(*) FROM about WHERE as_of < DATE '{today}'"
                )
    return stale
