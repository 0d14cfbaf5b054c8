"""Traceability of the policy's clauses: columns, rules, assets and tests of each.

Tests name their clauses with `@pytest.mark.clause("P5.4")` on a function or class; the marks are
parsed from the source, so no test is run or imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assets.documents import stored_data
from assets.documents.pages import code, codes, table, text
from assets.register.building import TABLES
from schemas.policy.clauses import CLAUSES
from schemas.policy.model import Policy

TESTS = Path(__file__).parents[2] / "tests"
# The assets of the right to erasure.
_ERASURE = ("erasure/found", "erasure/suppressed", "erasure/removed", "erasure/closed")


def marked(tests: Path = TESTS) -> dict[str, list[str]]:
    """Return clause -> its tests, as `path::Class::name`, sorted; a class marks all its tests."""
    tests_of: dict[str, set[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        _collect(
            ast.parse(path.read_text(encoding="utf-8")).body,
            f"{path.relative_to(tests.parent)}",
            (),
            tests_of,
        )
    return {clause: sorted(names) for clause, names in sorted(tests_of.items())}


def _collect(
    body: Iterable[ast.stmt], where: str, outer: tuple[str, ...], tests_of: dict[str, set[str]]
) -> None:
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        clauses = (
            *outer,
            *(clause for decorator in node.decorator_list for clause in _clauses(decorator)),
        )
        if isinstance(node, ast.ClassDef):
            _collect(node.body, f"{where}::{node.name}", clauses, tests_of)
        elif node.name.startswith("test_"):
            for clause in clauses:
                tests_of.setdefault(clause, set()).add(f"{where}::{node.name}")


def _clauses(decorator: ast.expr) -> Iterable[str]:
    """Yield the clauses that a decorator `pytest.mark.clause(...)` names."""
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.clause":
        yield from (
            argument.value
            for argument in decorator.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        )


def used(policy: Policy) -> dict[str, list[str]]:
    """Return clause -> the parts of the policy file that name it, as `section.key`."""
    parts: dict[str, list[str]] = {}
    for section in ("purposes", "categories", "sources", "recipients", "retention", "rights"):
        for name, part in getattr(policy, section).items():
            parts.setdefault(part.clause, []).append(f"{section}.{name}")
    for section in ("profiles", "protection", "requests", "article_14"):
        parts.setdefault(getattr(policy, section).clause, []).append(section)
    for clause, section in (("P1", "controller"), ("P2", "contact"), ("P3", "register")):
        parts.setdefault(clause, []).append(section)
    return parts


def untested(policy: Policy, tests: Mapping[str, Iterable[str]]) -> list[str]:
    """Return clauses of the policy, or of its file, without a test."""
    return [
        clause
        for clause in dict.fromkeys((*CLAUSES, *used(policy)))
        if not list(tests.get(clause, ()))
    ]


def rows(policy: Policy, tests: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return a row per clause: its text, parts of the file, columns per table, rules and so on."""
    parts, columns = used(policy), stored_data.columns()
    listed = []
    for clause, meaning in CLAUSES.items():
        named = [part.split(".", 1) for part in parts.get(clause, []) if "." in part]
        categories = [name for section, name in named if section == "categories"]
        places = [place for category in categories for place in columns.get(category, [])]
        listed.append(
            {
                "clause": clause,
                "says": meaning,
                "file": parts.get(clause, []),
                "columns": _per_table(places),
                "rules": _rules(policy, named, categories),
                "assets": _assets(policy, named, places),
                "tests": tests.get(clause, []),
            }
        )
    return listed


def _per_table(places: list[stored_data.Place]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for place in places:
        columns.setdefault(f"{place.layer}.{place.table}", []).append(place.column)
    return columns


def _rules(policy: Policy, named: list[list[str]], categories: list[str]) -> list[str]:
    own = [name for section, name in named if section == "retention"]
    return list(
        dict.fromkeys(
            (
                *own,
                *(
                    rule
                    for category in categories
                    for rule in policy.categories[category].retention
                    if rule in policy.retention
                ),
            )
        )
    )


def _assets(policy: Policy, named: list[list[str]], places: list[stored_data.Place]) -> list[str]:
    keys = []
    read, built = stored_data.read(policy), stored_data.purposes(policy)
    for section, name in named:
        if section == "sources" and name in read:
            keys += [f"raw/{name}", f"staged/{name}"]
        if section == "purposes" and name in built:
            keys += [f"built/{name}", f"marts/{name}"]
        if section == "retention":
            keys.append("retention/sweep")
        if (section, name) == ("rights", "erasure"):
            keys += _ERASURE
    keys += [
        f"register/{place.table}"
        for place in places
        if place.layer == "register" and place.table in TABLES
    ]
    keys += [
        f"marts/{place.layer.removeprefix('marts.')}"
        for place in places
        if place.layer.startswith("marts.")
    ]
    return list(dict.fromkeys(keys))


def markdown(policy: Policy, tests: Mapping[str, list[str]]) -> str:
    """Return the page: an overview, then a part per clause."""
    clauses = rows(policy, tests)
    overview = [
        [
            f"[{row['clause']}](#{row['clause'].lower().replace('.', '')})",
            text(row["says"]),
            str(sum(map(len, row["columns"].values())) or "-"),
            str(len(row["rules"]) or "-"),
            str(len(row["assets"]) or "-"),
            str(len(row["tests"])),
        ]
        for row in clauses
    ]
    lines = [
        "# From the policy's clauses to columns, rules, assets and tests",
        "",
        f"Policy {text(policy.version)}. Generated by `make documents`; tests name clauses with "
        f"`@pytest.mark.clause`.",
        "",
        table(["clause", "says", "columns", "rules", "assets", "tests"], overview),
    ]
    for row in clauses:
        lines += ["", f"## {row['clause']}", "", f"{text(row['says']).capitalize()}.", ""]
        lines += [f"- policy.yaml: {codes(row['file'])}"] if row["file"] else []
        lines += [
            f"- columns of {code(where)}: {codes(names)}" for where, names in row["columns"].items()
        ]
        lines += [f"- rules: {codes(row['rules'])}"] if row["rules"] else []
        lines += [f"- assets: {codes(row['assets'])}"] if row["assets"] else []
        lines += [f"- {code(test)}" for test in row["tests"]] or ["- no test"]
    return "\n".join([*lines, ""])
