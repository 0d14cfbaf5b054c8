"""What every column of the layers means, for the data model, the UI and the Fides manifest.

A column is described where it first appears. A later column of the same name and category without a
description of its own means the same: the first description in its own layer counts, then that in
the nearest layer which the data came through.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from schemas.columns import TableModel, categories, descriptions
from schemas.declarations import LAYERS

_WAY = ("raw", "staged", "register")
"""The layers that later ones are made of; quarantine and marts are ends."""


@cache
def meanings() -> Mapping[type[TableModel], Mapping[str, str]]:
    """Return model -> column -> its meaning, of every table of the layers; empty where nothing
    describes the column."""
    of_models: dict[type[TableModel], dict[str, str]] = {}
    before: dict[tuple[str, str], str] = {}
    for layer, models in LAYERS.items():
        described: dict[tuple[str, str], str] = {}
        for model in models:
            if model not in of_models:
                of_models[model] = _of_model(model, described, before)
        if layer in _WAY:
            before |= described
    return of_models


def meanings_of(model: type[TableModel]) -> Mapping[str, str]:
    """Return column -> meaning; of a table of no layer, the descriptions of its own."""
    return meanings().get(model) or descriptions(model)


def _of_model(
    model: type[TableModel],
    described: dict[tuple[str, str], str],
    before: Mapping[tuple[str, str], str],
) -> dict[str, str]:
    """Return column -> meaning, and add the model's own descriptions to `described`."""
    of_columns = {}
    for name, own in descriptions(model).items():
        key = name, categories(model)[name]
        if own:
            described.setdefault(key, own)
        of_columns[name] = own or described.get(key) or before.get(key, "")
    return of_columns
