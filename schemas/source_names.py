"""The names of the sources that are read: those with a model in `schemas/sources`.

A module there is called as its source, or says `SOURCE = "<name>"`. It is not imported for that:
every command reads the policy, and few need the models.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

_MODELS = Path(__file__).parent / "sources"


@cache
def source_names() -> tuple[str, ...]:
    """Return the names, in order."""
    return tuple(sorted({source_of(path) for path in _MODELS.rglob("[!_]*.py")}))


def source_of(path: Path) -> str:
    """Return the source of the module of models in a file."""
    for node in ast.parse(path.read_bytes()).body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "SOURCE"
            and isinstance(node.value, ast.Constant)
        ):
            return str(node.value.value)
    return path.relative_to(_MODELS).with_suffix("").parts[0]
