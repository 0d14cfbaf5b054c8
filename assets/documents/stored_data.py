"""What the running system really holds: columns per category, sources that are read, and which of them fills what."""

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
from schemas.policy import Policy
from schemas.vocabulary import WITH_ROW


class Place(NamedTuple):
    """A column, and where it is; `layer` as in `declarations.LAYERS`."""

    layer: str
    table: str
    column: str


Layers = Mapping[str, tuple[type[TableModel], ...]]


def columns(layers: Layers = declarations.LAYERS) -> dict[str, list[Place]]:
    """Category -> every column that holds it, in the order of the layers."""
    found: dict[str, list[Place]] = {}
    for layer, models in layers.items():
        for model in models:
            for column, category in categories(model).items():
                found.setdefault(category, []).append(Place(layer, table_name(model), column))
    return found


# The register's own number, and how many people share a trait: neither tells anything about anybody.
_ABOUT_NOBODY = {"registrant_id", "segment"}


def technical(policy: Policy, category: str) -> bool:
    """Whether the category is the register's own bookkeeping, of which the public needs no list."""
    return WITH_ROW in policy.categories[category].retention or category in _ABOUT_NOBODY


def told(policy: Policy) -> list[str]:
    """The categories that a notice tells of: those that have a column, without the register's own bookkeeping."""
    held = columns()
    return [name for name in policy.categories if name in held and not technical(policy, name)]


def read(policy: Policy) -> list[str]:
    """The sources of the policy that are read, in its order."""
    known = {source.name for source in SOURCES}
    return [name for name in policy.sources if name in known]


def purposes(policy: Policy) -> list[str]:
    """The purposes of the policy that have a mart, in its order."""
    return [name for name in policy.purposes if f"marts.{name}" in declarations.LAYERS]


def really_from(policy: Policy, category: str) -> list[str]:
    """The sources that are read and end up in the category, through whatever it is derived from; as filled, not as promised.

    A category that appears only when the register is built has no frame that fills it: for it the policy's word stands.
    """
    fills = filled()
    found = {
        source
        for one in policy.derivation(category)
        for source in fills.get(one, policy.categories[one].sources)
    }
    return [source for source in read(policy) if source in found]


@lru_cache
def filled() -> dict[str, set[str]]:
    """Category -> the sources whose frames fill one of its columns; a column that a frame leaves null is not filled."""
    found: dict[str, set[str]] = {}
    for source in SOURCES:
        for dataset in source.datasets:
            for frame in dataset.frames:
                for category in _filled_by(frame):
                    found.setdefault(category, set()).add(source.name)
    return found


def _filled_by(frame: Frame) -> set[str]:
    told = categories(frame.model)
    selected = sqlglot.parse_one(frame.query, dialect="duckdb").find(exp.Select)
    empty = {
        one.alias_or_name for one in (selected.selects if selected else []) if _null(one.unalias())
    }
    return {category for column, category in told.items() if column not in empty}


def _null(expression: exp.Expr) -> bool:
    """NULL, or NULL cast to a type."""
    return isinstance(expression.this if isinstance(expression, exp.Cast) else expression, exp.Null)
