"""Visits for a mart without names: those that the purpose may use, coarsened.

A visit may be used if the visitor had consented to the purpose when it began, and still does
(`assets.register.visit_consents`); or where the policy records that the purpose only measures, for
which it takes no consent: then also the visits of others, unless something keeps them out.
"""

from __future__ import annotations

from assets.marts.coarsening import classes, coarsened, finest, period
from schemas.columns import TableModel, arrow_schema
from schemas.number_classes import ACTIONS, ANY, SECONDS

_DAY = "timezone(getvariable('time_zone'), started_at)::DATE"
# The most useful first: they lose the least.
_COLUMNS = {
    "visited_year": period(_DAY)["year"],
    "channel": "channel",
    "device_type": "device_type",
    "visited_quarter": period(_DAY)["quarter"],
    "actions": classes("actions", ACTIONS),
    "contents_clicked": classes("contents_clicked", ANY),
    "visited_month": period(_DAY)["month"],
    "referrer_type": "referrer_type",
    "duration": classes("duration_s", SECONDS),
    "searches": classes("searches", ANY),
    "contents_seen": classes("contents_seen", ANY),
    "os_name": "os_name",
    "browser_name": "browser_name",
}


def query(model: type[TableModel], purpose: str) -> str:
    """Return the query of a mart's visits; it needs the variable `measured`."""
    published = arrow_schema(model).names
    columns = {
        name: sql
        for name, sql in _COLUMNS.items()
        if name in published or name.startswith("visited_")
    }
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    rows = f"""SELECT registrant_id, {selected}
        FROM visits
        WHERE (list_contains(consented, '{purpose}')
                AND registrant_id IN (SELECT registrant_id FROM eligible_{purpose}))
            OR (getvariable('measured')
                AND registrant_id IS NOT NULL
                AND registrant_id NOT IN (SELECT registrant_id FROM excluded_{purpose}))"""
    shown = ", ".join(
        f"{finest('visited')} AS visited_in" if name == "visited_in" else name for name in published
    )
    return f"SELECT {shown} FROM ({coarsened(rows, tuple(columns))}) AS coarse"
