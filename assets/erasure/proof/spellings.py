"""How an identifier may be written in a text: its letters and digits, and the pattern that confirms
it.

Written apart from the removal on purpose: the proof shares no search with what it proves, so that a
spelling which the removal does not know is detected here. Only the canonical forms are common to
both (`schemas.unusual_spellings`).

A text is compared in two steps. Reduced to its lower-case ASCII letters and digits, it is looked up
for one of `squeezed`; where one occurs, the text around it, in NFKC without invisible characters,
must match `pattern`. What the pattern allows per kind of identifier:

- identity code: lower case, anything but letters and digits between its digits, the date with its
  century, a word directly beside it, a missing or wrong check character, a missing sign; not the
  sign of another century, which makes it another person's.
- e-mail address: capitals, words for its signs, blanks around them, the domain in letters or as
  A-labels; not as the end or the beginning of a longer address.
- telephone: national, with 00, without plus, with any separators; not with another calling code.
  Without both zero and calling code only within a text: alone it may be any number.
- any other: capitals, in groups; not within a longer word or number, and not before or behind a
  number and a dash. A short one as it is, or with another sign between its parts.

Letters that look like ASCII are read as such in all of them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import phonenumbers

from schemas.token_rules import (
    ADDRESS_SIGNS,
    AT,
    AT_WORDS,
    CALLING_CODE,
    DECIMALS,
    DOMAIN_ENDS,
    DOT,
    DOT_WORDS,
    LONG,
    WIDE_GAP,
    ascii_alike,
    is_whole_field,
)
from schemas.unusual_spellings import email_in_letters, plain

SHORTEST = LONG
"""Values with fewer letters and digits coincide with other people's texts, except those of at least
`SHORTEST_WORD` characters with both letters and digits, which are compared as whole words."""
SHORTEST_WORD = 5

_BLANKS = r"[ +_]*"
_NO_WORD_BEFORE, _NO_WORD_AFTER = "(?<![0-9a-z])", "(?![0-9a-z])"
# A number behind a dash is a part of the id: of a customer's second order, of somebody else's.
_NO_NUMBER_AFTER = "(?![-_.][0-9a-z]*[0-9])"
_JOINT = "[._:/#-]{1,2}"
_OTHER_CALLING_CODE = re.compile(CALLING_CODE)


@dataclass(frozen=True)
class Spelling:
    """One identifier as texts may have it.

    Attributes:
        identifier: `<type>:<canonical value>`.
        squeezed: its spellings in lower-case ASCII letters and digits.
        pattern: what the text must match, in NFKC and lower case.
    """

    identifier: str
    squeezed: tuple[bytes, ...]
    pattern: re.Pattern[str]

    def is_in(self, text: str) -> bool:
        """Return whether a text as it is written contains the identifier."""
        return any(not field_number for field_number in self._found(text))

    def is_field_number_of(self, text: str) -> bool:
        """Return whether a text has the identifier's digits as all of a field, and no more of it: a
        number of that field's kind, or the identifier.
        """
        return {*self._found(text)} == {True}

    def _found(self, text: str) -> Iterator[bool]:
        """Yield, for each place in a text where the identifier may be meant, whether that is a
        bare number that is all of a field.
        """
        kind, _, value = self.identifier.partition(":")
        written = plain(alike(text)).lower()
        for match in self.pattern.finditer(written):
            before, token, after = written[: match.start()], match[0], written[match.end() :]
            if kind == "phone" and _OTHER_CALLING_CODE.search(before):
                continue
            bare = token.isdigit() and (
                # With its calling code or a zero a phone shows what it is.
                kind == "identity_code"
                or (kind == "phone" and token in value and token != value[1:])
            )
            yield bare and is_whole_field(before, after)


def alike(text: str) -> str:
    """Return a text with ASCII for the letters that look like it."""
    if text.isascii():
        return text
    return text.translate({ord(letter): ascii_alike(letter) for letter in set(text)})


# Behind a letter or digit some signs continue an address; without one they are a list's or a
# quote's.
_NO_ADDRESS_BEFORE = rf"(?<![^\W_])(?<!%)(?<![^\W_][+{re.escape(ADDRESS_SIGNS)}])"


def squeeze(text: str) -> bytes:
    """Return the lower-case ASCII letters and digits of a text."""
    return re.sub(rb"[^0-9a-z]", b"", text.lower().encode())


@cache
def spelling_of(identifier: str) -> Spelling | None:
    """Return how an identifier may be written; None when it is too short to be
    distinguished from others."""
    kind, _, value = identifier.partition(":")
    if kind in ("email", "user_id") and "@" in value:
        squeezed, pattern = _email(value)
    elif kind == "phone" and re.fullmatch(r"\+[1-9][0-9]{6,14}", value):
        squeezed, pattern = _phone(value)
    elif kind == "identity_code" and re.fullmatch(r"[0-9]{6}.[0-9]{3}.", value):
        squeezed, pattern = _identity_code(value)
    else:
        squeezed = {squeeze(value)}
        after = "" if kind == "visitor_id" else _NO_NUMBER_AFTER
        word = _word(kind, plain(value).lower())
        pattern = f"{_NO_WORD_BEFORE}(?<![0-9][-_.]){word}{_NO_WORD_AFTER}{after}"
    long_enough = {form for form in squeezed if len(form) >= SHORTEST}
    if not long_enough and _is_word(value):
        long_enough = squeezed
        word = _JOINT.join(map(re.escape, re.split("[^0-9a-z]+", value.lower())))
        pattern = f"{_NO_WORD_BEFORE}(?<![0-9][-_.]){word}{_NO_WORD_AFTER}{_NO_NUMBER_AFTER}"
    if not long_enough:
        return None
    digests = _digests(kind, value)
    words = "|".join(sorted(digests))
    return Spelling(
        identifier,
        tuple(sorted(long_enough | {digest.encode() for digest in digests})),
        re.compile(f"{pattern}|{_NO_WORD_BEFORE}(?:{words}){_NO_WORD_AFTER}"),
    )


def _is_word(value: str) -> bool:
    """Return whether a short id differs from words and numbers: it has letters and digits."""
    return len(squeeze(value)) >= SHORTEST_WORD and bool(
        value.isascii() and re.search("[0-9]", value) and re.search("[A-Za-z]", value)
    )


def _digests(kind: str, value: str) -> set[str]:
    """Return the person's key in staged tables, and a contact's hash for advertising platforms."""
    digests = {hashlib.md5(f"{kind}:{value}".encode(), usedforsecurity=False).hexdigest()}
    if kind in ("email", "phone"):
        digests.add(hashlib.sha256(value.encode()).hexdigest())
    return digests


def _word(kind: str, value: str) -> str:
    """An id in groups, if it is a number of some length or has few letters, or with other
    joints.
    """
    if re.search("[^0-9a-z]", value):
        return WIDE_GAP.join(re.escape(part) for part in re.split("[^0-9a-z]+", value) if part)
    in_groups = kind == "visitor_id" or re.fullmatch("[a-z]{1,3}[0-9]+|[0-9]{9,}", value)
    return WIDE_GAP.join(value) if in_groups and kind != "user_id" else re.escape(value)


def _email(address: str) -> tuple[set[bytes], str]:
    local, _, domain = address.rpartition("@")
    local = alike(local)
    domains = sorted({domain, email_in_letters(address).rpartition("@")[2]})
    parts = [
        (f"{local}{sign}".replace(".", f" {dot} "), written)
        for written in map(alike, domains)
        for sign in ("", *AT_WORDS)
        for dot in ("", *DOT_WORDS)
    ]
    squeezed = set() if len(squeeze(address)) >= SHORTEST else {squeeze(address)}
    if not squeezed:
        for before, written in parts:
            # The first label of a domain is enough to find it by, unless that is short.
            label = squeeze(before + written.split(".")[0])
            squeezed.add(label if len(label) >= SHORTEST else squeeze(before + written))
    either = "|".join(map(_dotted, domains))
    return squeezed, rf"{_NO_ADDRESS_BEFORE}{_dotted(local)}{AT}(?:{either}){DOMAIN_ENDS}"


def _dotted(written: str) -> str:
    return DOT.join(map(re.escape, alike(written).split(".")))


def _phone(number: str) -> tuple[set[bytes], str]:
    calling = str(phonenumbers.parse(number).country_code)
    national = number[1 + len(calling) :]
    written, code = WIDE_GAP.join(national), WIDE_GAP.join(calling)
    abroad = rf"(?:\+|0{WIDE_GAP}0)?{WIDE_GAP}{code}{WIDE_GAP}(?:0{WIDE_GAP})?"
    bare = rf"(?<![^\W_])(?<![0-9][-.,~'’]){written}(?![^\W_]|[-.,~'’][0-9])"
    shown = rf"(?<![0-9])(?:{abroad}|0{WIDE_GAP}){written}(?![0-9]|{DECIMALS})"
    return {national.encode()}, f"(?:{shown}|{bare})"


def _identity_code(code: str) -> tuple[set[bytes], str]:
    born, sign, number, check = code[:6], code[6].lower(), code[7:10], code[10].lower()
    century = {"+": "18", "-": "19"}.get(sign, "19" if sign in "uvwxy" else "20")
    day, month, year = born[:2], born[2:4], born[4:]
    days = (born, f"{day}{month}{century}{year}", f"{century}{year}{month}{day}")
    written = "|".join(WIDE_GAP.join(digits) for digits in days)
    short = rf"{day.lstrip('0')}[./ -]{{1,2}}{month.lstrip('0')}[./ -]{{1,2}}(?:{century})?{year}"
    individual, mark = WIDE_GAP.join(number), re.escape(sign)
    # Another century's sign makes it another person's.
    between = r"(?:[^\w\x00+]|_)" if sign == "-" else r"(?:[^\w\x00+-]|_)"
    right = rf"(?:{WIDE_GAP}{mark}{WIDE_GAP}|{between}{{0,4}}){individual}{WIDE_GAP}{check}"
    checked = rf"{right}(?:(?<=[0-9a-z]{check})|{_NO_WORD_AFTER})(?![0-9])"
    compact = rf"{_BLANKS.join(born)}{_BLANKS}{mark}{_BLANKS}"
    unchecked = rf"(?:{compact}|(?:{written}|{short}){mark}){individual}[0-9a-z]?{_NO_WORD_AFTER}"
    squeezed = {squeeze(digits + middle + number) for digits in days for middle in ("", sign)}
    short_day = day.lstrip("0") + month.lstrip("0")
    squeezed |= {
        squeeze(f"{short_day}{before}{year}{middle}{number}")
        for before in ("", century)
        for middle in ("", sign)
    }
    return squeezed, f"(?<![0-9])(?:(?:{written}|{short}){checked}|{unchecked})"
