"""Characters that look like others: what must not be taken for an identifier.

A customer number with a Cyrillic letter matches no customer, and its reader cannot see why.
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
        return any(map(_resembles_ascii, text))
    return any(_misleading_part(part) for part in parts)


def _misleading_part(part: str) -> bool:
    letters = [character for character in part if character.isalnum() and character not in _DIGITS]
    alike = [character for character in letters if _resembles_ascii(character)]
    if not alike:
        return False
    return len(alike) == len(letters) or bool(confusables.is_dangerous(part))


@lru_cache(maxsize=4096)
def _resembles_ascii(character: str) -> bool:
    if not character.isalnum() or unicodedata.normalize("NFKC", character).isascii():
        return False
    if character.isdecimal():
        return True
    matches = confusables.is_confusable(character) or []
    return any(glyph["c"].isascii() for match in matches for glyph in match["homoglyphs"])
