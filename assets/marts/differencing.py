"""Differencing: what the publications of two days tell about a few registrants together.

Every publication of a mart without names hides its small groups. A reader who keeps yesterday's
file can subtract: a group that has grown by one on the day on which one person came tells what that
person has. This counts such groups, and names nobody.

Source: GDPR 4(5), 5(1)(c), recital 26; docs/decisions/pseudonymous-marts.md.
"""

from __future__ import annotations

from pathlib import Path

from assets.marts.comparable_columns import KEYS, REGISTRANTS, key
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.queries import count
from assets.storage.sessions import connect
from schemas.columns import TableModel, arrow_schema, categories, duckdb_types, table_name
from schemas.marts import MARTS


def small_differences(
    data_root: DataRoot, purpose: str, earlier: Path, later: Path
) -> dict[str, int]:
    """Return the number of groups per table that differ in size by fewer than the floor.

    A group is all rows of one content. Its size is what the table says, the number of its keys, or
    the number of its rows. Days of computation are no content.

    Cost: one grouping of each table in both files.

    Args:
        data_root: Its policy has the floor.
        purpose: A mart without names.
        earlier: Its file of one publication.
        later: Its file of another.
    """
    floor = data_root.policy.profiles.segment_floor
    with connect(data_root) as connection:
        attach(data_root, connection, earlier, "earlier", purpose)
        attach(data_root, connection, later, "later", purpose)
        differing = {
            table_name(model): count(
                connection,
                f"""SELECT count(*)
                FROM (
                    SELECT abs(sum(change)) AS difference
                    FROM (
                        {_sizes("later", model, "+")}
                        UNION ALL
                        {_sizes("earlier", model, "-")}
                    ) AS changes
                    GROUP BY {_content(model)}
                ) AS compared
                WHERE difference BETWEEN 1 AND {floor - 1}""",
            )
            for model in MARTS[purpose]
        }
    return {table: groups for table, groups in differing.items() if groups}


def _content(model: type[TableModel]) -> str:
    """Return the columns that make a group by their values, as SQL."""
    kinds = duckdb_types(model)
    return ", ".join(
        f'"{name}"'
        for name, category in categories(model).items()
        if category not in KEYS
        and name != REGISTRANTS
        and not (category == "technical" and kinds[name] == "DATE")
    )


def _sizes(mart: str, model: type[TableModel], sign: str) -> str:
    """Return a query of the groups of a table with their sizes as `change`."""
    if REGISTRANTS in arrow_schema(model).names:
        size = f'sum("{REGISTRANTS}")'
    else:
        size = f'count(DISTINCT "{key(model)}")' if key(model) else "count(*)"
    content = _content(model)
    return f"""SELECT {content}, {sign}{size} AS change
        FROM {mart}."{table_name(model)}"
        GROUP BY {content}"""
