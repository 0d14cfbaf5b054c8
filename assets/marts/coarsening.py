"""Coarsening: rows in which nobody is alone, for the marts that hold no names.

Every row that is left is equal, in all of its published columns together, to the rows of at least
`segment_floor` registrants; so no selection of columns, and nothing computed from them, matches
one person in another mart. A value that too few share becomes null: "not published".

See docs/decisions/pseudonymous-marts.md.
"""

from __future__ import annotations

from collections.abc import Mapping

_FLOOR = "getvariable('segment_floor')"


def period(day: str) -> dict[str, str]:
    """Return the year, quarter and month of a day as text, from coarse to fine, as SQL.

    Each names the whole period, such as `2026`, `2026-Q3` and `2026-07`: the finest that is
    published is the one to show (`finest`).
    """
    return {
        "year": f"strftime({day}, '%Y')",
        "quarter": f"strftime({day}, '%Y') || '-Q' || quarter({day})",
        "month": f"strftime({day}, '%Y-%m')",
    }


def finest(prefix: str) -> str:
    """Return the finest period that is published, of the columns `<prefix>_<period>`, as SQL."""
    return f"coalesce({prefix}_month, {prefix}_quarter, {prefix}_year)"


def classes(number: str, limits: Mapping[int, str]) -> str:
    """Return the class that a number falls into, as SQL; null below the lowest.

    Args:
        number: The number, as SQL.
        limits: The lowest number of each class -> its name.
    """
    cases = " ".join(
        f"WHEN {number} >= {lowest} THEN '{name}'"
        for lowest, name in sorted(limits.items(), reverse=True)
    )
    return f"CASE {cases} END"


def coarsened(rows: str, columns: tuple[str, ...]) -> str:
    """Return a query of the same rows, coarsened until no registrant is alone with a row.

    The columns are taken in order. Among rows that agree in the columns before, the values
    that fewer registrants share than the floor become null together; if these are still fewer, the
    next smallest value joins them, so that what is null is shared by enough registrants, too, and
    cannot be inferred by subtraction. With fewer registrants than the floor there are no rows.
    A registrant with several rows counts once, by one of them: a group has at least as many
    registrants as it is counted to have.

    Cost: a sort and a grouping of the rows; then a grouping and a join a column of the distinct
    rows.

    Args:
        rows: A query with `registrant_id` (null: the row counts for nobody) and the columns.
        columns: The published columns, the most useful first: the first lose the least.

    Returns:
        A query with exactly these columns, which needs the variable `segment_floor`.
    """
    names = ", ".join(columns)
    latest = ", ".join(f"{name} DESC" for name in columns)
    steps = [
        f"""counted AS (
            SELECT {names}, registrant_id IS NOT NULL AND row_number() OVER (
                PARTITION BY registrant_id ORDER BY {latest}) = 1 AS counts
            FROM ({rows}) AS every_row)""",
        f"""step_0 AS MATERIALIZED (
            SELECT {names}, count(*) AS rows, count(*) FILTER (counts) AS registrants, 1 AS part
            FROM counted
            GROUP BY {names})""",
    ]
    for number, column in enumerate(columns, 1):
        steps += _step(number, column, columns)
    return f"""WITH {", ".join(steps)}
        SELECT {names}
        FROM (
            SELECT {names}, unnest(range(rows)) AS nth
            FROM step_{len(columns)}
            WHERE (SELECT sum(registrants) FROM step_0) >= {_FLOOR}) AS repeated"""


def _step(number: int, column: str, columns: tuple[str, ...]) -> list[str]:
    """Return the CTEs that coarsen one column; rows that agree in those before it are one part."""
    shown = ", ".join(
        f"CASE WHEN NOT merged THEN cells.{name} END AS {name}"
        if name == column
        else f"cells.{name} AS {name}"
        for name in columns
    )
    return [
        f"""sized_{number} AS (
            SELECT part, {column}, sum(registrants) AS sharing
            FROM step_{number - 1}
            GROUP BY part, {column})""",
        f"""ranked_{number} AS (
            SELECT part, {column}, sharing,
                sum(sharing) FILTER (sharing < {_FLOOR}) OVER (PARTITION BY part) AS of_few,
                row_number() OVER (
                    PARTITION BY part, sharing < {_FLOOR} ORDER BY sharing, {column}) AS nth
            FROM sized_{number})""",
        f"""judged_{number} AS (
            SELECT part, {column}, sharing < {_FLOOR}
                OR (coalesce(of_few < {_FLOOR}, false) AND nth = 1) AS merged
            FROM ranked_{number})""",
        f"""parted_{number} AS (
            SELECT part, {column}, merged, dense_rank() OVER (
                ORDER BY part, CASE WHEN NOT merged THEN {column} END) AS next_part
            FROM judged_{number})""",
        f"""step_{number} AS MATERIALIZED (
            SELECT {shown}, cells.rows AS rows, cells.registrants AS registrants,
                next_part AS part
            FROM step_{number - 1} AS cells
            JOIN parted_{number} AS parted ON cells.part = parted.part
                AND cells.{column} IS NOT DISTINCT FROM parted.{column})""",
    ]
