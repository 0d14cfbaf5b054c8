"""What will be past its time in the coming months: counts per rule, category and month, of what the register holds now.

A clock that will start anew (another contact, another contract) is not foreseen; what comes in later is not, either. What is
over on the first day counts for its month. Units are those of the register: a visit, an order, a registrant; of raw and
quarantine, records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow.parquet as pq
from dateutil.relativedelta import relativedelta

from assets.ingest import deliveries
from assets.register.clocks import clocked, code, due
from assets.requests import ledger
from assets.storage.data_root import Home
from schemas.policy import Policy

MONTHS = 24
OF_THE_REGISTER = {
    "contract": "contract", "order": "order", "visit": "website", "cookie": "website_identifier", "credit_report": "credit", "credit_mark": "credit",
    "registrant": "registrant_id", "consent_proof": "marketing_choice",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Due:
    """How many things will be past their time in a month (YYYY-MM), by which rule, of which category."""

    month: str
    rule: str
    category: str
    rows: int


def months(today: date) -> list[str]:
    """The months that are foreseen, the present one first."""
    return [
        f"{today.replace(day=1) + relativedelta(months=number):%Y-%m}" for number in range(MONTHS)
    ]


def foresee(home: Home, connection: duckdb.DuckDBPyConnection, today: date) -> list[Due]:
    """Count what `building.resolve`, `relationships.gather` and `segregation.set_apart` have left, by when its time will be over."""
    found: dict[tuple[str, str, str], int] = {}
    foreseen = months(today)

    def add(rule: str, category: str, day: date, rows: int) -> None:
        month = f"{max(day, today):%Y-%m}"
        if rows and month <= foreseen[-1]:
            found[month, rule, category] = found.get((month, rule, category), 0) + rows

    for category, query in _counted(home.policy, today):
        for rule, month, rows in connection.execute(query).fetchall():
            add(rule, category, month, rows)
    for rule, day, rows in _of_files(home):
        add(rule, "technical", day, rows)
    return sorted(
        Due(month, rule, category, rows) for (month, rule, category), rows in found.items()
    )


def _counted(policy: Policy, today: date) -> Iterator[tuple[str, str]]:
    """Category, and the query of rule, month and number for each kind of thing."""
    until = (today.replace(day=1) + relativedelta(months=MONTHS)).isoformat()
    for what, category in OF_THE_REGISTER.items():
        yield (
            category,
            f"SELECT rule, DATE '{today}', count(*) FROM expired WHERE what = '{what}' GROUP BY rule",
        )
    for one in clocked(policy, today):
        query = f"SELECT {one.rule} AS rule, {one.key} AS key, {one.due} AS due FROM {one.held}"
        known = (
            "AND key NOT IN (SELECT key FROM expired WHERE what = 'cookie')"
            if one.what == "cookie"
            else ""
        )
        yield (
            one.category,
            _by_month(
                "DISTINCT key",
                f"({query}) WHERE due > DATE '{today}' AND due < DATE '{until}' {known}",
            ),
        )
        if one.what == "order":
            yield (
                one.category,
                _by_month(
                    "*", "(SELECT held_under AS rule, held_until AS due FROM segregated_orders)"
                ),
            )
    yield "registrant_id", _by_month("*", "clocks")
    proofs = f"'{code(policy, 'consent_proofs')}' AS rule"
    held = due(policy, "consent_proofs", "relationship_ended_on")
    yield (
        "marketing_choice",
        _by_month("*", f"(SELECT {proofs}, {held} AS due FROM segregated_consents)"),
    )
    if policy.rule("consent_proofs")[1].effect == "segregate":
        outlasting = f"""(SELECT {proofs}, {due(policy, "consent_proofs", "started")} AS due, clocks.due AS left_on
            FROM said_marketing_choices JOIN membership USING (person_key) JOIN clocks USING (registrant_id) WHERE choice IN ('granted', 'withdrawn'))"""
        yield "marketing_choice", _by_month("*", f"{outlasting} WHERE due > left_on")


def _by_month(counted: str, rows: str) -> str:
    return f"SELECT rule, date_trunc('month', due)::DATE AS month, count({counted}) FROM {rows} GROUP BY ALL"


def _of_files(home: Home) -> Iterator[tuple[str, date, int]]:
    """Rule, day and number for raw, quarantine and closed requests."""
    policy = home.policy
    rules = {one: policy.rule(one) for one in ("raw", "quarantine", "requests")}
    for entry in deliveries.book(home):
        day = date.fromisoformat(entry.day)
        raw = home.lake / "raw" / entry.source / entry.day / f"{entry.delivery_id}.parquet"
        if raw.exists():
            yield rules["raw"][0], rules["raw"][1].period.after(day), pq.read_metadata(raw).num_rows
        yield rules["quarantine"][0], rules["quarantine"][1].period.after(day), entry.quarantined
    for closed in ledger.closed_on(home):
        yield rules["requests"][0], rules["requests"][1].period.after(closed), 1
