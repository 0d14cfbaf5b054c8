"""What the UI shows of a table: its columns with their categories, where each column comes from, and counts.

Counts, codes and column names only. What an exception says may hold a value, so none leaves an asset as it is: see
`without_values`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg
from sqlglot import exp
from sqlglot.lineage import lineage

from assets.storage.safe_errors import describe, places
from schemas.columns import TableModel, descriptions, duckdb_types
from schemas.declarations import declared
from schemas.policy import load_policy


def column_schema(models: Mapping[str, type[TableModel]], layer: str) -> dg.TableSchema:
    """Columns of one or several tables, each tagged with what it declares; the key prefixes the name (empty: no prefix)."""
    columns = []
    for prefix, model in models.items():
        what, told = declared(load_policy(), model, layer), descriptions(model)
        for name, kind in duckdb_types(model).items():
            columns.append(
                dg.TableColumn(
                    name=f"{prefix}.{name}" if prefix else name,
                    type=kind,
                    description=told[name] or None,
                    tags=what[name].tags(),
                )
            )
    return dg.TableSchema(columns=columns)


def column_lineage(
    query: str, tables: Mapping[str, Mapping[str, str]], keys: Mapping[str, dg.AssetKey]
) -> dg.TableColumnLineage:
    """Where each column of a DuckDB query comes from, read off the SQL: `tables` gives columns and types, `keys` their assets."""
    schema: dict[str, object] = {table: dict(columns) for table, columns in tables.items()}
    nodes: Any = lineage(None, query, schema=schema, dialect="duckdb", trim_selects=False)
    found: dict[str, list[dg.TableColumnDep]] = {}
    for column, whole in nodes.items():
        deps = set()
        for node in whole.walk():
            if isinstance(node.expression, exp.Table) and node.expression.name in keys:
                deps.add((node.expression.name, node.name.split(".")[-1].strip('"')))
        if deps:
            found[column] = [dg.TableColumnDep(keys[table], name) for table, name in sorted(deps)]
    return dg.TableColumnLineage(found)


def counts_table(
    header: Iterable[str], rows: Iterable[Iterable[object]]
) -> dg.MarkdownMetadataValue:
    """A small table of counts and codes."""
    names = list(header)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def numbers(values: Mapping[str, int | float], prefix: str = "") -> dict[str, Any]:
    """Numbers as metadata of their own, so that the UI plots them over time."""
    return {f"{prefix}{name}": value for name, value in values.items()}


def stops(check: str, found: int) -> str | None:
    """What the UI and the command say of a blocking check that found something; None when it passed."""
    if not found:
        return None
    return (
        f"{found} found; the published marts stay as they are; what to do is in "
        f"docs/operators-guide.md#{check}"
    )


def without_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn whatever an asset raises into a `dagster.Failure` that names the kind of error and the lines of our code.

    Messages of exceptions quote data (a duplicate key, a failed cast), and Dagster would write them to its event log. A
    Failure raised on purpose passes. Failures are permanent: the same data would fail again, so no retry.
    """

    def failure(error: Exception) -> dg.Failure:
        where = dg.MetadataValue.md("\n".join(f"- `{place}`" for place in places(error)))
        return dg.Failure(
            describe(error),
            metadata={"error": type(error).__name__, "where": where},
            allow_retries=False,
        )

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except dg.Failure:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, its message must not reach the event log)
            raise failure(error) from None

    @functools.wraps(function)
    def guarded_generator(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from function(*args, **kwargs)
        except dg.Failure:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, its message must not reach the event log)
            raise failure(error) from None

    return guarded_generator if inspect.isgeneratorfunction(function) else guarded
