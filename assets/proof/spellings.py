"""How an identifier may be written in a text: its letters and digits, and the pattern that confirms
it.

Written apart from the removal on purpose: the proof shares no search with what it proves, so that a
spelling which the removal does not know is found here. Only the canonical forms are common to both
(`schemas.unusual_spellings`).

A text is compared in two steps. Reduced to its lower-case ASCII letters and digits, it is looked up
for one of `squeezed`; where one is found, the text around it, in NFKC without invisible characters,
must match `pattern`. What the pattern allows per kind of identifier:

- identity code: lower case, blanks, a missing or wrong check character, a missing century sign; not
  the sign of another century, which makes it another person's.
- e-mail address: capitals, blanks around the sign, `(at)`, the domain in letters or as A-labels;
  not as the end or the beginning of a longer address.
- telephone: national, with 00, without plus, with any separators; not with another calling code,
  and not without both zero and calling code, when it may be any number.
- any other: capitals; not within a longer word or number, and not before or behind a number and a
  dash.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache

import phonenumbers

from schemas.unusual_spellings import email_in_letters, plain

SHORTEST = 8
"""Fewer letters and digits than these stand in other people's texts by chance."""

_BLANKS = r"[ +_]*"
_SEPARATORS = r"[ ()./+_~-]*"
_AT = r" *(?:@|[(\[{<] *(?:at|ät|@) *[)\]}>]| (?:at|ät) ) *"
_NO_WORD_BEFORE, _NO_WORD_AFTER = "(?<![0-9a-z])", "(?![0-9a-z])"
# A number behind a dash is a part of the id: of a customer's second order, of somebody else's.
_NO_NUMBER_AFTER = "(?![-_.][0-9a-z]*[0-9])"
_OTHER_CALLING_CODE = re.compile(r"(?:\+|00) ?[0-9]{1,3}[ ()./0-]*$")


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
        """Whether a text as it is written has the identifier."""
        written = plain(text).lower()
        return any(
            not (self._is_phone and _OTHER_CALLING_CODE.search(written[: match.start()]))
            for match in self.pattern.finditer(written)
        )

    @property
    def _is_phone(self) -> bool:
        return self.identifier.startswith("phone:")


# Behind a letter or digit some signs continue an address; without one they are a list's or a
# quote's.
_NO_ADDRESS_BEFORE = r"(?<![^\W_])(?<!%)(?<![^\W_][-+._'’!#$*^~{}|])"


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
        word = re.escape(plain(value).lower())
        pattern = f"{_NO_WORD_BEFORE}(?<![0-9][-_.]){word}{_NO_WORD_AFTER}{_NO_NUMBER_AFTER}"
    long_enough = {form for form in squeezed if len(form) >= SHORTEST}
    if not long_enough:
        return None
    digests = _digests(kind, value)
    words = "|".join(sorted(digests))
    return Spelling(
        identifier,
        tuple(sorted(long_enough | {digest.encode() for digest in digests})),
        re.compile(f"{pattern}|{_NO_WORD_BEFORE}(?:{words}){_NO_WORD_AFTER}"),
    )


def _digests(kind: str, value: str) -> set[str]:
    """The key by which staged tables know a person; a contact's hash for advertising platforms."""
    found = {hashlib.md5(f"{kind}:{value}".encode(), usedforsecurity=False).hexdigest()}
    if kind in ("email", "phone"):
        found.add(hashlib.sha256(value.encode()).hexdigest())
    return found


def _email(address: str) -> tuple[set[bytes], str]:
    local, _, domain = address.rpartition("@")
    domains = sorted({domain, email_in_letters(address).rpartition("@")[2]})
    squeezed = {squeeze(local + between + written) for written in domains for between in ("", "at")}
    either = "|".join(map(re.escape, domains))
    return squeezed, (
        rf"{_NO_ADDRESS_BEFORE}{re.escape(local)}{_AT}(?:{either})(?![0-9a-z-]|\.[0-9a-z])"
    )


def _phone(number: str) -> tuple[set[bytes], str]:
    calling = str(phonenumbers.parse(number).country_code)
    national = number[1 + len(calling) :]
    written, code = _SEPARATORS.join(national), _SEPARATORS.join(calling)
    abroad = rf"(?:\+|0{_SEPARATORS}0)?{_SEPARATORS}{code}{_SEPARATORS}0?"
    return {national.encode()}, (rf"(?<![0-9])(?:{abroad}|0){_SEPARATORS}{written}(?![0-9])")


def _identity_code(code: str) -> tuple[set[bytes], str]:
    born, sign, number, check = code[:6], code[6].lower(), code[7:10], code[10].lower()
    day, individual = _BLANKS.join(born), _BLANKS.join(number)
    written = f"{_BLANKS}{re.escape(sign)}{_BLANKS}{individual}{_BLANKS}"
    unsigned = f"[ ./_]*{individual}{_BLANKS}{check}"
    any_check = f"(?:{check}|[0-9a-z]?{_NO_WORD_AFTER})"
    return {squeeze(born + number), squeeze(born + sign + number)}, (
        f"(?<![0-9]){day}(?:{written}{any_check}|{unsigned}{_NO_WORD_AFTER})"
    )
