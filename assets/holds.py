"""What of an erased registrant's records a statute keeps: orders that the accounts still need, decided per row (GDPR 17(3)(b)).

A held order stays in staged without customer or person, its record leaves raw and every other table, and the register sets it apart
(`register.segregation`): just what retention does when a customer's own time is over. Proofs of consent are held by the
company's own choice and by no statute, so an erasure ends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from assets import removal
from assets.deliveries import Entry
from assets.home import Home
from assets.register.clocks import accounts_hold
from assets.removal import Edit
from assets.staged import staged_folder
from schemas.policy import Policy
from schemas.staged import CANONICAL

CATEGORY = "order"
LAW = "GDPR 17(3)(b)"
_HELD = "record_no IN (SELECT record_no FROM held)"


@dataclass(frozen=True)
class Held:
    """Rows of a category that the law makes us keep: how many, under which statute, until when (YYYY-MM-DD)."""

    rows: int
    ground: str
    until: str


def find_held(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry, today: date) -> None:
    """Make `held(record_no, rule, until)`: those of `gone` whose order the accounts need beyond `today`."""
    until, rule = accounts_hold(home.policy, "ordered_at")
    orders = staged_folder(home, entry) / "orders.parquet"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE held AS SELECT record_no, {rule} AS rule, {until} AS until
        FROM read_parquet('{orders}') SEMI JOIN gone USING (record_no) WHERE {until} > DATE '{today}'"""
        if orders.exists()
        else "CREATE OR REPLACE TEMP TABLE held (record_no BIGINT, rule VARCHAR, until DATE)"
    )


def remove_but_held(home: Home, connection: duckdb.DuckDBPyConnection, entry: Entry) -> int:
    """Remove the records in `gone`, and what tells whose they are from those in `held`; answers rows removed."""
    if not connection.execute("SELECT 1 FROM held LIMIT 1").fetchone():
        return removal.remove_records(home, connection, entry, "suppressed")
    connection.execute("DELETE FROM gone WHERE record_no IN (SELECT record_no FROM held)")
    edits = {table: Edit(keep=f"NOT {_HELD}") for table in CANONICAL}
    bare = ", ".join(f"CASE WHEN NOT {_HELD} THEN {name} END AS {name}" for name in ("customer_number", "person_key"))
    edits["orders"] = Edit(columns=f"* REPLACE ({bare})")
    return removal.remove_records(home, connection, entry, "suppressed", edits, "SELECT record_no FROM held")


def told(policy: Policy, noted: Mapping[str, Mapping[str, object]]) -> dict[str, Held]:
    """For the certificate: what was noted as held, by rule, as the category's hold with its statute."""
    if not noted:
        return {}
    grounds = "; ".join(f"{rule} ({policy.retention[rule].source or policy.retention[rule].basis}), {LAW}" for rule in sorted(noted))
    return {CATEGORY: Held(sum(int(str(one["rows"])) for one in noted.values()), grounds, max(str(one["until"]) for one in noted.values()))}
