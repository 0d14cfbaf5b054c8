"""Grammar for the templates: periods, days, lists and names in each language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from schemas.policy.model import Period
from schemas.vocabulary import Language

_NUMBERS: dict[Language, tuple[str, ...]] = {
    "en": ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    "sv": (
        "noll",
        "en",
        "två",
        "tre",
        "fyra",
        "fem",
        "sex",
        "sju",
        "åtta",
        "nio",
        "tio",
        "elva",
        "tolv",
    ),
    "fi": (
        "nolla",
        "yksi",
        "kaksi",
        "kolme",
        "neljä",
        "viisi",
        "kuusi",
        "seitsemän",
        "kahdeksan",
        "yhdeksän",
        "kymmenen",
    ),
}
# Finnish: the cases of the numbers, for "within two months" (kahden kuukauden kuluessa).
_GENITIVE = (
    "nollan",
    "yhden",
    "kahden",
    "kolmen",
    "neljän",
    "viiden",
    "kuuden",
    "seitsemän",
    "kahdeksan",
    "yhdeksän",
    "kymmenen",
)
# Language -> unit -> singular, plural.
_UNITS: dict[Language, dict[str, tuple[str, str]]] = {
    "en": {"days": ("day", "days"), "months": ("month", "months"), "years": ("year", "years")},
    "sv": {"days": ("dag", "dagar"), "months": ("månad", "månader"), "years": ("år", "år")},
    "fi": {
        "days": ("päivä", "päivää"),
        "months": ("kuukausi", "kuukautta"),
        "years": ("vuosi", "vuotta"),
    },
}
_FINNISH_GENITIVE = {"days": "päivän", "months": "kuukauden", "years": "vuoden"}
_AND: dict[Language, str] = {"en": "and", "sv": "och", "fi": "ja"}


@cache
def words() -> Mapping[str, Any]:
    """Return the names in `words.yaml`, by kind and key; each in every language."""
    names: Mapping[str, Any] = yaml.safe_load(
        files("assets.documents").joinpath("words.yaml").read_text(encoding="utf-8")
    )
    return names


def named(kind: str, key: str, language: Language) -> str:
    """Return the name in `words.yaml`, that of `other` for an unknown key.

    Raises:
        KeyError: There is neither.
    """
    table = words()[kind]
    return str((table[key] if key in table else table["other"])[language])


def period(length: Period, language: Language) -> str:
    """Return a length of time: 'one month', '13 months'; 'ett år'; 'kuukausi', 'kolme vuotta'."""
    single, several = _UNITS[language][length.unit]
    if length.count == 1:
        return {
            "en": f"one {single}",
            "sv": f"{'ett' if length.unit == 'years' else 'en'} {single}",
            "fi": single,
        }[language]
    return f"{_number(length.count, _NUMBERS[language])} {several}"


def within(length: Period, language: Language) -> str:
    """Return a time limit: 'within one month', 'inom en månad', 'kuukauden kuluessa'."""
    if language != "fi":
        return f"{'within' if language == 'en' else 'inom'} {period(length, language)}"
    return f"{_lasting(length)} kuluessa"


def by(length: Period, language: Language) -> str:
    """Return an extension: 'by two months', 'med två månader', 'kahdella kuukaudella'."""
    if language != "fi":
        return f"{'by' if language == 'en' else 'med'} {period(length, language)}"
    unit = {"days": "päivällä", "months": "kuukaudella", "years": "vuodella"}[length.unit]
    adessive = ("", "yhdellä", "kahdella", "kolmella", "neljällä", "viidellä", "kuudella")
    return f"{_number(length.count, adessive)} {unit}"


def day(calendar_day: date, language: Language) -> str:
    """Return a calendar day: '20 November 2026', '20 november 2026', '20.11.2026'."""
    if language == "fi":
        return f"{calendar_day.day}.{calendar_day.month}.{calendar_day.year}"
    return (
        f"{calendar_day.day} {words()['months'][language][calendar_day.month - 1]} "
        f"{calendar_day.year}"
    )


def moment(at: datetime, language: Language) -> str:
    """Return a moment: '20 November 2026 at 14:05', '20 november 2026 kl. 14.05', '20.11.2026 klo
    14.05'. It is in the zone of `at`.
    """
    by = {"en": f"at {at:%H:%M}", "sv": f"kl. {at:%H.%M}", "fi": f"klo {at:%H.%M}"}
    return f"{day(at.date(), language)} {by[language]}"


def joined(several: list[str], language: Language) -> str:
    """Return a list in running text: 'a, b and c'."""
    return (
        f"{', '.join(several[:-1])} {_AND[language]} {several[-1]}"
        if len(several) > 1
        else "".join(several)
    )


def listed(several: list[str]) -> str:
    """Return an enumeration: 'a, b and c, d', with semicolons if an item has a comma."""
    return ("; " if any("," in item for item in several) else ", ").join(several)


def sentence(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def _number(count: int, names: tuple[str, ...]) -> str:
    """Return small numbers in words, others in digits, as is usual in running text."""
    return names[count] if count < len(names) else str(count)


def _lasting(length: Period) -> str:
    """Return the Finnish genitive: 'kuukauden', 'kahden kuukauden', '13 kuukauden'."""
    unit = _FINNISH_GENITIVE[length.unit]
    return unit if length.count == 1 else f"{_number(length.count, _GENITIVE)} {unit}"
