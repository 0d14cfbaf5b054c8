"""SQL of the columns of a role, and of the columns of `linkage_records` that are made of them."""

from __future__ import annotations

from dataclasses import dataclass

from assets.record_linkage.roles import Role, Roles
from assets.storage.quoting import name as quoted

LONGEST = 200
"""So many letters of a value are compared; a name of a megabyte is no name."""


@dataclass(frozen=True)
class Column:
    """A column of `linkage_records` besides `id`.

    `source_column` is the only column of the table that it depends on, if many rows have the same
    value there: then `sql` is evaluated once for each distinct value.
    """

    name: str
    sql: str
    source_column: str = ""


def _cut(column: str) -> str:
    """SQL: a column as text, of which no more is compared: comparing takes the square of it."""
    return f"left({quoted(column)}::VARCHAR, {LONGEST})"


def texts(roles: Roles, role: Role, types: dict[str, str]) -> str:
    """SQL: the values of the role's columns, which may be lists, as one list without nulls."""
    parts = [
        f"list_transform({quoted(column)}::VARCHAR[], lambda text: left(text, {LONGEST}))"
        if types[column].endswith("[]")
        else f"[{_cut(column)}]"
        for column in roles[role]
    ]
    if not parts:
        return "[]::VARCHAR[]"
    joined = parts[0] if len(parts) == 1 else f"list_concat({', '.join(parts)})"
    return f"list_filter({joined}, lambda text: text IS NOT NULL)"


def single(roles: Roles, role: Role, types: dict[str, str]) -> str:
    """The role's only column, unless it is a list; otherwise an empty string."""
    columns = roles[role]
    return columns[0] if len(columns) == 1 and not types[columns[0]].endswith("[]") else ""


def text(roles: Roles, role: Role, types: dict[str, str]) -> str:
    """SQL: the role's first value."""
    if column := single(roles, role, types):
        return _cut(column)
    return f"{texts(roles, role, types)}[1]" if roles[role] else "NULL::VARCHAR"


class SharedExpressions:
    """SQL expressions that several columns use, each evaluated once: for each row, or for each
    distinct value of a source column."""

    def __init__(self) -> None:
        self.expressions: list[tuple[str, str]] = []

    def of(self, sql: str, source_column: str = "") -> str:
        """The name of a column with this expression."""
        if (sql, source_column) not in self.expressions:
            self.expressions.append((sql, source_column))
        return f'"linkage expression {self.expressions.index((sql, source_column))}"'

    def over(self, table: str, number: str, only: str | None = None) -> str:
        """SQL: the table's columns, `number` (`... AS name`) and all expressions.

        With `only`, the expressions of that source column.
        """
        expressions = "".join(
            f', {sql} AS "linkage expression {position}"'
            for position, (sql, source_column) in enumerate(self.expressions)
            if only in (None, source_column)
        )
        return f"SELECT *, {number}{expressions} FROM {table}"


def as_text(column: str, types: dict[str, str]) -> str:
    """SQL: a column as one text, the values of a list separated by spaces."""
    if types[column].endswith("[]"):
        return f"left(array_to_string({quoted(column)}::VARCHAR[], ' '), {LONGEST})"
    return _cut(column)
