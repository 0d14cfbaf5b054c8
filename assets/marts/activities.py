"""What people do with us, for the marts: by registrant, or coarsened where a mart has no names."""

from __future__ import annotations

from assets.marts.coarsening import coarsened, finest, period
from schemas.columns import TableModel, arrow_schema, table_name

_LOCAL_DAY = "timezone(getvariable('time_zone'), {0})::DATE"


def of_registrants(model: type[TableModel], purpose: str, condition: str = "true") -> str:
    """Return the query of a table of the register, of those who are eligible for the purpose."""
    return f"""
        SELECT {", ".join(arrow_schema(model).names)}
        FROM {table_name(model)} SEMI JOIN eligible_{purpose} AS eligible USING (registrant_id)
        WHERE {condition}"""


def coarse(table: str, time: str, day: str, columns: tuple[str, ...], purpose: str) -> str:
    """Return the query of a table's rows without names, coarsened until nobody is alone.

    Args:
        time: The name of the published period, such as `used_in`; the period of `day`, as SQL.
        columns: The other published columns, the most useful first.
    """
    stem = time.removesuffix("_in")
    periods = {f"{stem}_{grain}": sql for grain, sql in period(day).items()}
    selected = ", ".join(f"{sql} AS {name}" for name, sql in periods.items())
    rows = f"""SELECT registrant_id, {", ".join(columns)}, {selected}
        FROM {table}
        WHERE registrant_id IN (SELECT registrant_id FROM eligible_{purpose})"""
    order = (f"{stem}_year", *columns, f"{stem}_quarter", f"{stem}_month")
    return f"""SELECT {", ".join(columns)}, {finest(stem)} AS {time}
        FROM ({coarsened(rows, order)}) AS coarse"""


PARTICIPATIONS = coarse(
    "participations", "ended_in", "event_ends_on", ("status", "event"), "analytics"
)
SOCIAL_MEDIA = coarse(
    "social_media", "used_in", _LOCAL_DAY.format("used_at"), ("network", "action"), "analytics"
)
