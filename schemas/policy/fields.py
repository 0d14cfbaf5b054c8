"""The kinds of values that a policy file has: readable texts, calendar days, keys, short lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from schemas.policy.diagnostics import CLAUSE, invalid, shown
from schemas.vocabulary import Language

MAX_TEXT, MAX_LIST, MAX_PARTS = 500, 100, 200


def _readable(text: str) -> str:
    """A text that tells a reader something: a letter or digit, and nothing that does not print."""
    if not any(character.isalnum() for character in text) or _PLACEHOLDER.fullmatch(text.strip()):
        raise invalid("it is blank", "write what it is")
    if any(unicodedata.category(character) in _UNPRINTED for character in text):
        raise invalid("it has a character that does not print", "write the text again, on one line")
    return text


# What stands for a text that somebody still has to write.
_PLACEHOLDER = re.compile(r"to-?do|tb[acd]|n/?a|x{3,}|fixme|lorem ipsum.*|\[.*\]", re.I)
# Control characters, invisible formatting, surrogates, private use, line and paragraph separators.
_UNPRINTED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def _day(value: object) -> date:
    try:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and len(value) == len("2019-06-27"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise invalid(
        f"{shown(value)} is no day of the calendar", "write YYYY-MM-DD, such as 2026-01-31"
    )


def _of_somebody(number: str) -> str:
    """A telephone number; 000 000 is nobody's."""
    if len({character for character in number if character.isdigit()}) < 2:
        raise invalid(f"{shown(number)} is nobody's number", "write the number by which you answer")
    return number


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values, if each stands once.

    Raises:
        PydanticCustomError: A value is repeated.
    """
    repeated = [value for number, value in enumerate(values) if value in values[:number]]
    if repeated:
        raise invalid(f"{shown(repeated[0])} stands twice", "name each once")
    return values


Text = Annotated[
    str, Field(strict=True, min_length=1, max_length=MAX_TEXT), AfterValidator(_readable)
]
Clause = Annotated[str, Field(pattern=f"^{CLAUSE.pattern}$", strict=True)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Pattern = Annotated[str, Field(strict=True, max_length=MAX_TEXT)]
EMail = Annotated[Text, Field(pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)*\.[^@\s.]{2,}$")]
Currency = Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")]
Phone = Annotated[
    Text,
    Field(pattern=r"^\+?[0-9][0-9 ()/-]{4,30}$"),
    AfterValidator(_of_somebody),
]
Named = Mapping[Language, Text]
Key = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Day = Annotated[date, BeforeValidator(_day)]
Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]
LISTED, PARTS = Field(max_length=MAX_LIST), Field(max_length=MAX_PARTS)
Keys = Annotated[tuple[Key, ...], LISTED, AfterValidator(distinct)]
