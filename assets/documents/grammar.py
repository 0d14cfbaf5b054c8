"""The grammar that templates need: periods, days, lists and names as each language says them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from schemas.policy import Period
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
# Language -> unit -> one of it, several of it.
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
    """The names that `words.yaml` gives, by kind and key; each in every language."""
    found: Mapping[str, Any] = yaml.safe_load(
        files("assets.documents").joinpath("words.yaml").read_text(encoding="utf-8")
    )
    return found


def named(kind: str, key: str, language: Language) -> str:
    """What `words.yaml` calls it; for a key that is not there, what it says of `other`. Raises KeyError when it says nothing."""
    table = words()[kind]
    return str((table[key] if key in table else table["other"])[language])


def period(one: Period, language: Language) -> str:
    """A length of time: 'one month', '13 months'; 'en månad', 'ett år'; 'kuukausi', 'kolme vuotta'."""
    single, several = _UNITS[language][one.unit]
    if one.count == 1:
        return {
            "en": f"one {single}",
            "sv": f"{'ett' if one.unit == 'years' else 'en'} {single}",
            "fi": single,
        }[language]
    return f"{_number(one.count, _NUMBERS[language])} {several}"


def within(one: Period, language: Language) -> str:
    """A time limit: 'within one month', 'inom en månad', 'kuukauden kuluessa'."""
    if language != "fi":
        return f"{'within' if language == 'en' else 'inom'} {period(one, language)}"
    return f"{_lasting(one)} kuluessa"


def by(one: Period, language: Language) -> str:
    """How much longer: 'by two months', 'med två månader', 'kahdella kuukaudella'."""
    if language != "fi":
        return f"{'by' if language == 'en' else 'med'} {period(one, language)}"
    unit = {"days": "päivällä", "months": "kuukaudella", "years": "vuodella"}[one.unit]
    adessive = ("", "yhdellä", "kahdella", "kolmella", "neljällä", "viidellä", "kuudella")
    return f"{_number(one.count, adessive)} {unit}"


def day(one: date, language: Language) -> str:
    """A calendar day: '20 November 2026', '20 november 2026', '20.11.2026'."""
    if language == "fi":
        return f"{one.day}.{one.month}.{one.year}"
    return f"{one.day} {words()['months'][language][one.month - 1]} {one.year}"


def joined(several: list[str], language: Language) -> str:
    """A list in running text: 'a, b and c'."""
    return (
        f"{', '.join(several[:-1])} {_AND[language]} {several[-1]}"
        if len(several) > 1
        else "".join(several)
    )


def listed(several: list[str]) -> str:
    """An enumeration: 'a, b and c, d'; with semicolons where one of them holds a comma."""
    return ("; " if any("," in one for one in several) else ", ").join(several)


def sentence(text: str) -> str:
    """The text with a capital letter first."""
    return text[:1].upper() + text[1:]


def _number(count: int, names: tuple[str, ...]) -> str:
    """Small numbers in letters, others in digits, as is usual in running text."""
    return names[count] if count < len(names) else str(count)


def _lasting(one: Period) -> str:
    """Finnish genitive: 'kuukauden', 'kahden kuukauden', '13 kuukauden'."""
    unit = _FINNISH_GENITIVE[one.unit]
    return unit if one.count == 1 else f"{_number(one.count, _GENITIVE)} {unit}"
