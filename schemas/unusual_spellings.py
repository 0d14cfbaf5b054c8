"""Canonical forms of spellings that SQL cannot take apart: Unicode, display names, foreign and
malformed numbers.

`schemas.identifiers` canonicalises the usual spellings in SQL and calls these functions for the
rest. Each returns the canonical form, or a text that the kind's `_valid` macro refuses. None
raises, whatever the text; all are idempotent.

Source: Unicode NFKC (UAX 15) and default ignorable code points; RFC 6068 (`mailto:`) and 5322
(display names); UTS 46 and IDNA 2008 through `idna`; E.164 and national numbering plans through
`phonenumbers`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import unquote

import idna
import pyarrow as pa

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Invisible although their category is a letter, a mark or a symbol: fillers, joiners, variation
# selectors, Braille blank.
_IGNORABLE = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
# Modifier minus, hyphen bullet, minus sign: hyphens to a reader, and no dash punctuation to
# Unicode.
_MORE_HYPHENS = "˗⁃−"
_WRAPPING = " <>[]()\"'`´‘’“”„«»;,"
_URI = re.compile(r"(?:mailto|smtp):(?://)?", re.IGNORECASE)
_NAME_AND_ADDRESS = re.compile(
    r"[^<>]*<([^<>]+)>[ ;,.]*|[^\[\]]*\[(mailto:[^\[\]]+)\][ ;,.]*", re.I
)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LABEL = re.compile(r"(?:tel|puh|p|gsm|matk|mob)\b[.:]* *", re.IGNORECASE)
_EXTENSION = re.compile(
    r"[ ,;]*(?:ext(?:n|ension)?|x|alanumero|alanro|ankn|anknytning)[ .:=]*[0-9]{1,7}$",
    re.IGNORECASE,
)
_PHONE_CHARACTERS = re.compile(r"\+?[0-9 ()./~-]+")


def plain(text: str) -> str:
    """Return the text in NFKC without invisible characters, with plain hyphens, trimmed."""
    return _visible(unicodedata.normalize("NFKC", _visible(text))).strip()


def _visible(text: str) -> str:
    return "".join(map(visible_character, text))


def visible_character(character: str) -> str:
    """Return the visible form of a character: empty if invisible, a plain blank or hyphen."""
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cn", "Co", "Cs") or character in _IGNORABLE:
        return ""
    return "-" if category == "Pd" or character in _MORE_HYPHENS else character


def email(text: str) -> str:
    """Return the key of an address: lower case, the domain as IDNA A-labels."""
    local, domain = _parts(text)
    if not domain:
        return local.lower()
    return unicodedata.normalize("NFKC", local.lower()) + "@" + _ascii_domain(domain.lower())


def email_shown(text: str) -> str:
    """Return an address for display: as written, without surrounding text."""
    local, domain = _parts(text)
    return f"{local}@{domain}" if domain else local


def _parts(text: str) -> tuple[str, str]:
    """Return local part and domain; the whole text and an empty domain if it is no address."""
    address = plain(text)
    if match := _NAME_AND_ADDRESS.fullmatch(address):
        address = (match[1] or match[2]).strip()
    if match := _URI.match(address):
        address = plain(unquote(address[match.end() :].split("?")[0]))
    elif "@" not in address and "%40" in address:
        address = plain(unquote(address))
    address = re.sub(" *@ *", "@", address.strip(_WRAPPING))
    local, _, domain = address.rpartition("@")
    domain = domain.removesuffix(".")
    if not local or not domain or "@" in local or " " in address:
        return address, ""
    return local, domain


def _ascii_domain(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain:
        return domain
    try:
        return idna.encode(domain, uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError, ValueError):
        return domain


def email_in_letters(text: str) -> str:
    """Return an address, or an identifier that ends in one, with the domain's A-labels decoded."""
    before, at, domain = text.rpartition("@")
    try:
        return before + at + idna.decode(domain)
    except (idna.IDNAError, UnicodeError, ValueError):
        return text


def phone(text: str, country: str) -> str:
    """Return a number in E.164; national forms are those of `country` (ISO 3166).

    A number without plus and trunk prefix counts only when it is valid in the country: a leading
    zero that a spreadsheet took away, or a plus that was left out.
    """
    # Loading its metadata takes long, and most deliveries do not need it.
    import phonenumbers

    written = "".join(str(unicodedata.decimal(character, character)) for character in plain(text))
    number = _LABEL.sub("", written, count=1) if written[:1].isalpha() else written
    number = re.sub(r"^(?:\+ *)?00 *|^\+[+ ]*", "+", _EXTENSION.sub("", number).strip())
    failed = re.sub(r"[ ()./-]", "", re.sub(r"^\+", "00", number)).lower()
    failed = unicodedata.normalize("NFKC", failed)
    digits = re.sub("[^0-9]", "", number)
    if not _PHONE_CHARACTERS.fullmatch(number) or len(set(digits)) < 2:
        return failed
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return failed
    canonical = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(canonical) or not _fits(phonenumbers, parsed, number, digits):
        return failed
    return canonical


def _fits(library: ModuleType, parsed: PhoneNumber, number: str, digits: str) -> bool:
    """Whether the parsed number is the written one, and may exist.

    The library retries an unknown calling code as a dialled prefix, and accepts local numbers,
    which cannot be called from abroad.
    """
    if number.startswith("+"):
        return digits.startswith(str(parsed.country_code)) and _possible(library, parsed)
    if digits.startswith("0"):
        return _possible(library, parsed)
    return bool(library.is_valid_number(parsed))


def _possible(library: ModuleType, parsed: PhoneNumber) -> bool:
    reason = library.is_possible_number_with_reason(parsed)
    return bool(reason == library.ValidationResult.IS_POSSIBLE)


def former_forms(identifier: str) -> list[str]:
    """Return the forms in which raw files of earlier versions may hold an identifier
    `<type>:<canonical value>`.

    Domains were kept as written, a trunk zero behind the calling code stayed, and a number without
    plus was none. Customer numbers, accounts and cookies kept their case; of theirs only the two
    plain ones are known.
    """
    import phonenumbers

    kind, _, value = identifier.partition(":")
    if kind in ("email", "user_id") and "@" in value and "xn--" in value:
        return [email_in_letters(identifier)]
    if kind == "phone" and _E164.fullmatch(value):
        calling = str(phonenumbers.parse(value).country_code)
        return [f"phone:+{calling}0{value[1 + len(calling) :]}", f"phone:{value[1:]}"]
    if kind in ("customer_number", "user_id", "visitor_id") and "@" not in value:
        return [f"{kind}:{form}" for form in (value.upper(), value.lower()) if form != value]
    return []


def function(country: str) -> Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.Array]:
    """Return the function over columns (kind, text) for DuckDB; its cost is per distinct text."""
    kinds: dict[str, Callable[[str], str]] = {
        "plain": plain,
        "email": email,
        "email_shown": email_shown,
        "email_in_letters": email_in_letters,
        "phone": lambda text: phone(text, country),
    }

    def canonical(kind: pa.ChunkedArray, text: pa.ChunkedArray) -> pa.Array:
        pairs = list(zip(kind.to_pylist(), text.to_pylist(), strict=True))
        forms = {pair: None if pair[1] is None else kinds[pair[0]](pair[1]) for pair in set(pairs)}
        return pa.array([forms[pair] for pair in pairs], pa.string())

    return canonical
