"""The policy file as text: the line of each part, and messages that lead to the remedy."""

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
# The section of the policy that a part of the file expresses, if it names no clause itself.
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

# The notation of fields that have one of their own.
FORMS = {
    "clause": "write a section and item of the policy, P1 to P10, such as P5.4",
    "country": "write two capital letters (ISO 3166), such as FI",
    "owner": "write `team:` and a name, such as team:data",
    "financial_year_ends": "write MM-DD, such as 12-31",
    "version": "write a text in quotes, such as '2019-06-27'",
}

Where = tuple[str | int, ...]


class Fault(NamedTuple):
    """A fault: where in the file, what, and what to do about it."""

    where: Where
    problem: str
    fix: str


@dataclass(frozen=True)
class Written:
    """A YAML file's content, and the line on which each part of it begins."""

    data: Any
    lines: Mapping[Where, int]

    def line(self, where: Where) -> int:
        """The line of the part, or of the part that it would be in."""
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
        inner, clause = self.data, SECTIONS.get(str(where[0]), "") if where else ""
        for key in where:
            inner = inner.get(key) if isinstance(inner, dict) else None
            if isinstance(inner, dict) and CLAUSE.fullmatch(str(inner.get("clause"))):
                clause = inner["clause"]
        return clause


class PolicyError(Exception):
    """The policy is invalid. `faults` are all of them; the message has a line for each."""

    def __init__(self, path: Path, written: Written, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: written.line(fault.where))
        super().__init__("\n".join(_message(path, written, fault) for fault in self.faults))


def _message(path: Path, written: Written, fault: Fault) -> str:
    clause = written.clause(fault.where)
    place = ".".join(str(part) for part in fault.where) or "the file"
    return (
        f"{path.name} line {written.line(fault.where)}{f' ({clause})' if clause else ''}: "
        f"{place}: {fault.problem}; {fault.fix}"
    )


def parse(path: Path) -> Written:
    """Read a YAML file; raises PolicyError if it is no YAML mapping, or repeats a key."""
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
    repeated = list(_walk(root, (), lines))
    written = Written(data, lines)
    if repeated:
        raise PolicyError(path, written, repeated)
    return written


def _walk(node: yaml.Node, where: Where, lines: dict[Where, int]) -> Iterable[Fault]:
    """Record where each part begins; yields repeated keys, of which YAML would take the last."""
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
    """An unknown name, with the nearest known one."""
    names = sorted(known)
    return Fault(
        where, f"{name!r} is none of the {field} that there are", _nearest(str(name), names)
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"write {near[0]!r}" if near else f"write one of {', '.join(names)}"


def explained(error: Any, written: Written, model: type[BaseModel]) -> Fault:
    """A validation error of pydantic in the terms of the file."""
    where: Where = tuple(part for part in error["loc"] if part != "[key]")
    value = where[-1] if "[key]" in error["loc"] else error.get("input")
    name = str(where[-1])
    explanations = {
        "missing": ("it is missing", f"add `{name}:`"),
        "extra_forbidden": (
            "no such field is known here",
            _nearest(name, _fields(model, where[:-1])) + ", or take it out",
        ),
        "literal_error": (
            f"{str(value)!r} is none of what it may be",
            _nearest(
                str(value), re.findall(r"'([^']+)'", error.get("ctx", {}).get("expected", ""))
            ),
        ),
        "string_pattern_mismatch": (
            f"{value!r} does not look right",
            FORMS.get(name, "write it as the shipped policy.yaml does"),
        ),
        "string_type": (
            f"{value!r} does not look right",
            FORMS.get(name, "write a text, in quotes if it looks like a number or a date"),
        ),
        "greater_than_equal": (
            f"{value!r} is too small",
            f"write {error.get('ctx', {}).get('ge')} or more",
        ),
        "value_error": (
            error["msg"].removeprefix("Value error, "),
            "write a period such as '13 months'",
        ),
        "too_short": ("it is empty", f"name at least one of {name}, or take out what needs it"),
    }
    problem, fix = explanations.get(
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
                    field.annotation
                    for name, field in inner.model_fields.items()
                    if (field.alias or name) == key
                ),
                None,
            )
        else:
            inner = get_args(inner)[-1] if get_args(inner) else None
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return [field.alias or name for name, field in inner.model_fields.items()]
    return []
