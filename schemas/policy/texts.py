"""Texts and flags of the policy file: what a reader can read."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

from schemas.policy.diagnostics import invalid

MAX_TEXT = 500


def _readable(text: str) -> str:
    """A text that tells a reader something: a letter or digit, and nothing that does not print."""
    if not any(character.isalnum() for character in text):
        raise invalid("it is blank", "write what it is")
    if any(unicodedata.category(character) in _UNPRINTED for character in text):
        raise invalid("it has a character that does not print", "write the text again, on one line")
    return text


# Control characters, invisible formatting, surrogates, private use, line and paragraph separators.
_UNPRINTED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


Text = Annotated[
    str, Field(strict=True, min_length=1, max_length=MAX_TEXT), AfterValidator(_readable)
]
Flag = Annotated[bool, Field(strict=True)]
