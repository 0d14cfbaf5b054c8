"""Columns of two marts that can be compared, and how: equal, or computed from each other.

Comparable are columns of one category of the policy, or of categories of which one is derived from
the other; of columns of one name that is the only comparison. A day is compared as such and by its
month, quarter and year; a number as such and by the classes that the other column declares; numbers
and days are also looked for inside a text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assets.marts.coarsening import classes, period
from assets.storage.quoting import literal
from schemas.columns import (
    TableModel,
    categories,
    class_limits,
    duckdb_types,
    unique_columns,
)
from schemas.policy.model import Policy

# Categories of what stands for a person, which is never compared: it is made for one mart.
KEYS = ("registrant_id", "pseudonym")
# The column of a table of counts: a row is about so many registrants.
REGISTRANTS = "registrants"
# So many numbers and days are looked for inside one text.
TOKENS = 3

_LOCAL_DAY = "timezone(getvariable('time_zone'), {0})::DATE"
_FAMILIES = {
    "BIGINT": "number",
    "DECIMAL(18,2)": "number",
    "DATE": "day",
    "TIMESTAMPTZ": "day",
    "BOOLEAN": "flag",
}
_GRAINS = {"day": "strftime({0}, '%Y-%m-%d')", **period("{0}")}
_NUMBER_IN_TEXT = r"(?:^|[^0-9.-])(-?[0-9]+(?:\.[0-9]+)?)(?:[^0-9.-]|$)"
_DAY_IN_TEXT = r"([0-9]{4}-[0-9]{2}-[0-9]{2})"


@dataclass(frozen=True)
class Column:
    """A column, or what is computed over all rows of its key.

    Attributes:
        label: For people: `amount`, `sum of amount`, `registrants.language`.
        sql: Its value in the table's own rows.
        category: Of the policy.
        family: text, number, day or flag.
        limits: The classes that it is a class of, if it is one.
    """

    label: str
    sql: str
    category: str
    family: str
    limits: tuple[Mapping[int, str], ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two columns in a form in which they can be equal, as SQL of a text; `here` is a label."""

    label: str
    here: str
    here_sql: str
    there_sql: str


def key(model: type[TableModel]) -> str | None:
    """Return the column that stands for a person, if the table has one."""
    return next((name for name, kind in categories(model).items() if kind in KEYS), None)


def has_one_row_each(model: type[TableModel]) -> bool:
    """Return whether the table has at most one row for each key."""
    return key(model) in unique_columns(model)


def columns(model: type[TableModel]) -> list[Column]:
    """Return the columns of a table that have a content, without keys and counts of people."""
    kinds = duckdb_types(model)
    return [
        Column(
            label=name,
            sql=f'"{name}"' if kinds[name] != "TIMESTAMPTZ" else _LOCAL_DAY.format(f'"{name}"'),
            category=category,
            family=_FAMILIES.get(kinds[name], "text"),
            limits=class_limits(model).get(name, ()),
        )
        for name, category in categories(model).items()
        if category not in KEYS and name != REGISTRANTS
    ]


def over_key(model: type[TableModel]) -> list[Column]:
    """Return what is computed over all rows of a key: their number, sums, first and last day."""
    by = key(model)
    contents = [column for column in columns(model) if column.category != "technical"]
    if by is None or has_one_row_each(model) or not contents:
        return []
    over = f'OVER (PARTITION BY "{by}")'
    rows = [Column("number of rows", f"count(*) {over}", contents[0].category, "number")]
    for column in contents:
        if column.family == "number":
            sum_of = f"sum({column.sql}) {over}"
            rows.append(Column(f"sum of {column.label}", sum_of, column.category, "number"))
        if column.family == "day":
            rows += [
                Column(
                    f"{which} {column.label}",
                    f"{function}({column.sql}) {over}",
                    column.category,
                    "day",
                )
                for which, function in (("first", "min"), ("last", "max"))
            ]
    return rows


def pairs(policy: Policy, here: list[Column], there: list[Column]) -> Iterator[Pair]:
    """Yield every way in which a column here and one there can be equal.

    A column that the other table has, too, is compared with that one alone.
    """
    comparable = [column for column in there if column.category != "technical"]
    for column in here:
        if column.category == "technical":
            continue
        akin = [other for other in comparable if _akin(policy, column, other)]
        same = [other for other in akin if other.label == column.label]
        for other in same or akin:
            for how, here_sql, there_sql in _forms(column, other):
                label = f"{column.label} = {other.label}{how}"
                yield Pair(label, column.label, here_sql, there_sql)


def _akin(policy: Policy, column: Column, other: Column) -> bool:
    """Return whether the policy derives one's category from the other's, or has one for both."""
    return column.category in policy.derivation(other.category) or (
        other.category in policy.derivation(column.category)
    )


def _forms(column: Column, other: Column) -> Iterator[tuple[str, str, str]]:
    """Yield (how, the one's SQL, the other's SQL) for each form in which the two can be equal."""
    if column.family == other.family == "day":
        for grain, form in _GRAINS.items():
            yield f" by {grain}", form.format(column.sql), form.format(other.sql)
    elif column.family == other.family == "number":
        yield "", _number(column.sql), _number(other.sql)
    elif column.family == other.family:
        yield "", _plain(column.sql), _plain(other.sql)
    elif column.family == "text":
        for how, of_text, of_other in _with_text(column, other):
            yield how, of_text, of_other
    elif other.family == "text":
        for how, of_text, of_column in _with_text(other, column):
            yield how, of_column, of_text


def _with_text(text: Column, other: Column) -> Iterator[tuple[str, str, str]]:
    if other.family == "number":
        for limits in text.limits:
            yield " by class", _plain(text.sql), f"lower({classes(other.sql, limits)})"
        for nth in range(1, TOKENS + 1):
            value = f"regexp_extract_all({text.sql}, {literal(_NUMBER_IN_TEXT)}, 1)[{nth}]"
            yield f" as number {nth} of the text", _number(value), _number(other.sql)
    elif other.family == "day":
        for grain, form in _GRAINS.items():
            yield f" by {grain}", _plain(text.sql), f"lower({form.format(other.sql)})"
        for nth in range(1, TOKENS + 1):
            value = f"regexp_extract_all({text.sql}, {literal(_DAY_IN_TEXT)}, 1)[{nth}]"
            yield f" as day {nth} of the text", value, _GRAINS["day"].format(other.sql)


def _plain(sql: str) -> str:
    return f"lower(({sql})::VARCHAR)"


def _number(sql: str) -> str:
    return f"try_cast({sql} AS DECIMAL(18, 2))::VARCHAR"
