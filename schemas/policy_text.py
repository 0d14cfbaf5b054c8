"""The policy file as text: which line says what, and how a fault in it is told so that it leads to the mending."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel

CLAUSE = re.compile(r"P([1-9]|10)(\.[1-9])?")
RULE_CODE = re.compile(r"RET-[A-Z0-9]+(-[A-Z0-9]+)*")
# Which section of the policy a part of the file expresses, where it does not name a clause itself.
SECTIONS = {
    "controller": "P1",
    "contact": "P2",
    "register": "P3",
    "purposes": "P4",
    "profiles": "P4",
    "categories": "P5",
    "sources": "P6",
    "article_14": "P6",
    "recipients": "P7",
    "retention": "P8",
    "protection": "P8",
    "rights": "P9",
    "requests": "P10",
}

# How the fields are written that have a form of their own.
FORMS = {
    "clause": "write a section and item of the policy, P1 to P10, such as P5.4",
    "country": "write two capital letters (ISO 3166), such as FI",
    "owner": "write `team:` and a name, such as team:data",
    "financial_year_ends": "write MM-DD, such as 12-31",
    "version": "write a text in quotes, such as '2019-06-27'",
}

Where = tuple[str | int, ...]


class Fault(NamedTuple):
    """One thing that is wrong: where in the file, what, and what to do about it."""

    where: Where
    problem: str
    fix: str


@dataclass(frozen=True)
class Written:
    """A YAML file's content, and the line on which each part of it begins."""

    data: Any
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """The line of the part, or of what it would be in."""
        return next(
            (
                self.lines[where[:end]]
                for end in range(len(where), -1, -1)
                if where[:end] in self.lines
            ),
            1,
        )

    def clause(self, where: Where) -> str:
        """The clause that the part expresses."""
        inner, told = self.data, SECTIONS.get(str(where[0]), "") if where else ""
        for key in where:
            inner = inner.get(key) if isinstance(inner, dict) else None
            if isinstance(inner, dict) and CLAUSE.fullmatch(str(inner.get("clause"))):
                told = inner["clause"]
        return told


class PolicyError(Exception):
    """The policy does not hold. `faults` are all that was found; the message has a line for each."""

    def __init__(self, path: Path, written: Written, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults, key=lambda one: written.line(one.where))
        super().__init__("\n".join(_told(path, written, fault) for fault in self.faults))


def _told(path: Path, written: Written, fault: Fault) -> str:
    clause = written.clause(fault.where)
    place = ".".join(str(part) for part in fault.where) or "the file"
    return f"{path.name} line {written.line(fault.where)}{f' ({clause})' if clause else ''}: {place}: {fault.problem}; {fault.fix}"


def parse(path: Path) -> Written:
    """Read a YAML file; raises PolicyError when it is not YAML, not a mapping, or says a key twice."""
    nothing = Written({}, {})
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        problem = f"the file is not YAML: {getattr(error, 'problem', None) or type(error).__name__}"
        raise PolicyError(
            path,
            Written({}, {(): line}),
            [Fault((), problem, "mend the line, or the one before it")],
        ) from None
    except OSError as error:
        raise PolicyError(
            path,
            nothing,
            [
                Fault(
                    (),
                    f"the file cannot be read ({type(error).__name__})",
                    "put a policy file there",
                )
            ],
        ) from None
    if not isinstance(root, yaml.MappingNode) or not isinstance(data, dict):
        raise PolicyError(
            path,
            nothing,
            [
                Fault(
                    (),
                    "the file is not a mapping",
                    "begin with `version:`, as the shipped policy.yaml does",
                )
            ],
        )
    lines: dict[Where, int] = {}
    twice = list(_walk(root, (), lines))
    written = Written(data, lines)
    if twice:
        raise PolicyError(path, written, twice)
    return written


def _walk(node: yaml.Node, where: Where, lines: dict[Where, int]) -> Iterable[Fault]:
    """Note where each part begins; yields the keys that stand twice, of which YAML would silently take the last."""
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            inner = (*where, str(key.value))
            if key.value in seen:
                yield Fault(
                    inner,
                    f"the key stands twice, again on line {key.start_mark.line + 1}",
                    "keep one of them",
                )
            seen.add(key.value)
            lines[inner] = key.start_mark.line + 1
            yield from _walk(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _walk(value, (*where, number), lines)


def unknown(where: Where, name: object, known: Iterable[str], field: str) -> Fault:
    """A name that leads nowhere, with the nearest one that would."""
    names = sorted(known)
    return Fault(
        where, f"{name!r} is none of the {field} that there are", _nearest(str(name), names)
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"write {near[0]!r}" if near else f"write one of {', '.join(names)}"


def explained(error: Any, written: Written, model: type[BaseModel]) -> Fault:
    """What pydantic found, in the words of the file."""
    where: Where = tuple(one for one in error["loc"] if one != "[key]")
    said = where[-1] if "[key]" in error["loc"] else error.get("input")
    name = str(where[-1])
    mended = {
        "missing": ("it is missing", f"add `{name}:`"),
        "extra_forbidden": (
            "no such field is known here",
            _nearest(name, _fields(model, where[:-1])) + ", or take it out",
        ),
        "literal_error": (
            f"{str(said)!r} is none of what it may be",
            _nearest(str(said), re.findall(r"'([^']+)'", error.get("ctx", {}).get("expected", ""))),
        ),
        "string_pattern_mismatch": (
            f"{said!r} does not look right",
            FORMS.get(name, "write it as the shipped policy.yaml does"),
        ),
        "string_type": (
            f"{said!r} does not look right",
            FORMS.get(name, "write a text, in quotes if it looks like a number or a date"),
        ),
        "greater_than_equal": (
            f"{said!r} is too small",
            f"write {error.get('ctx', {}).get('ge')} or more",
        ),
        "value_error": (
            error["msg"].removeprefix("Value error, "),
            "write a period such as '13 months'",
        ),
        "too_short": ("it is empty", f"name at least one of {name}, or take out what needs it"),
    }
    problem, fix = mended.get(
        error["type"],
        (error["msg"][0].lower() + error["msg"][1:], "write it as the shipped policy.yaml does"),
    )
    return Fault(where, problem, fix)


def _fields(model: type[BaseModel], where: Where) -> list[str]:
    """The fields that the part of the file may have, by their names in the file."""
    inner: Any = model
    for key in where:
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            inner = next(
                (
                    one.annotation
                    for name, one in inner.model_fields.items()
                    if (one.alias or name) == key
                ),
                None,
            )
        else:
            inner = get_args(inner)[-1] if get_args(inner) else None
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return [one.alias or name for name, one in inner.model_fields.items()]
    return []
