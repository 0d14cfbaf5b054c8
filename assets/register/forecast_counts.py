"""Forecast: what will be past its time in the coming months, of what the register has now.

Counts per rule, category and month. A clock that will start again (another contact, another
contract) is not forecast; nor is what comes in later. What is over on the first day counts for its
month. Units are those of the register: a visit, an order, a registrant; of raw and quarantine,
records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow.parquet as pq
from dateutil.relativedelta import relativedelta

from assets.ingest import deliveries
from assets.register.clocks import Clocked, clocked, code, due
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from schemas.activities import ACTIVITIES
from schemas.policy.model import Policy

MONTHS = 24
OF_THE_REGISTER = {
    "contract": "contract",
    "order": "order",
    "visit": "website",
    "cookie": "website_identifier",
    "credit_report": "credit",
    "credit_mark": "credit",
    "registrant": "registrant_id",
    "consent_proof": "marketing_choice",
    **{activity.what: activity.category for activity in ACTIVITIES},
}
"""Kind of thing in `expired` -> category."""


@dataclass(frozen=True, order=True)
class Due:
    """How many things will be past their time in a month (YYYY-MM), by rule and category."""

    month: str
    rule: str
    category: str
    rows: int


@dataclass(frozen=True, order=True)
class OnHold:
    """How many things stay past their time because of a hold without an end, by ground and rule."""

    ground: str
    rule: str
    category: str
    rows: int


@dataclass(frozen=True)
class Forecast:
    """What will go, and what would go but for a hold."""

    due: list[Due]
    on_hold: list[OnHold]


def months(today: date) -> list[str]:
    """Return the months of the forecast, the present one first."""
    return [
        f"{today.replace(day=1) + relativedelta(months=number):%Y-%m}" for number in range(MONTHS)
    ]


def forecast(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> Forecast:
    """Count what is in the resolved register by when its time will be over.

    After `building.resolve`. Of a registrant under a hold with an end, the later of the two days
    counts; under one without, nothing is forecast.
    """
    counts: dict[tuple[str, str, str], int] = {}
    last = months(today)[-1]

    def add(rule: str, category: str, day: date, rows: int) -> None:
        month = f"{max(day, today):%Y-%m}"
        if rows and month <= last:
            counts[month, rule, category] = counts.get((month, rule, category), 0) + rows

    for category, query in _queries(data_root.policy, today):
        for rule, month, rows in connection.execute(query).fetchall():
            add(rule, category, month, rows)
    for rule, day, rows in _of_files(data_root):
        add(rule, "technical", day, rows)
    on_hold = connection.execute(
        f"""SELECT ground, rule, 'registrant_id', count(*)
        FROM ({_registrants()}) WHERE kept AND due <= DATE '{today}' + INTERVAL {MONTHS} MONTH
        GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    return Forecast(
        sorted(
            Due(month, rule, category, rows) for (month, rule, category), rows in counts.items()
        ),
        [OnHold(*row) for row in on_hold],
    )


def _registrants() -> str:
    """SQL: the time of each registrant, and the hold that ends last, if there is one.

    A registrant without any purpose leaves by the earlier of the two rules.
    """
    return """WITH timed AS (
            SELECT registrant_id, rule, due FROM registrant_clocks
            UNION ALL SELECT registrant_id, rule, due FROM without_purpose WHERE NOT protected),
        first AS (
            SELECT registrant_id, arg_min(rule, due) AS rule, min(due) AS due
            FROM timed GROUP BY registrant_id),
        holding AS (
            SELECT registrant_id, arg_max(ground, coalesce(until, DATE '9999-12-31')) AS ground,
                max(coalesce(until, DATE '9999-12-31')) AS until
            FROM registrants_on_hold GROUP BY registrant_id)
        SELECT registrant_id, rule, coalesce(greatest(due, until), due) AS goes_on, due, ground,
            coalesce(until >= DATE '9999-12-31', false) AS kept
        FROM first LEFT JOIN holding USING (registrant_id)"""


def _queries(policy: Policy, today: date) -> Iterator[tuple[str, str]]:
    """Yield the category, and the query of rule, month and number, of each kind of thing."""
    for what, category in OF_THE_REGISTER.items():
        yield (
            category,
            f"""SELECT rule, DATE '{today}', count(*)
            FROM expired WHERE what = '{what}' GROUP BY rule""",
        )
    for kind in clocked(policy, today):
        yield kind.category, _remaining(kind, today)
        if kind.what == "order":
            segregated = "(SELECT held_under AS rule, held_until AS due FROM segregated_orders)"
            yield kind.category, _by_month("*", segregated)
    yield (
        "registrant_id",
        _by_month("*", f"(SELECT rule, goes_on AS due FROM ({_registrants()}) WHERE NOT kept)"),
    )
    yield (
        "contract",
        _by_month(
            "*",
            f"""(SELECT rule, goes_on AS due FROM ({_registrants()})
            JOIN registrant_contracts USING (registrant_id) WHERE NOT kept)""",
        ),
    )
    yield from _proofs(policy)


def _remaining(kind: Clocked, today: date) -> str:
    """SQL: what of one kind has a clock that ends in the months of the forecast."""
    until = (today.replace(day=1) + relativedelta(months=MONTHS)).isoformat()
    known = (
        "AND key NOT IN (SELECT key FROM expired WHERE what = 'cookie')"
        if kind.what == "cookie"
        else ""
    )
    return _by_month(
        "DISTINCT key",
        f"""(SELECT {kind.rule} AS rule, {kind.key} AS key, {kind.due} AS due
            FROM {kind.remaining})
        WHERE due > DATE '{today}' AND due < DATE '{until}' {known}""",
    )


def _proofs(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the queries of proofs of consent: those kept apart, and those that will be."""
    rule = f"'{code(policy, 'consent_proofs')}' AS rule"
    kept = due(policy, "consent_proofs", "relationship_ended_on")
    yield (
        "marketing_choice",
        _by_month("*", f"(SELECT {rule}, {kept} AS due FROM segregated_consents)"),
    )
    if policy.rule("consent_proofs")[1].effect == "segregate":
        yield (
            "marketing_choice",
            f"""SELECT rule, date_trunc('month', due)::DATE AS month, sum(proofs)::BIGINT
            FROM (SELECT {rule}, proofs, {due(policy, "consent_proofs", "started")} AS due,
                    registrant_clocks.due AS left_on
                FROM provable_consents JOIN registrant_clocks USING (registrant_id))
            WHERE due > left_on GROUP BY ALL""",
        )


def _by_month(counted: str, rows: str) -> str:
    return f"""SELECT rule, date_trunc('month', due)::DATE AS month, count({counted})
        FROM {rows} GROUP BY ALL"""


def _of_files(data_root: DataRoot) -> Iterator[tuple[str, date, int]]:
    """Yield the rule, day and number of records of raw, quarantine and closed requests."""
    policy = data_root.policy
    rules = {what: policy.rule(what) for what in ("raw", "quarantine", "requests")}
    for entry in deliveries.ledger(data_root):
        day = date.fromisoformat(entry.day)
        raw = data_root.lake / "raw" / entry.source / entry.day / f"{entry.delivery_id}.parquet"
        if raw.exists():
            yield rules["raw"][0], rules["raw"][1].period.after(day), pq.read_metadata(raw).num_rows
        yield rules["quarantine"][0], rules["quarantine"][1].period.after(day), entry.quarantined
    for closed in ledger.closed_on(data_root):
        yield rules["requests"][0], rules["requests"][1].period.after(closed), 1
