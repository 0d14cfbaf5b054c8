"""Finding known identifiers in a text by their spellings: whole tokens of their own kind, never a
run of digits in another.

An e-mail address is compared by its canonical form. A phone is compared by the digits that people
dial for it. An identity code may lack its sign or have a wrong check character, for its digits and
the rest determine both or show which code was meant; another sign is another person's. An
opaque id is compared as a whole word, or in the groups in which people write it, and is none when
it is too short to be distinguished from any other number.

Some tokens only may be what they look like (`sure` is false): a phone or an identity code without
anything that shows that it is one, a short number. Nothing is attributed to anybody by such a token
alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from assets.ingest.mentions.decoding import readings
from assets.ingest.mentions.tokens import addresses, code_end, codes, phone_tokens
from schemas.token_rules import ADDRESS_SIGNS, AT_WORDS, CALLING_CODE, DOT_WORDS, LONG, WORD
from schemas.unusual_spellings import email as email_canonical
from schemas.unusual_spellings import email_in_letters

SHORTEST = 5
OPAQUE = ("customer_number", "contact_id", "visitor_id", "user_id")

_WORD = re.compile(r"[0-9A-Za-z]+")
_OPAQUE = re.compile(WORD)
_CALLING_CODE = re.compile(CALLING_CODE)
_COOKIE_TIME = re.compile(r"\.[0-9]+")
_CHECKED = re.compile(r" ?([0-9A-Za-z])?(?![0-9A-Za-z])")
_PARTS = re.compile(r"[0-9A-Za-z]+(?:[ ._/#-]{1,2}[0-9A-Za-z]+)+")
_NUMBER_BEFORE = re.compile(r"[0-9][ ._/#-]{1,2}\Z")
_NUMBER_AFTER = re.compile(r"[ ._/#-]{1,2}[0-9]")
# An id of letters and a number has few letters; a name before a year is no id.
_LETTERS = re.compile(r"[A-Za-z]{0,3}[0-9]+")


@dataclass(frozen=True, order=True)
class Mention:
    """An identifier at a place in a text. `sure`: the token can hardly be anything else."""

    start: int
    end: int
    identifier: str
    sure: bool


class Spellings:
    """All spellings of some identifiers `<type>:<canonical value>`.

    Args:
        identifiers: What to look for, any number.
        country: ISO 3166 code; a number without a calling code may be a national number of it.
    """

    def __init__(self, identifiers: Iterable[str], country: str) -> None:
        self.fragments: set[bytes] = set()
        self._emails: dict[str, list[str]] = {}
        self._codes: dict[str, list[str]] = {}
        self._phones: dict[str, list[tuple[str, bool]]] = {}
        self._words: dict[str, list[str]] = {}
        self._parted: dict[str, list[str]] = {}
        self._longest = 0
        for identifier in sorted(set(identifiers)):
            kind, _, value = identifier.partition(":")
            if "@" in value and kind in ("email", "user_id"):
                self._emails.setdefault(value.lower(), []).append(identifier)
                self.fragments |= _address_fragments(value)
            elif kind == "identity_code" and len(value) == 11:
                for day in _days(value):
                    self._codes.setdefault(day + value[7:10], []).append(identifier)
                for day in (*_days(value), *_short_days(value)):
                    self.fragments |= {squeezed(day + value[7:10]), squeezed(day + value[6:10])}
            elif kind == "phone":
                for form, sure in _dialled(value, country):
                    self._phones.setdefault(form, []).append((identifier, sure))
                    self.fragments.add(form[-7:].encode())
            elif kind in OPAQUE and _is_distinctive(value):
                longest = max(_WORD.findall(value), key=len)
                self._words.setdefault(longest.lower(), []).append(identifier)
                self.fragments.add(squeezed(longest))
                joined = squeezed(value).decode()
                self._parted.setdefault(joined, []).append(identifier)
                self._longest = max(self._longest, len(joined))

    def find(self, text: str, *, wide: bool = False) -> list[Mention]:
        """Return where the text has one of the identifiers, in order; spans are of the text as it
        is.

        Args:
            wide: Also digits with anything between them, and within longer numbers: for texts of
                which a person decided that they mention somebody.
        """
        seen = {
            (*reading.original(start, end), identifier, sure)
            for reading in readings(text)
            for start, end, identifier, sure in self._in_plain(reading.text, wide)
        }
        return sorted(Mention(*mention) for mention in seen)

    def _in_plain(self, text: str, wide: bool) -> Iterator[tuple[int, int, str, bool]]:
        if self._emails:
            yield from self._find_addresses(text)
        if self._codes:
            yield from self._find_codes(text, wide)
        if self._phones:
            yield from self._find_phones(text, wide)
        if self._words:
            yield from self._find_words(text)
            yield from self._find_parted(text)

    def _find_addresses(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        for address in addresses(text):
            domain, local = _domain(address.domain), address.local.lower()
            for offset in range(len(local)):
                if offset and _continues(local[:offset]):
                    continue
                for identifier in self._emails.get(f"{local[offset:]}@{domain}", ()):
                    yield address.begin + offset, address.end, identifier, True

    def _find_codes(self, text: str, wide: bool) -> Iterator[tuple[int, int, str, bool]]:
        for token in codes(text, wide=wide):
            for identifier in self._codes.get(token.digits, ()):
                code = identifier.partition(":")[2]
                ended = code_end(text, token.end, code[10], wide=wide)
                if not ended or (token.sign and token.sign != code[6]):
                    continue
                end, right = ended
                if right:
                    yield token.begin, end, identifier, bool(token.sign) or code[10].isalpha()
                elif token.sign and token.compact and not text[: token.begin][-1:].isalnum():
                    yield token.begin, end, identifier, True

    def _find_phones(self, text: str, wide: bool) -> Iterator[tuple[int, int, str, bool]]:
        for number in phone_tokens(text, wide=wide):
            for identifier, sure in self._phones.get(number.digits, ()):
                abroad = _CALLING_CODE.search(text[max(0, number.begin - 12) : number.begin])
                if sure or not (number.glued or abroad):
                    yield number.begin, number.end, identifier, sure

    def _find_words(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        lower = text.lower() if text.isascii() else text
        for match in _WORD.finditer(text):
            for identifier in self._words.get(match[0].lower(), ()):
                value = identifier.partition(":")[2].lower()
                start = match.start() - value.index(match[0].lower())
                end = start + len(value)
                if (
                    start < 0
                    or lower[start:end].lower() != value
                    or not _is_whole(text, start, end, identifier)
                ):
                    continue
                # A CRM may distinguish its contacts by the case of their ids.
                kind, _, exact = identifier.partition(":")
                alike = kind != "contact_id" or text[start:end] == exact
                yield start, end, identifier, alike and _is_long(value)

    def _find_parted(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        """Ids in groups, or with another sign between their parts."""
        for run in _PARTS.finditer(text):
            words = list(_WORD.finditer(text, *run.span()))
            for first, word in enumerate(words):
                joined = word[0].lower()
                for last in range(first + 1, len(words)):
                    joined += words[last][0].lower()
                    if len(joined) > self._longest:
                        break
                    for identifier in self._parted.get(joined, ()):
                        parts = words[first : last + 1]
                        if _is_parted(identifier, text, parts):
                            yield parts[0].start(), parts[-1].end(), identifier, True


def _days(code: str) -> tuple[str, ...]:
    """The date of an identity code as people write it: with the century, too, or that first."""
    day, month, year = code[:2], code[2:4], code[4:6]
    century = {"+": "18", "-": "19"}.get(code[6], "19" if code[6] in "UVWXY" else "20")
    return (code[:6], f"{day}{month}{century}{year}", f"{century}{year}{month}{day}")


def _short_days(code: str) -> list[str]:
    """The date without the zeros of day and month."""
    return [day[:2].lstrip("0") + day[2:4].lstrip("0") + day[4:] for day in _days(code)[:2]]


def squeezed(text: str) -> bytes:
    """The ASCII letters and digits of a text, in lower case: what separators and encodings leave
    alone.
    """
    return re.sub(rb"[^0-9a-z]", b"", text.lower().encode())


def _address_fragments(address: str) -> set[bytes]:
    """The beginning of a domain is no fragment if it may be written in letters or as A-labels."""
    local, _, domain = address.rpartition("@")
    label = domain.split(".")[0]
    firsts = {squeezed(form)[:1] for form in (email_in_letters(address).rpartition("@")[2], label)}
    # As it is and in quoted-printable; in letters of which some are not in ASCII.
    signs = {b"", b"40", *map(squeezed, AT_WORDS)}
    dots = {"", "2e", *DOT_WORDS} if "." in local else {""}
    return {
        squeezed(local.replace(".", f".{dot}.")) + sign + first
        for dot in dots
        for sign in signs
        for first in firsts
    }


@lru_cache(4096)
def _domain(text: str) -> str:
    return email_canonical("x@" + text).partition("@")[2]


def _continues(before: str) -> bool:
    """Whether an address that seems to begin behind this text began before.

    Signs that may stand within an address continue it behind a letter or digit, and are a list's
    or a quotation's without one; in a query a plus sign is a blank, and other signs separate.
    """
    stem = before.rstrip(ADDRESS_SIGNS)
    if before[-1] == "+":
        return "=" not in before and before[:-1] != "" and before[-2].isalnum()
    return stem != "" and (stem[-1].isalnum() or stem[-1] == "%")


def _dialled(phone: str, country: str) -> list[tuple[str, bool]]:
    """The digits by which a number in E.164 is written, and whether they show that they are a
    phone's.
    """
    import phonenumbers

    digits = phone.lstrip("+")
    try:
        calling = str(phonenumbers.parse(phone).country_code)
    except phonenumbers.NumberParseException:
        return [(digits, False)]
    national = digits.removeprefix(calling)
    forms = [
        (digits, len(digits) > LONG),
        ("00" + digits, True),
        (calling + "0" + national, True),
        ("00" + calling + "0" + national, True),
    ]
    if calling == str(phonenumbers.country_code_for_region(country)):
        forms += [("0" + national, True), (national, False)]
    return [(form, sure) for form, sure in forms if len(form) >= SHORTEST + 1]


def _is_distinctive(value: str) -> bool:
    """Whether a word of this form is an id wherever it stands."""
    words = _WORD.findall(value)
    if not words or sum(map(len, words)) < SHORTEST or not value.isascii():
        return False
    return any(character.isdigit() for character in value) or len(value) >= LONG


def _is_long(value: str) -> bool:
    return not value.isdigit() or len(value) >= LONG


def _is_whole(text: str, start: int, end: int, identifier: str) -> bool:
    """Whether the span is a word of its own: behind or before a dash, dot or underscore there may
    be a name, not a number. A cookie has the time of the first visit behind the visitor id.
    """
    if identifier.startswith("visitor_id:") and (time := _COOKIE_TIME.match(text, end)):
        end = time.end()
    before = re.search(r"([0-9A-Za-z]*)([-_.]?)\Z", text[max(0, start - 40) : start])
    after = re.match(r"([-_.]?)([0-9A-Za-z]*)", text[end : end + 40])
    adjoining = [
        (before[2] if before else "", before[1] if before else ""),
        (after[1] if after else "", after[2] if after else ""),
    ]
    return all(not word or (joint != "" and word.isalpha()) for joint, word in adjoining)


def _is_parted(identifier: str, text: str, parts: list[re.Match[str]]) -> bool:
    """Whether words are the parts of an id: at its own joints, or in groups as of a long number."""
    kind, _, value = identifier.partition(":")
    start, end = parts[0].start(), parts[-1].end()
    gaps = [text[left.end() : right.start()] for left, right in pairwise(parts)]
    as_it_is = text[start:end].lower() == value.lower()
    if as_it_is or len(set(gaps)) > 1 or not _is_whole(text, start, end, identifier):
        return False
    own = [word.lower() for word in _WORD.findall(value)]
    if len(own) > 1:
        at_joints = own == [part[0].lower() for part in parts]
        return at_joints and not (kind == "user_id" and " " in gaps[0])
    if len(value) < LONG + value.isdigit() or kind == "user_id":
        return False
    goes_on = (
        parts[0][0].isdigit() and _NUMBER_BEFORE.search(text[max(0, start - 3) : start])
    ) or (parts[-2][0][-1].isdigit() and _NUMBER_AFTER.match(text, end))
    return not goes_on and (kind == "visitor_id" or _LETTERS.fullmatch(value) is not None)


def tokens(text: str) -> set[tuple[str, str]]:
    """Everything in a text that may be an identifier, as pairs of a type and the token as it
    stands.
    """
    candidates: set[tuple[str, str]] = set()
    for plain in (reading.text for reading in readings(text)):
        candidates |= {
            ("email", f"{address.local}@{address.domain}") for address in addresses(plain)
        }
        candidates |= {("identity_code", token) for token in _whole_codes(plain)}
        candidates |= {("phone", plain[token.begin : token.end]) for token in phone_tokens(plain)}
        words = {match[0] for match in _OPAQUE.finditer(plain) if _is_distinctive(match[0])}
        candidates |= {(kind, word) for word in words for kind in OPAQUE}
    return candidates


def _whole_codes(plain: str) -> Iterator[str]:
    """What may be identity codes, in their usual form, with their own check character or
    another.
    """
    for code in codes(plain):
        check = _CHECKED.match(plain, code.end)
        if check and len(code.digits) == 9:
            yield code.digits[:6] + code.sign + code.digits[6:] + (check[1] or "")
