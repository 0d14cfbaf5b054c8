"""The fingerprint of the rules of staging: what was staged under other rules is staged again.

It covers the code that decides: the modules of schemas, sources and staging that staging reaches by
imports, without their docstrings, comments and descriptions of columns, so that a corrected
sentence stages nothing again.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_COVERED = ("schemas.", "assets.sources.", "assets.staging.")
# The functions of schemas.columns that declare a column: `(category or code, description, ...)`.
_DECLARE_COLUMNS = {"column", "flag"}


@cache
def rules_fingerprint() -> str:
    """Return sixteen hex digits, the same for the same rules and Python version on any machine."""
    rules = rule_modules()
    text = "".join(f"{module}\n{code_of(rules[module])}\n" for module in sorted(rules))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rule_modules() -> dict[str, ast.Module]:
    """Return the modules that decide how a record is staged, by name."""
    modules: dict[str, ast.Module] = {}
    sources = (_ROOT / "assets" / "sources").rglob("[!_]*.py")
    waiting = [
        "assets.staging.staged",
        *(".".join(path.relative_to(_ROOT).with_suffix("").parts) for path in sources),
    ]
    waiting.remove("assets.sources.all_sources")  # it finds the others, and stages nothing
    while waiting:
        module = waiting.pop()
        if module not in modules:
            path = _ROOT / f"{module.replace('.', '/')}.py"
            modules[module] = ast.parse(path.read_bytes())
            waiting += _imported(modules[module])
    return modules


def code_of(tree: ast.Module) -> str:
    """Return the code of a module as text, without comments, docstrings, layout, declared relations
    and descriptions of columns."""
    declares = _DECLARE_COLUMNS & _names_from(tree, "schemas.columns")
    tree.body = [statement for statement in tree.body if not _is_relation(statement)]
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in declares
        ):
            del node.args[1:]
            node.keywords = [each for each in node.keywords if each.arg != "description"]
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                statement for statement in body if not _is_docstring(statement)
            ] or [ast.Pass()]
    return ast.unparse(tree)


def _names_from(tree: ast.Module, module: str) -> set[str]:
    """The names that a module imports from another."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def _is_relation(statement: ast.stmt) -> bool:
    """Whether it declares what a table holds (`assets.storage.relations`): it decides nothing."""
    call = statement.value if isinstance(statement, ast.Assign) else None
    return isinstance(call, ast.Call) and ast.unparse(call.func) == "Relation"


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _imported(tree: ast.Module) -> Iterator[str]:
    """The covered modules that a module imports, within functions, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = _ROOT / f"{name.replace('.', '/')}.py"
                if name.startswith(_COVERED) and path.is_file():
                    yield name
