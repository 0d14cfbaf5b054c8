"""What goes from records that stay: the conditions of their rows, and the edits of staged tables.

The connection has `expired` and `expired_person_keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from assets.register import clocks, holds
from assets.staging.lake_rewrite import Edit
from assets.storage.data_root import DataRoot
from schemas.activities import ACTIVITIES, Activity
from schemas.policy.model import Policy

EXPIRED_COOKIE = "visitor_id IN (SELECT key FROM expired WHERE what = 'cookie')"
EXPIRED_PERSON = "person_key IN (SELECT person_key FROM expired_person_keys)"
OLD_VISITOR = "type = 'visitor_id' AND value IN (SELECT key FROM expired WHERE what = 'cookie')"


def marks_over(policy: Policy, today: date) -> str:
    """SQL: the condition on credit marks, of people under no hold."""
    return holds.unless_on_hold(clocks.marks_are_over(policy, today), "credit")


def reports_over(policy: Policy, today: date) -> str:
    """SQL: the condition on credit reports, of people under no hold."""
    return holds.unless_on_hold(clocks.reports_are_over(policy, today), "credit")


def activities_over(policy: Policy, today: date) -> Iterator[tuple[Activity, str]]:
    """Yield the kinds of which only rows go, and SQL: the condition on those."""
    for activity in ACTIVITIES:
        if not activity.whole:
            condition = clocks.activities_are_over(activity, policy, today)
            yield activity, holds.unless_on_hold(condition, activity.category)


def edits(data_root: DataRoot, today: date) -> dict[str, Edit]:
    """Return the changes of the staged tables of stripped records."""
    return {
        "credit_marks": Edit(keep=f"NOT ({marks_over(data_root.policy, today)})"),
        "credit_reports": Edit(keep=f"NOT ({reports_over(data_root.policy, today)})"),
        **{
            activity.table: Edit(keep=f"NOT ({condition})")
            for activity, condition in activities_over(data_root.policy, today)
        },
        "identifiers": Edit(keep=f"NOT ({OLD_VISITOR}) AND NOT ({EXPIRED_PERSON})"),
        "visits": Edit(
            columns=f"""* REPLACE (
            CASE WHEN NOT {EXPIRED_COOKIE} OR user_id IS NOT NULL
                OR visitor_id IS NULL THEN person_key END AS person_key,
            CASE WHEN NOT coalesce({EXPIRED_COOKIE}, false) THEN fingerprint END AS fingerprint,
            CASE WHEN NOT {EXPIRED_COOKIE} THEN visitor_id END AS visitor_id)"""
        ),
        "orders": Edit(
            columns=f"""* REPLACE (
            CASE WHEN NOT coalesce({EXPIRED_PERSON},
                false) THEN customer_number END AS customer_number,
            CASE WHEN NOT {EXPIRED_PERSON} THEN person_key END AS person_key)"""
        ),
    }
