"""Re-identification: which registrants of another mart a pseudonymous mart's rows match, by what.

A row matches somebody if its content, or anything computed from it, agrees with exactly one
registrant (or one row) of another mart, and no more rows here agree than that one has there: they
may all be theirs. Every combination of columns of both marts is meant: those that are comparable
(`assets.marts.comparable_columns`), of the table itself, of what belongs to the same key in another
table, and over all rows of a key.

The whole content of rows is compared first: if each is shared by more people or rows than any one
registrant has there, no combination of columns and nothing computed from them can match anybody,
and that is the end. The columns are searched only otherwise, to name them: the smallest
combinations of up to `MAX_COLUMNS` columns, then all together.

Cost: one grouping of each pseudonymous table, and one of each table that it is compared with. Where
that is not the end, at most one grouping of both tables for each of `MAX_COMBINATIONS`.

See docs/decisions/pseudonymous-marts.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, groupby, islice
from pathlib import Path

import duckdb

from assets.marts import comparable_columns
from assets.marts.comparable_columns import REGISTRANTS, Column, Pair
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.queries import count
from assets.storage.sessions import connect
from schemas.columns import TableModel, arrow_schema, table_name
from schemas.marts import MARTS
from schemas.policy.model import Policy

MAX_COLUMNS = 3
MAX_COMBINATIONS = 200


@dataclass(frozen=True)
class Match:
    """What matches registrants of another mart, and how many.

    Attributes:
        table: The pseudonymous mart's table, as `<mart>.<table>`.
        other: The other mart's.
        columns: What agrees, as `<column here> = <column there>`.
        matched: How many are matched: registrants, or rows where the other has no key.
    """

    table: str
    other: str
    columns: tuple[str, ...]
    matched: int


@dataclass(frozen=True)
class _Table:
    """A table of an attached mart, and a query of it with what belongs to its key.

    The query's rows have `unit`, `weight` and the columns as c0, c1 ...
    """

    mart: str
    table: str
    key: str | None
    query: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return f"{self.mart}.{self.table}"

    @property
    def people(self) -> str:
        """SQL: the number of registrants in a group of the query's rows."""
        return "count(DISTINCT unit)" if self.key else "sum(weight)"

    @property
    def rows(self) -> str:
        """The name of the table of the query's rows, made only where columns are searched."""
        return f'"rows_{self.mart}_{self.table}"'


def matches(data_root: DataRoot, purpose: str, files: Mapping[str, Path]) -> list[Match]:
    """Return what of a pseudonymous mart matches somebody in another, in as few columns as can be.

    Args:
        data_root: Its policy relates the categories of the columns.
        purpose: The pseudonymous mart.
        files: Purpose -> the file to measure, of this mart and of all that it is compared with.
    """
    with connect(data_root) as connection:
        connection.execute(f"SET VARIABLE time_zone = '{data_root.policy.time_zone}'")
        ours = [
            (table, people)
            for table in _attached(data_root, connection, purpose, files[purpose])
            if (people := _fewest_people(connection, table))
        ]
        theirs = [
            (table, _most_rows(connection, table))
            for mart in files
            if ours and mart != purpose
            for table in _attached(data_root, connection, mart, files[mart])
        ]
        return [
            match
            for here, people in ours
            for there, rows in theirs
            if people <= rows
            for match in _matches(connection, data_root.policy, here, there)
        ]


def _attached(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, mart: str, path: Path
) -> list[_Table]:
    attach(data_root, connection, path, mart, mart)
    return [_table(mart, model) for model in MARTS[mart]]


