"""What each clause of the policy comes to: columns, rules, assets, and the tests that hold the product to it.

Tests say which clauses they are about with `@pytest.mark.clause("P5.4")` on a function or class; the marks are read off the
source, so nothing of the tests is run or imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assets.documents import stored_data
from assets.documents.pages import code, codes, table, text
from assets.register.building import TABLES
from schemas.clauses import CLAUSES
from schemas.policy import Policy

TESTS = Path(__file__).parents[2] / "tests"
# The rights that have assets of their own.
_ERASURE = ("erasure/found", "erasure/suppressed", "erasure/removed", "erasure/closed")


def marked(tests: Path = TESTS) -> dict[str, list[str]]:
    """Clause -> the tests marked with it, as `path::Class::name`, sorted. A mark on a class is one on each of its tests."""
    found: dict[str, set[str]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        _collect(
            ast.parse(path.read_text(encoding="utf-8")).body,
            f"{path.relative_to(tests.parent)}",
            (),
            found,
        )
    return {clause: sorted(names) for clause, names in sorted(found.items())}


def _collect(
    body: Iterable[ast.stmt], where: str, outer: tuple[str, ...], found: dict[str, set[str]]
) -> None:
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        clauses = (*outer, *(clause for one in node.decorator_list for clause in _clauses(one)))
        if isinstance(node, ast.ClassDef):
            _collect(node.body, f"{where}::{node.name}", clauses, found)
        elif node.name.startswith("test_"):
            for clause in clauses:
                found.setdefault(clause, set()).add(f"{where}::{node.name}")


def _clauses(decorator: ast.expr) -> Iterable[str]:
    """The clauses that a decorator `pytest.mark.clause(...)` names."""
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.clause":
        yield from (
            one.value
            for one in decorator.args
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        )


def used(policy: Policy) -> dict[str, list[str]]:
    """Clause -> the parts of the policy file that name it, as `section.key`."""
    found: dict[str, list[str]] = {}
    for section in ("purposes", "categories", "sources", "recipients", "retention", "rights"):
        for name, one in getattr(policy, section).items():
            found.setdefault(one.clause, []).append(f"{section}.{name}")
    for section in ("profiles", "protection", "requests", "article_14"):
        found.setdefault(getattr(policy, section).clause, []).append(section)
    for clause, section in (("P1", "controller"), ("P2", "contact"), ("P3", "register")):
        found.setdefault(clause, []).append(section)
    return found


def untested(policy: Policy, tests: Mapping[str, Iterable[str]]) -> list[str]:
    """Clauses of the policy, or of its file, that no test is about."""
    return [
        clause
        for clause in dict.fromkeys((*CLAUSES, *used(policy)))
        if not list(tests.get(clause, ()))
    ]


def rows(policy: Policy, tests: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """A row per clause: what it says, the parts of the file, columns per table, rules, assets and tests."""
    parts, columns = used(policy), stored_data.columns()
    found = []
    for clause, says in CLAUSES.items():
        named = [one.split(".", 1) for one in parts.get(clause, []) if "." in one]
        categories = [name for section, name in named if section == "categories"]
        places = [place for category in categories for place in columns.get(category, [])]
        found.append(
            {
                "clause": clause,
                "says": says,
                "file": parts.get(clause, []),
                "columns": _per_table(places),
                "rules": _rules(policy, named, categories),
                "assets": _assets(policy, named, places),
                "tests": tests.get(clause, []),
            }
        )
    return found


def _per_table(places: list[stored_data.Place]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for place in places:
        found.setdefault(f"{place.layer}.{place.table}", []).append(place.column)
    return found


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
    found = []
    read, built = stored_data.read(policy), stored_data.purposes(policy)
    for section, name in named:
        if section == "sources" and name in read:
            found += [f"raw/{name}", f"staged/{name}"]
        if section == "purposes" and name in built:
            found += [f"built/{name}", f"marts/{name}"]
        if section == "retention":
            found.append("retention/sweep")
        if (section, name) == ("rights", "erasure"):
            found += _ERASURE
    found += [
        f"register/{place.table}"
        for place in places
        if place.layer == "register" and place.table in TABLES
    ]
    found += [
        f"marts/{place.layer.removeprefix('marts.')}"
        for place in places
        if place.layer.startswith("marts.")
    ]
    return list(dict.fromkeys(found))


def markdown(policy: Policy, tests: Mapping[str, list[str]]) -> str:
    """The page: an overview, then a part per clause."""
    told = rows(policy, tests)
    overview = [
        [
            f"[{one['clause']}](#{one['clause'].lower().replace('.', '')})",
            text(one["says"]),
            str(sum(map(len, one["columns"].values())) or "-"),
            str(len(one["rules"]) or "-"),
            str(len(one["assets"]) or "-"),
            str(len(one["tests"])),
        ]
        for one in told
    ]
    lines = [
        "# From the policy's clauses to columns, rules, assets and tests",
        "",
        f"Policy {text(policy.version)}. Generated by `make documents`; tests name clauses with `@pytest.mark.clause`.",
        "",
        table(["clause", "says", "columns", "rules", "assets", "tests"], overview),
    ]
    for one in told:
        lines += ["", f"## {one['clause']}", "", f"{text(one['says']).capitalize()}.", ""]
        lines += [f"- policy.yaml: {codes(one['file'])}"] if one["file"] else []
        lines += [
            f"- columns of {code(where)}: {codes(names)}" for where, names in one["columns"].items()
        ]
        lines += [f"- rules: {codes(one['rules'])}"] if one["rules"] else []
        lines += [f"- assets: {codes(one['assets'])}"] if one["assets"] else []
        lines += [f"- {code(test)}" for test in one["tests"]] or ["- no test"]
    return "\n".join([*lines, ""])
