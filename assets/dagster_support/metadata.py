"""Metadata for the UI: a table's columns with their categories, their lineage, and counts.

Counts, codes and column names only. The message of an exception may contain a value, so no
exception leaves an asset unchanged: see `without_values`.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

from assets.storage.guide import place, to_do, with_place
from assets.storage.safe_errors import describe, interruption, places
from schemas.columns import TableModel, duckdb_types
from schemas.declarations import declared
from schemas.meanings import meanings_of
from schemas.policy.loader import load_policy

# Group of assets -> its section of the operator's guide.
SECTIONS = {
    "fetched": "connectors",
    "inbox": "delivering-a-file-by-hand",
    "raw": "refused-deliveries",
    "staged": "quarantine",
    "register": "who-is-who",
    "built": "checks-and-what-to-do-when-one-fails",
    "marts": "reading-a-mart",
    "retention": "retention",
    "policy": "notices-record-of-processing-conflicts",
    "requests": "requests-of-registrants",
    "erasure": "erasure",
    "erased": "proof-and-certificates",
    "upkeep": "the-daily-rhythm",
    "reports": "the-dashboard",
}


def column_schema(
    models: Mapping[str, type[TableModel]],
    layer: str,
    origin: Callable[[str], str],
    shared: type[TableModel] | None = None,
) -> dg.TableSchema:
    """Return the columns of tables: what each means and comes from, tagged with its declaration.

    Args:
        models: Prefix of the column names (empty: none) -> the table's model.
        layer: The layer that the tables belong to.
        origin: The shown name of a column -> a sentence of where it comes from.
        shared: The columns that every table has, shown once and without a prefix.
    """
    columns = []
    once = duckdb_types(shared) if shared else {}
    for prefix, model in {**({"": shared} if shared else {}), **models}.items():
        declarations = declared(load_policy(), model, layer)
        texts = meanings_of(next(iter(models.values())) if model is shared else model)
        for column, kind in duckdb_types(model).items():
            if model is not shared and column in once:
                continue
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


def with_guide(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Return the spec with its place in the operator's guide at the end of its description.

    A link, if REGISTER_GUIDE is the address at which the site of `make docs` is served; else the
    page's path.
    """
    section = SECTIONS[str(spec.group_name)]
    served = os.environ.get("REGISTER_GUIDE", "").rstrip("/")
    guide = (
        f"[Operator's guide]({served}/operators-guide/#{section})"
        if served.startswith(("https://", "http://"))
        else f"Operator's guide: {place(section)}"
    )
    return spec.replace_attributes(description=f"{spec.description}\n\n{guide}")


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
    return f"{count} found; the published marts stay as they are; what to do is in {place(check)}"


def explained(event: Any, function: str) -> Any:
    """Return what an asset or check yields; check results that did not pass say what to do.

    Args:
        function: The name of the function that yields it: a check's, where its result has none.
    """
    if isinstance(event, dg.MaterializeResult) and event.check_results:
        results = [_explained_result(result, function) for result in event.check_results]
        return event._replace(check_results=results)
    return _explained_result(event, function) if isinstance(event, dg.AssetCheckResult) else event


def _explained_result(result: dg.AssetCheckResult, function: str) -> dg.AssetCheckResult:
    """Return a check's result with its counts, the way to what was counted and the guide's place.

    One that has a description of its own keeps it.
    """
    if result.passed or result.description:
        return result
    counts = [
        f"{name} {value.value}"
        for name, value in (result.metadata or {}).items()
        if isinstance(value, dg.IntMetadataValue)
    ]
    asset = result.asset_key.path[-1] if result.asset_key else ""
    what = to_do(result.check_name or function, asset)
    return result._replace(description="; ".join([*([", ".join(counts)] * bool(counts)), what]))


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
            with_place(describe(error), otherwise="looking-at-a-run"),
            metadata={"error": type(error).__name__, "where": where},
            allow_retries=False,
        )

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return explained(function(*args, **kwargs), function.__name__)
        except dg.Failure:
            raise
        except Exception as error:  # noqa: BLE001  (its message must not be logged)
            raise failure(error) from None

    @functools.wraps(function)
    def guarded_generator(*args: Any, **kwargs: Any) -> Any:
        try:
            for event in function(*args, **kwargs):
                yield explained(event, function.__name__)
        except dg.Failure:
            raise
        except Exception as error:  # noqa: BLE001  (its message must not be logged)
            raise failure(error) from None

    return guarded_generator if inspect.isgeneratorfunction(function) else guarded
