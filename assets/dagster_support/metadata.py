"""Metadata for the UI: a table's columns with their categories, their lineage, and counts.

Counts, codes and column names only. The message of an exception may contain a value, so no
exception leaves an asset unchanged: see `without_values`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

from assets.storage.safe_errors import describe, interruption, places
from schemas.columns import TableModel, duckdb_types
from schemas.declarations import declared
from schemas.meanings import meanings_of
from schemas.policy.loader import load_policy


def column_schema(
    models: Mapping[str, type[TableModel]], layer: str, origin: Callable[[str], str]
) -> dg.TableSchema:
    """Return the columns of tables: what each means and comes from, tagged with its declaration.

    Args:
        models: Prefix of the column names (empty: none) -> the table's model.
        layer: The layer that the tables belong to.
        origin: The shown name of a column -> a sentence of where it comes from.
    """
    columns = []
    for prefix, model in models.items():
        declarations, texts = declared(load_policy(), model, layer), meanings_of(model)
        for column, kind in duckdb_types(model).items():
            name = f"{prefix}.{column}" if prefix else column
            columns.append(
                dg.TableColumn(
                    name=name,
                    type=kind,
                    description=f"{texts[column]}. {origin(name)}",
                    tags=declarations[column].tags(),
                )
            )
    return dg.TableSchema(columns=columns)


def counts_table(
    header: Iterable[str], rows: Iterable[Iterable[object]]
) -> dg.MarkdownMetadataValue:
    """Return a small table of counts and codes as Markdown."""
    names = list(header)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))


def numbers(values: Mapping[str, int | float], prefix: str = "") -> dict[str, Any]:
    """Return each number as an entry of its own, so that the UI plots it over time."""
    return {f"{prefix}{name}": value for name, value in values.items()}


def stops(check: str, count: int) -> str | None:
    """Return the description of a blocking check with `count` findings; None when it passed."""
    if not count:
        return None
    return (
        f"{count} found; the published marts stay as they are; what to do is in "
        f"docs/operators-guide.md#{check}"
    )


def without_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what an asset raises into a `dagster.Failure` with the error's type and our code's
    lines.

    Messages of exceptions quote data (a duplicate key, a failed cast), and Dagster would write them
    to its event log. A Failure raised on purpose and an interrupt are passed on. Failures are
    permanent: the same data would fail again, so there is no retry.
    """

    def failure(error: Exception) -> BaseException:
        if interrupt := interruption(error):
            return interrupt
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
        except Exception as error:  # noqa: BLE001  (its message must not be logged)
            raise failure(error) from None

    @functools.wraps(function)
    def guarded_generator(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from function(*args, **kwargs)
        except dg.Failure:
            raise
        except Exception as error:  # noqa: BLE001  (its message must not be logged)
            raise failure(error) from None

    return guarded_generator if inspect.isgeneratorfunction(function) else guarded