def _table(mart: str, model: type[TableModel]) -> _Table:
    name, by = table_name(model), comparable_columns.key(model)
    own = [*comparable_columns.columns(model), *comparable_columns.over_key(model)]
    selected = [
        f'"{by}" AS unit' if by else "NULL AS unit",
        f"{REGISTRANTS} AS weight" if REGISTRANTS in arrow_schema(model).names else "1 AS weight",
        *(f"{column.sql} AS c{number}" for number, column in enumerate(own)),
    ]
    query = f'SELECT {", ".join(selected)} FROM "{mart}"."{name}"'
    beside = [
        (other, column)
        for other in MARTS[mart]
        if by and other is not model and comparable_columns.has_one_row_each(other)
        for column in comparable_columns.columns(other)
    ]
    number = len(own)
    for other, of_other in groupby(beside, lambda pair: pair[0]):
        values = [f"{column.sql} AS c{number + nth}" for nth, (_, column) in enumerate(of_other)]
        names = ", ".join(f"theirs.c{number + nth}" for nth in range(len(values)))
        number += len(values)
        query = f"""SELECT mine.*, {names}
            FROM ({query}) AS mine
            LEFT JOIN (
                SELECT "{comparable_columns.key(other)}" AS unit, {", ".join(values)}
                FROM "{mart}"."{table_name(other)}"
            ) AS theirs ON mine.unit = theirs.unit"""
    described = [
        *own,
        *(
            Column(
                f"{table_name(other)}.{column.label}",
                "",
                column.category,
                column.family,
                column.limits,
            )
            for other, column in beside
        ),
    ]
    return _Table(
        mart,
        name,
        by,
        query,
        tuple(
            Column(column.label, f"c{number}", column.category, column.family, column.limits)
            for number, column in enumerate(described)
        ),
    )


def _matches(
    connection: duckdb.DuckDBPyConnection, policy: Policy, here: _Table, there: _Table
) -> list[Match]:
    pairs = list(comparable_columns.pairs(policy, list(here.columns), list(there.columns)))
    if not pairs:
        return []
    for table in (here, there):
        connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table.rows} AS {table.query}")
    size, smallest = 0, list[Match]()
    for chosen in islice(_combinations(pairs), MAX_COMBINATIONS):
        if smallest and len(chosen) > size:
            break
        size = len(chosen)
        if matched := _matched(connection, here, there, chosen):
            columns = tuple(pair.label for pair in chosen)
            smallest.append(Match(here.name, there.name, columns, matched))
    return smallest


def _fewest_people(connection: duckdb.DuckDBPyConnection, table: _Table) -> int:
    """Return how few people (or rows) share the whole content of some row; 0 for an empty table."""
    together = ", ".join(column.sql for column in table.columns)
    return count(
        connection,
        f"""SELECT min(people)
        FROM (SELECT {table.people} AS people FROM ({table.query}) GROUP BY {together})""",
    )


def _most_rows(connection: duckdb.DuckDBPyConnection, table: _Table) -> int:
    """Return the most rows that one registrant has; 1 where rows have no key."""
    if table.key is None:
        return 1
    own = f'FROM "{table.mart}"."{table.table}" GROUP BY "{table.key}"'
    return count(connection, f"SELECT max(rows) FROM (SELECT count(*) AS rows {own})")


def _combinations(pairs: list[Pair]) -> Iterator[tuple[Pair, ...]]:
    """Yield combinations of pairs, each column here once: the smallest first, then all of them."""
    for size in range(1, MAX_COLUMNS + 1):
        for chosen in combinations(pairs, size):
            if len({pair.here for pair in chosen}) == size:
                yield chosen
    whole = {pair.here: pair for pair in reversed(pairs)}
    if len(whole) > MAX_COLUMNS:
        yield tuple(reversed(whole.values()))


def _matched(
    connection: duckdb.DuckDBPyConnection, here: _Table, there: _Table, chosen: tuple[Pair, ...]
) -> int:
    """Count the registrants there that rows here match by the chosen columns."""
    names = ", ".join(f"k{number}" for number in range(len(chosen)))
    here_sql = ", ".join(f"{pair.here_sql} AS k{nth}" for nth, pair in enumerate(chosen))
    there_sql = ", ".join(f"{pair.there_sql} AS k{nth}" for nth, pair in enumerate(chosen))
    return count(
        connection,
        f"""SELECT count(*)
        FROM (
            SELECT {here_sql}, {here.people} AS people
            FROM {here.rows}
            GROUP BY ALL
        ) AS ours
        JOIN (
            SELECT {there_sql}, {there.people} AS people, count(*) AS rows
            FROM {there.rows}
            GROUP BY ALL
        ) AS others USING ({names})
        WHERE others.people = 1 AND ours.people <= rows""",
    )
