"""The words of the code are the field's, as docs/glossary.md lists them: names and docstrings have
none of the words to avoid.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
FILES = sorted(
    path
    for folder in ("schemas", "assets", "pipelines", "tests")
    for path in (HOUSE / folder).rglob("*.py")
    if path != Path(__file__)
)
AVOIDED = {
    "admission", "admitted", "anew", "arrivals", "book", "chance", "departed", "failing", "gone",
    "habits", "held", "likeness", "mixture", "outgoing", "outlook", "reaching", "remembered",
    "said", "sealed", "sealing", "sought", "spelt", "spoken", "standing", "succession", "told",
    "whoever", "whom", "whose", "withholding", "wording",
}  # fmt: skip
NOT_A_NAME = {"found", "one"}
"""Alone: a count is a `count`, and a variable is what it stands for."""
PUBLISHED = {"admission", "found", "departed", "held_under", "held_until", "said_at", "succession"}
"""Assets, tables, columns and metadata on which people and data depend."""
QUOTED = re.compile(r"`[^`]*`")
AVOIDED_PHRASE = re.compile(r"in its stead|golden(?!\s+record)", re.IGNORECASE)


def name_of(path: Path) -> str:
    return str(path.relative_to(HOUSE))


def words(name: str) -> set[str]:
    """The words of a name in snake_case, CamelCase or capitals."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def names(tree: ast.Module) -> Iterator[str]:
    """Every name that the module gives: functions, classes, parameters, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_and_docstrings_have_the_fields_words(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    odd_names = {name for name in names(tree) if name in NOT_A_NAME or words(name) & AVOIDED}
    odd_texts = {
        word
        for text in (QUOTED.sub("", docstring) for docstring in docstrings(tree))
        for word in (
            *(AVOIDED & set(re.findall(r"[a-z_]+", text.lower()))),
            *AVOIDED_PHRASE.findall(text),
        )
    }
    assert (odd_names - PUBLISHED, odd_texts) == (set(), set())


def test_a_file_is_named_by_the_fields_words() -> None:
    assert [name_of(path) for path in FILES if words(path.stem) & AVOIDED] == []
