"""The data that the system really has: columns per category, and sources that fill them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import sqlglot
from sqlglot import exp

from assets.sources.all_sources import SOURCES
from assets.sources.source import Frame
from schemas import declarations
from schemas.columns import TableModel, categories, table_name
from schemas.policy.model import Policy
from schemas.staged import CANONICAL
from schemas.vocabulary import WITH_ROW


class Place(NamedTuple):
    """A column and its table; `layer` as in `declarations.LAYERS`."""

    layer: str
    table: str
    column: str


Layers = Mapping[str, tuple[type[TableModel], ...]]


def columns(layers: Layers = declarations.LAYERS) -> dict[str, list[Place]]:
    """Return category -> all of its columns, in the order of the layers."""
    places: dict[str, list[Place]] = {}
    for layer, models in layers.items():
        for model in models:
            for column, category in categories(model).items():
                places.setdefault(category, []).append(Place(layer, table_name(model), column))
    return places


# The register's own number, and how many people share a trait: no data about anybody.
_ABOUT_NOBODY = {"registrant_id", "segment"}


def technical(policy: Policy, category: str) -> bool:
    """Return whether the category is the register's own bookkeeping, which no notice lists."""
    return WITH_ROW in policy.categories[category].retention or category in _ABOUT_NOBODY


def noticed(policy: Policy) -> list[str]:
    """Return the categories of a notice: those with a column, without bookkeeping."""
    stored = columns()
    return [name for name in policy.categories if name in stored and not technical(policy, name)]


def read(policy: Policy) -> list[str]:
    """Return the sources of the policy that are read, in its order."""
    known = {source.name for source in SOURCES}
    return [name for name in policy.sources if name in known]


def purposes(policy: Policy) -> list[str]:
    """Return the purposes of the policy that have a mart, in its order."""
    return [name for name in policy.purposes if f"marts.{name}" in declarations.LAYERS]


def really_from(policy: Policy, category: str) -> list[str]:
    """Return the sources that really fill the category, also through those it is derived from.

    A category that appears only when the register is built has no frame that fills it: its sources
    are those of the policy.
    """
    fills = filled()
    sources = {
        source
        for name in policy.derivation(category)
        for source in fills.get(name, policy.categories[name].sources)
    }
    return [source for source in read(policy) if source in sources]


@lru_cache
def with_consent() -> set[str]:
    """Return the categories of which every canonical row has the explicit consent to it.

    A required column `consent` of the category: without it the row is quarantined.
    """
    return {
        category
        for model in CANONICAL.values()
        for column, category in categories(model).items()
        if column == "consent" and not model.to_schema().columns[column].nullable
    }


@lru_cache
def filled() -> dict[str, set[str]]:
    """Return category -> the sources with a frame that fills one of its columns, not with null."""
    sources: dict[str, set[str]] = {}
    for source in SOURCES:
        for dataset in source.datasets:
            for frame in dataset.frames:
                for category in _filled_by(frame):
                    sources.setdefault(category, set()).add(source.name)
    return sources


def _filled_by(frame: Frame) -> set[str]:
    by_column = categories(frame.model)
    selected = sqlglot.parse_one(frame.query, dialect="duckdb").find(exp.Select)
    selects = selected.selects if selected else []
    empty = {column.alias_or_name for column in selects if _is_null(column.unalias())}
    return {category for column, category in by_column.items() if column not in empty}


def _is_null(expression: exp.Expr) -> bool:
    """Return whether it is NULL, or NULL cast to a type."""
    return isinstance(expression.this if isinstance(expression, exp.Cast) else expression, exp.Null)
