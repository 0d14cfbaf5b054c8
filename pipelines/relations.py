"""Every declared relation, by the folder of `assets/` with the functions that make it.

A relation is declared beside the function that makes it; no module lists them. A build of the
register is divided further, into its stages (`assets.register.relations`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

from assets.register.relations import stages
from assets.storage.relations import Relation, declared, ordered

FOLDERS = (
    "ingest",
    "staging",
    "record_linkage",
    "register",
    "retention",
    "marts",
    "rights",
    "erasure",
    "backup",
)
"""Folders in the order in which they import each other; what a later one imports is not its own."""


@cache
def groups() -> dict[str, tuple[Relation, ...]]:
    """Return every relation by folder, those of a build of the register by its stage instead."""
    of_build = stages()
    seen = {relation.name for members in of_build.values() for relation in members}
    found: dict[str, tuple[Relation, ...]] = {}
    for folder in FOLDERS:
        if folder == "register":
            found |= of_build
        own = {
            relation.name: relation
            for module in _modules(folder)
            for relation in declared(module)
            if relation.name not in seen
        }
        seen |= own.keys()
        if own:
            found[f"assets/{folder}"] = tuple(own.values())
    return found


@cache
def everything() -> tuple[Relation, ...]:
    """Return every relation in dependency order."""
    return tuple(ordered(relation for members in groups().values() for relation in members))


def _modules(folder: str) -> Iterator[ModuleType]:
    """Yield the modules of a folder that may declare relations: all but those with assets."""
    package = import_module(f"assets.{folder}")
    for module in walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith(".assets"):
            yield import_module(module.name)
