"""Which tables the functions of a module make and read, by the text of their SQL."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_MADE = re.compile(
    r"\bCREATE (?:OR REPLACE )?(?:TEMP )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(?!IF\b)(\w+)\b(?![.?])"
)
_READ = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|DESCRIBE)\s+(?:temp\.)?(\w+)\b(?![.(?])")
_CTE = re.compile(r"\b(\w+)(?:\s*\([\w, ]*\))?\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(")


@dataclass(frozen=True)
class Unit:
    """A function, method or, of a source, a module, and the tables that its texts name."""

    name: str
    made: frozenset[str]
    read: frozenset[str]


def constants_of(code: str) -> dict[str, ast.AST]:
    """Return the constants of a module."""
    return {
        target.id: node
        for node in ast.parse(code).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


def units(
    module: str, code: str, public: Mapping[str, ast.AST] | None = None, *, whole: bool = False
) -> Iterator[Unit]:
    """Yield what each function of a module makes and reads, constants that it uses included.

    Args:
        module: The name that the units' names begin with.
        code: The module's text.
        public: Constants of other modules, that this one may import.
        whole: Whether all of the module is one unit: a source's statements run in one function.
    """
    tree = ast.parse(code)
    constants = {**(public or {}), **constants_of(code)}
    if whole:
        yield _unit(module, [tree], {})
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield _unit(f"{module}.{node.name}", [node], constants)
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                if isinstance(member, ast.FunctionDef):
                    yield _unit(f"{module}.{node.name}.{member.name}", [member], constants)


def _unit(name: str, nodes: list[ast.AST], constants: dict[str, ast.AST]) -> Unit:
    nodes, unused = list(nodes), dict(constants)
    texts: list[str] = []
    made: set[str] = set()
    for node in nodes:
        docstring = ast.get_docstring(node, clean=False) if isinstance(node, _DOCUMENTED) else None
        for part in ast.walk(node):
            name_of_part = part.id if isinstance(part, ast.Name) else getattr(part, "attr", "")
            if name_of_part in unused:
                nodes.append(unused.pop(name_of_part))
            elif isinstance(part, ast.Call):
                made |= set(_views(part))
        texts += [text for text in _strings(node) if text != docstring]
    made |= {name for text in texts for name in _MADE.findall(text)}
    ctes = {name for text in texts for name in _CTE.findall(text)}
    read = {name for text in texts for name in _READ.findall(text)}
    return Unit(name, frozenset(made), frozenset(read - ctes))


_DOCUMENTED = (ast.FunctionDef, ast.Module)


def _views(call: ast.Call) -> Iterator[str]:
    """Yield the view that a call makes of an array (`connection.register`) or files."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    function = call.func.id if isinstance(call.func, ast.Name) else function
    place = {"register": 0, "create_view": 2}.get(function)
    if place is not None and len(call.args) > max(place, 1):
        argument = call.args[place]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value


def _strings(node: ast.AST) -> Iterator[str]:
    """Yield every text below a node, an f-string as one, with `?` for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
        return
    if isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values
        )
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    else:
        parts = list(ast.iter_child_nodes(node))
    for part in parts:
        yield from _strings(part)
