"""What begins, separates and ends an identifier in running text.

Shared by everything that looks for identifiers in texts: removal, intake, and the proof. These are
rules of tokens only; canonical forms, tables and searching are each search's own, so that the proof
does not share a fault with the removal. Expressions are in the syntax that Python and RE2 (DuckDB,
Arrow) have in common, unless their name says otherwise.
"""

from __future__ import annotations

import re
from functools import lru_cache

from confusable_homoglyphs import confusables

LONG = 8
"""From so many letters and digits on a token is hardly equal to another one by chance."""

SEPARATORS = r"-\s()./\\_~*|'’+·•"
"""What people write between the digits of one number, within a class. Commas and colons separate
numbers."""
GAP = f"[{SEPARATORS}]{{0,4}}"
WIDE_GAP = r"(?:[^\w\x00]|_){0,4}"
"""Anything but letters and digits (Python): what may be one number, for a person to decide."""
JOINTS = ".,-~'’"
"""Between digits these make one number of two, unless there is a blank as well."""
DECIMALS = r"[.,][0-9]{1,2}(?![0-9.,])"
"""Behind a number (Python): it is an amount."""
CALLING_CODE = r"(?:\+|00) ?[0-9]{1,3}[ ()./0-]*$"
"""Before a national number (Python): it is another country's."""

AT_WORDS = ("at", "ät", "a", "miuku", "miukumauku", "ät-merkki", "at-merkki", "snabel-a", "snabela")
DOT_WORDS = ("dot", "piste", "punkt", "pkt")


def _in_words(sign: str, words: tuple[str, ...]) -> str:
    """The sign or one of its words in brackets, or a word of two letters or more between blanks."""
    bracketed = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
    bare = "|".join(
        sorted((re.escape(word) for word in words if len(word) > 1), key=len, reverse=True)
    )
    return (
        rf"\s*[(\[{{<*]\s*(?i:{sign}|{bracketed})\s*[)\]}}>*]\s*"
        rf"|(?:\s+|[_-])(?i:{bare})(?:\s+|[_-])"
    )


AT_IN_WORDS = _in_words("@", AT_WORDS)
DOT_IN_WORDS = _in_words(r"\.", DOT_WORDS)
AT = rf"(?:\s*@\s*|{AT_IN_WORDS})"
"""The sign of an address however people avoid it."""
DOT = rf"(?: ?[.,。] ?|{DOT_IN_WORDS})"

QUOTED_SIGN = r"=(?:40|2[DdEe]|5[Ff]|\r?\n|\\r|\\n)"
"""Quoted-printable (RFC 2045) signs of an address, and a line that it breaks."""
QUOTED = rf"{QUOTED_SIGN}|(?:=[2-7][0-9A-Fa-f]){{2}}|=[C-Fc-f][0-9A-Fa-f]=[89ABab][0-9A-Fa-f]"
"""What shows that a text is in quoted-printable."""
TAG = r"</?[A-Za-z][^<>]{0,200}>|<!--[^<>]{0,200}-->"
"""A tag or comment of HTML."""
ALIKE_BLOCKS = r"\x{250}-\x{2af}\x{370}-\x{58f}\x{13a0}-\x{13ff}"
"""Letters of other scripts that look like ASCII (RE2): IPA, Greek, Cyrillic, Armenian, Cherokee."""

ADDRESS_SIGNS = "-._'’!#$*^~{}|"
"""Behind a letter or digit these continue an address; without one they are a list's or a quote's.
So does a plus sign, but in a query, where it is a blank."""
DOMAIN_ENDS = r"(?![^\W_]|-+[^\W_][\w-]*\.[^\W_]|\.[^\W_])"
"""Behind a domain (Python): nothing that makes it a longer one."""
WORD = "[0-9A-Za-z]+(?:[_:-][0-9A-Za-z]+)*"

# How a type is cut out of plain text (RE2); whatever is cut is made canonical and compared.
_LOCAL = r"[\pL\pN.!#$%&'*+/=?^_`{|}~-]+"
EMAIL_TOKEN = (
    rf"{_LOCAL}(?:(?:{DOT_IN_WORDS}){_LOCAL}){{0,4}}{AT}[\pL\pN-]+(?:{DOT}[\pL\pN-]+){{1,6}}"
)
PHONE_TOKEN = rf"(?:\+|0|358|46){GAP}[0-9](?:{GAP}[0-9]){{5,14}}"
CODE_TOKEN = (
    rf"[0-3]{GAP}[0-9]{GAP}[01]{GAP}[0-9]{GAP}(?:19|20)?[0-9]{GAP}[0-9]"
    rf"{GAP}(?i:[A-FU-Y]?){GAP}[0-9]{GAP}[0-9]{GAP}[0-9](?:{GAP}[0-9A-Za-z])?"
)
PARTED_ID = r"[A-Za-z]{1,3}[ ._/-][0-9]{5,}|[0-9]{2,4}(?:[ .-][0-9]{2,4}){2,5}"
"""An id whose parts stand apart: letters and a number, or a number in groups."""


def is_whole_field(before: str, after: str) -> bool:
    """Whether a token between these texts is all that its field, in JSON or alone, has.

    A bare number there is a number of that field's kind.
    """
    before, after = before.rstrip(" "), after.lstrip(" ")
    return (before[-1:], after[:1]) in {("", ""), ('"', '"')} or (
        before[-1:] in {":", ",", "["} and after[:1] in {",", "}", "]"}
    )


@lru_cache(4096)
def ascii_alike(character: str) -> str:
    """Return the ASCII letter that a character looks like (UTS 39), or the character itself."""
    if character.isascii() or not character.isalpha():
        return character
    alike = {
        glyph["c"]
        for entry in confusables.is_confusable(character) or []
        for glyph in entry["homoglyphs"]
        if len(glyph["c"]) == 1 and glyph["c"].isascii() and glyph["c"].isalpha()
    }
    # A capital that looks like a small letter of another kind is rather its own small letter.
    return min(
        alike,
        key=lambda letter: (letter.isupper() != character.isupper(), letter),
        default=character,
    )
