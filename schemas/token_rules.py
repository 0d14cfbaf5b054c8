"""What begins, separates and ends an identifier in running text.

Shared by everything that looks for identifiers in texts: removal, intake, and the proof. These are
rules of tokens only; canonical forms, tables and searching are each search's own, so that the proof
does not share a fault with the removal. Expressions are in the syntax that Python and RE2 (DuckDB,
Arrow) have in common, unless their name states otherwise.
"""

from __future__ import annotations

import re
from functools import lru_cache

from confusable_homoglyphs import confusables

LONG = 8
"""From this many letters and digits on, a token is hardly equal to another one by coincidence."""

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
SPREADSHEET = r"[0-9][.,][0-9]{5,17}[eE]\+?[0-9]{1,2}"
"""A long number as spreadsheets write it. All its digits are there where the exponent is the number
of its decimals."""
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
_LOCAL_IN_WORDS = rf"{_LOCAL}(?:(?:{DOT_IN_WORDS}){_LOCAL}){{0,4}}"
_DOMAIN = rf"[\pL\pN-]+(?:{DOT}[\pL\pN-]+){{1,6}}"
EMAIL_TOKEN = rf"{_LOCAL_IN_WORDS} *@ *{_DOMAIN}"
EMAIL_IN_WORDS = rf"{_LOCAL_IN_WORDS}(?:{AT_IN_WORDS}){_DOMAIN}"
DOT_THAT_MAY_END = rf" [.,。] ?|[.,。] |[,。]|{DOT_IN_WORDS}"
"""In a domain: a dot as people write one, or the end of a sentence before the next."""
NUMBER_TOKEN = (
    rf"\+?[0-9](?:{GAP}[0-9]){{3,}}(?:{GAP}[A-FU-Ya-fu-y]{GAP}[0-9]{GAP}[0-9]{GAP}[0-9])?"
    rf"(?:{GAP}[0-9A-Za-z])?"
)
"""Digits that may be a telephone or an identity code, or several of them one after another."""
NUMBER_GROUPS = r"\+|[0-9]+|[A-Za-z]"
"""The parts of a number token: a number may begin and end with each."""
_DAY, _MONTH, _YEAR = "(0[1-9]|[12][0-9]|3[01])", "(0[1-9]|1[0-2])", "([0-9]{2})"
_REST = "([A-FU-Y]?)([0-9]{3})([0-9A-Z])"
CODES = tuple(
    (f"^{pattern}{_REST}.*", replacement)
    for pattern, replacement in (
        (f"{_DAY}{_MONTH}(?:19|20)?{_YEAR}", r"\1\2\3|\4|\5|\6"),
        (f"{_DAY}{_MONTH}{_YEAR}", r"\1\2\3|\4|\5|\6"),
        (f"(?:19|20){_YEAR}{_MONTH}{_DAY}", r"\3\2\1|\4|\5|\6"),
        (f"([1-9]){_MONTH}(?:19|20)?{_YEAR}", r"0\1\2\3|\4|\5|\6"),
        (f"{_DAY}([1-9])(?:19|20)?{_YEAR}", r"\10\2\3|\4|\5|\6"),
        (f"([1-9])([1-9])(?:19|20)?{_YEAR}", r"0\10\2\3|\4|\5|\6"),
    )
)
"""How the parts of an identity code that were joined begin, with all that follows, and what
they are: `ddmmyy|sign|nnn|check` (RE2)."""
PARTED_ID = r"\b(?:[A-Za-z]{1,3}[ ._/#-][0-9]{5,}|[0-9]{2,4}(?:[ .-][0-9]{2,4}){2,5})\b"
"""An id with parts that stand apart: letters and a number, or a number in groups."""
JOINED_ID = r"\b[A-Za-z][0-9A-Za-z]*[._/#-][A-Za-z]*[0-9][0-9A-Za-z]*\b"
"""An id of two parts, with whatever sign between them."""


_TYPES = frozenset(
    f"{kind}:" for kind in ("contact_id", "customer_number", "user_id", "visitor_id", "visit")
)
"""Before a number that a record declares as an identifier of its own."""


def is_whole_field(before: str, after: str) -> bool:
    """Whether a token between these texts is all that its field, in JSON or alone, has.

    A bare number there is a number of that field's kind.
    """
    before, after = before.rstrip(" "), after.lstrip(" ")
    if before in _TYPES and not after:
        return True
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
