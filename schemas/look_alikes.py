"""Characters that look like others: what must not pass for an identifier that it is not.

A Cyrillic letter in a customer number names nobody, and a person who reads it cannot see why.
Source: Unicode UTS 39 (confusables), through `confusable_homoglyphs`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from confusable_homoglyphs import confusables

# Read as one another by people and by scanners, all of them ASCII: each is compared as the second.
ASCII_ALIKE = ("oilsbz|", "0115821")
_PARTS = re.compile("[@.]")
_DIGITS = frozenset("0123456789")


def misleading(kind: str, text: str) -> bool:
    """Whether a text, given as an identifier of the kind, has a letter or digit that looks like one
    of ASCII and is not.

    An e-mail address may be in another script: there a part between `@` and dots misleads when it
    mixes scripts, or when all of its letters look like ASCII.
    """
    parts = _PARTS.split(unicodedata.normalize("NFKC", text))
    if kind != "email" and "@" not in text:
        return any(map(_passes_for_ascii, text))
    return any(_misleading_part(part) for part in parts)


def _misleading_part(part: str) -> bool:
    letters = [character for character in part if character.isalnum() and character not in _DIGITS]
    alike = [character for character in letters if _passes_for_ascii(character)]
    if not alike:
        return False
    return len(alike) == len(letters) or bool(confusables.is_dangerous(part))


@lru_cache(maxsize=4096)
def _passes_for_ascii(character: str) -> bool:
    if not character.isalnum() or unicodedata.normalize("NFKC", character).isascii():
        return False
    if character.isdecimal():
        return True
    found = confusables.is_confusable(character) or []
    return any(glyph["c"].isascii() for one in found for glyph in one["homoglyphs"])
