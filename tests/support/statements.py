"""The statements that functions run on a connection: what each makes, and what it reads."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp

ROOT = Path(__file__).parents[2]
# What SQLGlot does not parse, or does not see as a query, and needs not: no relation is read there.
NOT_PARSED = ("CREATE OR REPLACE MACRO", "CREATE OR REPLACE TEMP MACRO")
NO_QUERY = (exp.Set, exp.Drop, exp.Describe, exp.Attach, exp.Detach, exp.Transaction, exp.Commit)
WRITES = (exp.Create, exp.Insert, exp.Update, exp.Delete, exp.Copy)
# A table of DuckDB's information schema.
CATALOGUE = {"tables"}

# A slice without a start, before a function: DuckDB's, and not SQLGlot's.
_FROM_START = re.compile(r"\[:(?=\w+\()")

Shape = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Statement:
    """A statement, the function that ran it, and the shape of what it made."""

    function: str
    sql: str
    made: str = ""
    shape: Shape = ()
    registered: frozenset[str] = frozenset()


@dataclass(eq=False)
class Recorder:
    """A connection that records the statements of some folders of `assets/`."""

    connection: duckdb.DuckDBPyConnection
    statements: list[Statement]
    folders: tuple[str, ...]
    registered: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *raised: object) -> None:
        self.connection.close()

    def cursor(self) -> Recorder:
        return Recorder(self.connection.cursor(), self.statements, self.folders, self.registered)

    def register(self, name: str, table: object) -> None:
        self.registered.add(name)
        self.connection.register(name, table)

    def execute(self, sql: str, *parameters: object) -> Recorder:
        self.connection.execute(sql, *parameters)
        function = self._function()
        if function and not sql.lstrip().startswith(NOT_PARSED):
            made = _made(sql)
            shape = shape_of(self.connection, made) if made else ()
            self.statements.append(
                Statement(function, sql, made, shape, frozenset(self.registered))
            )
        return self

    def _function(self) -> str:
        """The function of `assets/` that runs the statement; empty for those of other folders."""
        frame = sys._getframe(2)
        while frame:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(ROOT / "assets") and "storage" not in path.parts:
                inside = path.relative_to(ROOT / "assets").parts[0] in self.folders
                return f"{path.stem}.{frame.f_code.co_qualname}" if inside else ""
            frame = frame.f_back  # type: ignore[assignment]
        return ""


def shape_of(connection: duckdb.DuckDBPyConnection, name: str) -> Shape:
    """Columns and types of a table."""
    return tuple(
        (column, kind) for column, kind, *_ in connection.execute(f"DESCRIBE {name}").fetchall()
    )


def _made(sql: str) -> str:
    words = sql.split("(", maxsplit=1)[0].split()
    if words[:1] != ["CREATE"]:
        return ""
    kind = next(place for place, word in enumerate(words) if word in ("TABLE", "VIEW"))
    return (
        words[kind + 4]
        if words[kind + 1 : kind + 4] == ["IF", "NOT", "EXISTS"]
        else words[kind + 1]
    )


@dataclass(frozen=True)
class Parsed:
    """A distinct statement: what it writes, and what it reads."""

    function: str
    sql: str
    tree: exp.Expression
    target: str
    reads: frozenset[str]

    @property
    def makes(self) -> bool:
        """Whether it makes its target of others; one that reads its target amends it."""
        return isinstance(self.tree, exp.Create) and self.target not in self.reads

    @property
    def amends(self) -> bool:
        """Whether it changes its target."""
        changes = isinstance(self.tree, exp.Insert | exp.Update | exp.Delete)
        return changes or (isinstance(self.tree, exp.Create) and not self.makes)


def parsed(
    statements: Iterable[Statement], key: Callable[[Statement], object] | None = None
) -> list[Parsed]:
    """Return every distinct statement in the order of its first run; SQLGlot parses all of them.

    Args:
        statements: Statements as recorded.
        key: By what two statements are one; by function and text if not given.
    """
    distinct = {}
    for statement in statements:
        distinct[key(statement) if key else (statement.function, statement.sql)] = statement
    found = []
    for statement in distinct.values():
        for tree in sqlglot.parse(_FROM_START.sub("[1:", statement.sql), dialect="duckdb"):
            assert isinstance(tree, exp.Expression), statement
            is_reset = isinstance(tree, exp.Command) and tree.this == "RESET"
            if isinstance(tree, NO_QUERY) or is_reset:
                continue
            assert not isinstance(tree, exp.Command), statement
            written = tree.find(exp.Table) if isinstance(tree, WRITES) else None
            target = written.name if written is not None and _is_here(written) else ""
            reads = _tables(tree, target) - statement.registered - CATALOGUE
            found.append(Parsed(statement.function, statement.sql, tree, target, frozenset(reads)))
    return found


def _tables(tree: exp.Expression, target: str) -> set[str]:
    """The tables that a statement reads, without its CTEs, what it writes and attached files."""
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    names = [table.name for table in tree.find_all(exp.Table) if table.name and _is_here(table)]
    if target in names:
        names.remove(target)
    return set(names) - ctes


def _is_here(table: exp.Table) -> bool:
    """Whether a table is of the connection, and of no file that is attached to it."""
    return table.db in ("", "temp")


def local_tables(statements: Iterable[Parsed], declared: Iterable[str]) -> dict[str, set[str]]:
    """Return the tables that are not declared -> the functions that make them."""
    made = defaultdict(set)
    for statement in statements:
        if isinstance(statement.tree, exp.Create) and statement.target not in set(declared):
            made[statement.target].add(statement.function)
    return made
