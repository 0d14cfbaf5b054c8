"""Which columns of the register each column of a mart comes from, read off the mart's SQL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from assets.marts.eligible import VIEWS
from assets.marts.queries import QUERIES
from assets.register.building import TABLES
from assets.register.column_origins import sources
from schemas.columns import duckdb_types

COLUMNS: Mapping[str, Mapping[str, str]] = {
    **{table: duckdb_types(model) for table, model in TABLES.items()},
    **{view: {"registrant_id": "VARCHAR"} for view in VIEWS},
}


@cache
def origins(purpose: str) -> dict[str, list[tuple[str, str]]]:
    """Return `table.column` of the mart -> the register's (table, column) pairs, sorted; a column
    that reads none, such as the name of an attribute, is missing.
    """
    return {
        f"{table}.{column}": read
        for table, query in QUERIES[purpose].items()
        for column, read in columns_read(query).items()
    }


def columns_read(query: str) -> dict[str, list[tuple[str, str]]]:
    """Return column of a query -> the register's (table, column) pairs that it reads, sorted."""
    from sqlglot import exp  # here, because only what shows lineage needs it
    from sqlglot.lineage import lineage

    schema: dict[str, object] = {table: dict(columns) for table, columns in COLUMNS.items()}
    nodes: Any = lineage(None, query, schema=schema, dialect="duckdb", trim_selects=False)
    read = {
        column: {
            (node.expression.name, node.name.split(".")[-1].strip('"'))
            for node in whole.walk()
            if isinstance(node.expression, exp.Table) and node.expression.name in TABLES
        }
        for column, whole in nodes.items()
    }
    return {column: sorted(pairs) for column, pairs in read.items() if pairs}


def described(purpose: str, column: str) -> str:
    """Return a sentence of the register's columns, and the sources, that `table.column` comes
    from.
    """
    read = origins(purpose).get(column)
    if not read:
        return "Set when the mart is built."
    tables: dict[str, list[str]] = {}
    for table, name in read:
        tables.setdefault(table, []).append(name)
    columns = ", ".join(f"{table}: {', '.join(names)}" for table, names in tables.items())
    named = ", ".join(sources(read))
    return f"From {columns}" + (f" (of {named})." if named else ".")
