"""Finding known identifiers in a text by their spellings: whole tokens of their own kind, never a
run of digits in another.

An e-mail address is compared by its canonical form. A phone is compared by the digits that people
dial for it. An identity code may lack its sign or have a wrong check character, for its digits and
the rest determine both or say whose it was meant to be; another sign is another person's. An opaque
id is compared as a whole word, and is none when it is too short to be distinguished from any other number.

Some tokens only may be what they look like (`sure` is false): a phone or an identity code without
anything that shows that it is one, a short number. Nothing is attributed to anybody by such a token
alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from assets.mentions.decoding import decode
from schemas.unusual_spellings import email as email_canonical
from schemas.unusual_spellings import email_in_letters

SHORTEST = 5
# From so many digits on a number is hardly equal to another one by chance.
LONG_NUMBER = 8
OPAQUE = ("customer_number", "contact_id", "visitor_id", "user_id")

_CODE = re.compile(
    r"(?<![0-9A-Za-z])((?:[0-9] ?){6})([-+A-Fa-fU-Yu-y]?) ?((?:[0-9] ?){2}[0-9])(?: ?([0-9A-Za-z]))?"
    r"(?![0-9A-Za-z])"
)
_AT = re.compile(r" *@ *")
_LOCAL = re.compile(r"[^\s@,;:<>\"()\[\]\\|]{1,64}\Z")
_DOMAIN = re.compile(r"[\w.-]{3,253}")
_NUMBERS = re.compile(r"(?<!\w)[+(]*[0-9][0-9 ()./+~-]{5,}[0-9](?!\w)")
_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(r"[0-9A-Za-z]+")
_OPAQUE = re.compile(r"[0-9A-Za-z]+(?:[-_:][0-9A-Za-z]+)*")
# A phone in more groups of digits than this is a list of something else.
_GROUPS = 9


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
        country: Whose national telephone numbers a number without a calling code may be (ISO 3166).
    """

    def __init__(self, identifiers: Iterable[str], country: str) -> None:
        self.fragments: set[bytes] = set()
        self._emails: dict[str, list[str]] = {}
        self._codes: dict[str, list[str]] = {}
        self._phones: dict[str, list[tuple[str, bool]]] = {}
        self._words: dict[str, list[str]] = {}
        for identifier in sorted(set(identifiers)):
            kind, _, value = identifier.partition(":")
            if "@" in value and kind in ("email", "user_id"):
                self._emails.setdefault(value.lower(), []).append(identifier)
                self.fragments |= _address_fragments(value)
            elif kind == "identity_code" and len(value) == 11:
                digits = value[:6] + value[7:10]
                self._codes.setdefault(digits, []).append(identifier)
                self.fragments |= {squeezed(digits), squeezed(value[:10])}
            elif kind == "phone":
                for form, sure in _dialled(value, country):
                    self._phones.setdefault(form, []).append((identifier, sure))
                    self.fragments.add(form[-7:].encode())
            elif kind in OPAQUE and _is_distinctive(value):
                longest = max(_WORD.findall(value), key=len)
                self._words.setdefault(longest.lower(), []).append(identifier)
                self.fragments.add(squeezed(longest))

    def find(self, text: str) -> list[Mention]:
        """Where the text has one of the identifiers, in order; spans are of the text as it is."""
        decoded = decode(text)
        seen = {
            (*decoded.original(start, end), identifier, sure)
            for start, end, identifier, sure in self._in_plain(decoded.text)
        }
        return sorted(Mention(*one) for one in seen)

    def _in_plain(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        if self._emails:
            yield from self._find_addresses(text)
        if self._codes:
            yield from self._find_codes(text)
        if self._phones:
            yield from self._find_phones(text)
        if self._words:
            yield from self._find_words(text)

    def _find_addresses(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        for begin, at, end in _addresses(text):
            domain = _domain(text[at:end])
            local = text[begin : begin + len(text[begin:at].rstrip(" @"))].lower()
            for offset in range(len(local)):
                if offset and _continues(local[:offset]):
                    continue
                for identifier in self._emails.get(f"{local[offset:]}@{domain}", ()):
                    yield begin + offset, end, identifier, True

    def _find_codes(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        for match in _CODE.finditer(text):
            digits = (match[1] + match[3]).replace(" ", "")
            sign, check = match[2].upper(), (match[4] or "").upper()
            for identifier in self._codes.get(digits, ()):
                code = identifier.partition(":")[2]
                if sign == code[6]:
                    yield *match.span(), identifier, True
                elif not sign and check == code[10]:
                    yield *match.span(), identifier, check.isalpha()

    def _find_phones(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        for start, end, digits in phone_tokens(text):
            for identifier, sure in self._phones.get(digits, ()):
                yield start, end, identifier, sure

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
                    or not _is_whole(text, start, end)
                ):
                    continue
                # A CRM may tell its contacts apart by the case of their ids.
                kind, _, exact = identifier.partition(":")
                alike = kind != "contact_id" or text[start:end] == exact
                yield start, end, identifier, alike and _is_long(value)


def squeezed(text: str) -> bytes:
    """The ASCII letters and digits of a text, in lower case: what separators and encodings leave
    alone.
    """
    return re.sub(rb"[^0-9a-z]", b"", text.lower().encode())


def _address_fragments(address: str) -> set[bytes]:
    """The beginning of a domain tells nothing where it may be written in letters or as A-labels."""
    local, _, domain = address.rpartition("@")
    label = domain.split(".")[0]
    forms = {email_in_letters(address).rpartition("@")[2].split(".")[0], label}
    return {squeezed(local) + squeezed(form)[:1] for form in forms}


def _addresses(text: str) -> Iterator[tuple[int, int, int]]:
    """Where what may be an address begins, where its domain begins, and where it ends."""
    for sign in _AT.finditer(text):
        local = _LOCAL.search(text[max(0, sign.start() - 64) : sign.start()])
        domain = _DOMAIN.match(text, sign.end())
        if local and domain:
            kept = len(domain[0].rstrip("._-"))
            yield sign.start() - len(local[0]), sign.end(), sign.end() + kept


@lru_cache(4096)
def _domain(text: str) -> str:
    return email_canonical("x@" + text).partition("@")[2]


def _continues(before: str) -> bool:
    """Whether an address that seems to begin behind this text began before.

    Signs that may stand within an address continue it behind a letter or digit, and are a list's
    or a quotation's without one; in a query a plus sign is a blank, and other signs separate.
    """
    stem = before.rstrip("._-'’!#$*^~{}|")
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
        (digits, len(digits) > LONG_NUMBER),
        ("00" + digits, True),
        (calling + "0" + national, True),
        ("00" + calling + "0" + national, True),
    ]
    if calling == str(phonenumbers.country_code_for_region(country)):
        forms += [("0" + national, True), (national, False)]
    return [(form, sure) for form, sure in forms if len(form) >= SHORTEST + 1]


def phone_tokens(text: str) -> Iterator[tuple[int, int, str]]:
    """Groups of digits that may be one number: where they begin and end, and the digits.

    A number begins and ends at a blank or at the end of all that belongs together, so that a
    decimal number or a date is not cut in pieces.
    """
    for run in _NUMBERS.finditer(text):
        groups = list(_DIGITS.finditer(run[0]))
        for first, group in enumerate(groups):
            if first and not _separates(run[0][groups[first - 1].end() : group.start()]):
                continue
            for last in range(first, min(first + _GROUPS, len(groups))):
                after = run[0][
                    groups[last].end() : groups[last + 1].start()
                    if last + 1 < len(groups)
                    else None
                ]
                if last + 1 < len(groups) and not _separates(after):
                    continue
                digits = "".join(one[0] for one in groups[first : last + 1])
                if len(digits) > SHORTEST:
                    begin = group.start()
                    while begin and run[0][begin - 1] in "+(":
                        begin -= 1
                    yield run.start() + begin, run.start() + groups[last].end(), digits


def _separates(between: str) -> bool:
    return any(one in between for one in " +(")


def _is_distinctive(value: str) -> bool:
    """Whether a word of this form is an id wherever it stands."""
    words = _WORD.findall(value)
    if not words or sum(map(len, words)) < SHORTEST or not value.isascii():
        return False
    return any(one.isdigit() for one in value) or len(value) >= LONG_NUMBER


def _is_long(value: str) -> bool:
    return not value.isdigit() or len(value) >= LONG_NUMBER


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether the span is a word of its own: behind or before a dash, dot or underscore there may
    be a name, not a number.
    """
    before = re.search(r"([0-9A-Za-z]*)([-_.]?)\Z", text[max(0, start - 40) : start])
    after = re.match(r"([-_.]?)([0-9A-Za-z]*)", text[end : end + 40])
    adjoining = [
        (before[2] if before else "", before[1] if before else ""),
        (after[1] if after else "", after[2] if after else ""),
    ]
    return all(not word or (joint != "" and word.isalpha()) for joint, word in adjoining)


def tokens(text: str) -> set[tuple[str, str]]:
    """Everything in a text that may be an identifier, as pairs of a type and the token as it
    stands.
    """
    plain = decode(text).text
    found = {("email", plain[begin:end]) for begin, _, end in _addresses(plain)}
    found |= {("identity_code", match[0]) for match in _CODE.finditer(plain)}
    found |= {("phone", plain[start:end]) for start, end, _ in phone_tokens(plain)}
    words = {match[0] for match in _OPAQUE.finditer(plain) if _is_distinctive(match[0])}
    return found | {(kind, word) for word in words for kind in OPAQUE}
