"""What is wrong with a policy file: the place, the problem and the remedy, in the file's terms."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from schemas.policy.refused import PolicyRefusedError

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
    "transfers": "P7",
    "retention": "P8",
    "protection": "P8",
    "rights": "P9",
    "requests": "P10",
}

# The notation of fields that have one of their own.
FORMS = {
    "clause": "write a section and item of the policy, P1 to P10, such as P5.4",
    "country": "write two capital letters (ISO 3166), such as FI, and 'NO' in quotes",
    "owner": "write `team:` and a name, such as team:data",
    "email": "write an e-mail address, such as privacy@example.fi",
    "phone": "write a telephone number in quotes, such as '+358 20 123 4567'",
    "financial_year_ends": "write MM-DD, such as 12-31",
    "version": "write a text in quotes, such as '2019-06-27'",
}
AS_SHIPPED = "write it as the shipped policy.yaml does"
MAX_FAULTS = 50
_MAX_SHOWN = 60
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _MAX_SHOWN
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 3
_SHORT.maxlevel = 2
_MAX_NAMES = 40

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


class PolicyError(PolicyRefusedError):
    """The policy is invalid. `faults` are all of them; the message has a line for each of the
    first MAX_FAULTS."""

    def __init__(self, path: Path, written: Written, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults, key=lambda fault: written.line(fault.where))
        lines = [_message(path, written, fault) for fault in self.faults[:MAX_FAULTS]]
        if rest := len(self.faults) - len(lines):
            lines.append(f"{path.name}: and {rest} more; correct these first")
        super().__init__("\n".join(lines))


def _message(path: Path, written: Written, fault: Fault) -> str:
    clause = written.clause(fault.where)
    place = ".".join(_printed(str(part)) for part in fault.where) or "the file"
    return (
        f"{path.name} line {written.line(fault.where)}{f' ({clause})' if clause else ''}: "
        f"{place}: {fault.problem}; {fault.fix}"
    )


def _printed(part: str) -> str:
    return part if part.isprintable() and len(part) <= _MAX_SHOWN else shown(part)


def shown(value: object) -> str:
    """The value as it is written in a message: quoted, on one line, and shortened."""
    return _SHORT.repr(value)


def invalid(problem: str, fix: str) -> PydanticCustomError:
    """The error that a validator raises, with its remedy."""
    return PydanticCustomError("policy", "{problem}", {"problem": problem, "fix": fix})


def unknown(where: Where, name: object, known: Iterable[str], field: str) -> Fault:
    """An unknown name, with the nearest known one."""
    names = sorted(known)
    problem = f"{shown(name)} is none of the {field} that there are"
    return Fault(where, problem, _nearest(str(name), names))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that the name is probably a misspelling of."""
    if len(name) > _MAX_SHOWN:
        return None
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.65)), None)


def _nearest(name: str, known: Sequence[str]) -> str:
    if near := nearest(name, known):
        return f"write {near!r}"
    more = ", ..." if len(known) > _MAX_NAMES else ""
    return f"write one of {', '.join(known[:_MAX_NAMES])}{more}"


def explained(errors: Sequence[Any], written: Written, model: type[BaseModel]) -> list[Fault]:
    """Pydantic's validation errors in the terms of the file, without those that follow from others.

    A list of which every item is wrong also counts as empty, and a misspelt field as missing.
    """
    places = [_where(error) for error in errors]
    misspelt = {
        (*place[:-1], near)
        for place, error in zip(places, errors, strict=True)
        if error["type"] == "extra_forbidden"
        and (near := nearest(str(place[-1]), _fields(model, place[:-1])))
    }
    faults = []
    for place, error in zip(places, errors, strict=True):
        inner = error["type"] == "too_short" and any(
            len(other) > len(place) and other[: len(place)] == place for other in places
        )
        if not inner and not (error["type"] == "missing" and place in misspelt):
            faults.append(_explained(error, place, written, model))
    return faults


def _where(error: Any) -> Where:
    return tuple(part for part in error["loc"] if part != "[key]")


def _explained(error: Any, where: Where, written: Written, model: type[BaseModel]) -> Fault:
    is_key = "[key]" in error["loc"]
    value = where[-1] if is_key else error.get("input")
    name, context, message = str(where[-1]) if where else "", error.get("ctx", {}), error["msg"]
    explanations = {
        "policy": (context.get("problem", ""), context.get("fix", "")),
        "missing": ("it is missing", f"add `{name}:`"),
        "extra_forbidden": (
            "no such field is known here",
            _nearest(name, _fields(model, where[:-1])) + ", or take it out",
        ),
        "literal_error": (
            f"{shown(value)} is none of what it may be",
            _nearest(str(value), re.findall(r"'([^']+)'", context.get("expected", ""))),
        ),
        "string_pattern_mismatch": (
            f"{shown(value)} does not look right",
            FORMS.get(name, AS_SHIPPED)
            if not is_key
            else "write small letters, digits and underscores, beginning with a letter",
        ),
        "string_type": (
            f"{shown(value)} is no text",
            FORMS.get(name, "write a text, in quotes if it looks like a number, a date or a yes"),
        ),
        "string_too_short": ("it is blank", "write what it is"),
        "string_too_long": (
            f"it is longer than {context.get('max_length')} characters",
            "write it shorter",
        ),
        "int_type": (f"{shown(value)} is no whole number", "write digits without quotes"),
        "bool_type": (f"{shown(value)} is neither", "write true or false"),
        "tuple_type": (f"{shown(value)} is no list", "write it in brackets, such as [a, b]"),
        "greater_than_equal": (
            f"{shown(value)} is too small",
            f"write {context.get('ge')} or more",
        ),
        "less_than_equal": (f"{shown(value)} is too large", f"write {context.get('le')} or less"),
        "value_error": (
            message.removeprefix("Value error, "),
            "write a period such as '13 months'",
        ),
        "too_short": ("it is empty", f"name at least one of {name}, or take out what needs it"),
        "too_long": (f"it has more than {context.get('max_length')} entries", "shorten it"),
    }
    if error["type"] in ("model_type", "dict_type", "mapping_type", "model_attributes_type"):
        fields = ", ".join(f"{field}:" for field in _fields(model, where))
        fix = f"write fields under it: {fields}" if fields else AS_SHIPPED
        return Fault(where, f"{shown(value)} stands where fields belong", fix)
    if error.get("input") is None and error["type"].endswith("_type"):
        return Fault(where, "it has no value", FORMS.get(name, "write a text"))
    problem, fix = explanations.get(error["type"], (message[0].lower() + message[1:], AS_SHIPPED))
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
