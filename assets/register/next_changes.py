"""Next changes: the first day on which time alone can change what the register has of a component.

An incremental build makes a component again on that day, and on the day after it, so that it does
not matter whether a date is the last of a period or the first after it. Too early is harmless. What
depends on more than the component's own dates is made again at each build: what a hold, a
protection, a correction, a delayed change or a returned refusal concerns, and a contract that will
end (its party counts as in contact until then).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb

from assets.register.clocks import after, clocked, due, local_day
from assets.register.components import RECORD, REFERENCE
from assets.storage.quoting import name as quoted
from assets.storage.relations import Relation, Scope
from schemas.columns import duckdb_types
from schemas.eligibility import LIST_YEARS
from schemas.policy.model import Policy
from schemas.staged import CANONICAL

NEXT_CHANGES = Relation(
    name="next_changes",
    summary="The component of each record, and when time changes it next (null: never).",
    columns={"record": "UBIGINT", "component": "UBIGINT", "next_change_on": "DATE"},
    reads=(
        "record_components",
        "tied_persons",
        *(f"staged_{table}" for table in CANONICAL if table not in REFERENCE),
        "registrant_facts",
        "registrant_clocks",
        "without_purpose",
        "register_messages",
        "delivery_ledger",
        "contract_ends",
        "persons_on_hold",
        "registrants_on_hold",
        "protection_status",
        "unconfirmed_protection",
        "quarantine",
        "returned_refusals",
        "staged_records",
    ),
    scope=Scope.COMPONENT,
)


def find(connection: duckdb.DuckDBPyConnection, policy: Policy, today: date) -> None:
    """Make `next_changes`, of what was resolved as of `today`.

    Cost: one scan of the dates in staged per clock.
    """
    connection.execute(
        NEXT_CHANGES.create_table(
            f"""WITH dated AS (
                SELECT component, day
                FROM ({" UNION ALL ".join(_of_records(policy, today))})
                JOIN record_components USING (record)
                UNION ALL
                SELECT component, day
                FROM ({" UNION ALL ".join(_of_persons(policy))}) JOIN tied_persons USING (tie)),
            following AS (
                SELECT component, greatest(day, DATE '{today + timedelta(days=1)}') AS day
                FROM dated WHERE day >= DATE '{today}'
                UNION ALL
                SELECT component, DATE '{today}' AS day
                FROM ({" UNION ALL ".join(_never_at_rest(today))}) JOIN tied_persons USING (tie)),
            first AS (
                SELECT component, min(day) AS next_change_on FROM following GROUP BY component)
            SELECT record, component, next_change_on
            FROM record_components LEFT JOIN first USING (component)"""
        )
    )


def _of_records(policy: Policy, today: date) -> Iterator[str]:
    """Yield SQL of records and days: every date that is stated, and the ends of all clocks."""
    # What is stated of today counts today; a contact counts from its own day on.
    moment = f"CASE WHEN {{0}} > DATE '{today}' THEN {{0}} END"
    kinds = {"DATE": "{}", "TIMESTAMPTZ": moment.format(local_day(policy, "{0}"))}
    for table, model in CANONICAL.items():
        days = [
            kinds[kind].format(quoted(name))
            for name, kind in duckdb_types(model).items()
            if kind in kinds and name != "last_contact_on"
        ]
        if table not in REFERENCE:
            yield _of_record(f"unnest([{', '.join(days)}])", f"staged_{table}")
    for kind in clocked(policy, today):
        # A cookie's time counts from its first visit, which is one of them.
        yield _of_record(kind.due, "staged_visits" if kind.what == "cookie" else kind.rows)
    made_on = local_day(policy, "stated_at")
    yield _of_record(f"({made_on} + INTERVAL {LIST_YEARS} YEAR)::DATE", "staged_marketing_choices")
    yield _of_record(due(policy, "customers", local_day(policy, "ordered_at")), "staged_orders")
    # The sweep takes them away behind the build, which does not leave them out.
    kept = due(policy, "quarantine", "day")
    yield _of_record(
        f"greatest({kept}, DATE '{today}')", "staged_records WHERE outcome = 'quarantined'"
    )


def _of_record(day: str, rows: str) -> str:
    return f"SELECT {RECORD} AS record, {day} AS day FROM {rows}"


def _of_persons(policy: Policy) -> Iterator[str]:
    """Yield SQL of ties and days: the clocks of persons and registrants, and ages."""
    for age in sorted({purpose.minimum_age for purpose in policy.purposes.values()} - {0}):
        yield _tied("registrant_id", f"(born_by + INTERVAL {age} YEAR)::DATE", "registrant_facts")
    for relation in ("registrant_clocks", "without_purpose"):
        yield _tied("registrant_id", "due", relation)
    yield _tied(
        "person_key",
        after(policy.protection.confirmed_within, "max(day)"),
        """register_messages JOIN delivery_ledger USING (delivery_id)
        GROUP BY person_key HAVING NOT bool_or(confirms)""",
    )


def _never_at_rest(today: date) -> Iterator[str]:
    """Yield SQL of the ties of those who are made again by every build."""
    yield f"SELECT hash(person_key) AS tie FROM contract_ends WHERE ends_on > DATE '{today}'"
    for relation in (
        "persons_on_hold",
        "protection_status",
        "unconfirmed_protection",
        "staged_corrections",
        "quarantine WHERE scope = 'record'",
    ):
        yield f"SELECT hash(person_key) AS tie FROM {relation}"
    for relation in ("registrants_on_hold", "returned_refusals"):
        yield f"SELECT hash(registrant_id) AS tie FROM {relation}"


def _tied(column: str, day: str, rows: str) -> str:
    return f"SELECT hash({column}) AS tie, {day} AS day FROM {rows}"
