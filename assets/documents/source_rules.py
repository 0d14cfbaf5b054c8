"""The part of docs/rules.md about the sources' own rules, from the modules of `schemas/sources`."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import schemas.sources
from assets.documents.marked_pages import with_part
from schemas.source_names import source_names, source_of


def modules() -> dict[str, list[ModuleType]]:
    """Return the modules of models, by source."""
    by_source: dict[str, list[ModuleType]] = {name: [] for name in source_names()}
    for listed in pkgutil.walk_packages(schemas.sources.__path__, f"{schemas.sources.__name__}."):
        if not listed.ispkg:
            module = import_module(listed.name)
            by_source[source_of(Path(str(module.__file__)))].append(module)
    return by_source


def codes(source: str) -> dict[str, str]:
    """Return the rules of a source's models: code -> what it means."""
    return {
        code: text
        for module in modules()[source]
        for code, text in getattr(module, "CODES", {}).items()
    }


def markdown() -> str:
    """Return a section for each source: what its modules say beside their subject, and the codes.

    The first paragraph of a module's docstring is its subject.
    """
    return "\n".join(_section(source) for source in source_names() if codes(source))


def _section(source: str) -> str:
    prefixes = dict.fromkeys(f"`{code.partition('-')[0]}-`" for code in codes(source))
    parts = [f"### `{source}` ({', '.join(prefixes)})"]
    parts += [text for module in modules()[source] for text in _beside_subject(module)]
    rows = [f"| `{code}` | {text} |" for code, text in codes(source).items()]
    parts.append("\n".join(["| code | meaning |", "|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _beside_subject(module: ModuleType) -> Iterator[str]:
    yield from (module.__doc__ or "").strip().split("\n\n")[1:]


def in_page(text: str) -> str:
    """Return docs/rules.md with the sections of today between its markers."""
    return with_part(text, "rules of the sources", markdown())
