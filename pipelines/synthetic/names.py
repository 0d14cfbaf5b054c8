"""First names and surnames by their frequency in the population, and how people misspell them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np

from pipelines.synthetic.arrow_text import Ints, Text, vocabulary
from schemas.reference.tables import read_reference

LANGUAGES = ("fi", "sv", "en")
TYPING_ERRORS = 4

_NEIGHBOURS = dict(
    zip("abcdefghijklmnopqrstuvwxyzäöå", "svxsdfghukjlkmbåpwtdryiecstlpöp", strict=False)
)


def plain_letters(name: str) -> str:
    """A name as it stands in an e-mail address: lower case, no diacritics, nothing but letters."""
    bare = unicodedata.normalize("NFKD", name.lower())
    return "".join(character for character in bare if character.isascii() and character.isalpha())


def misspelled(name: str, way: int) -> str:
    """The name with one typing error; `way` picks which and where."""
    place = 1 + (way * 7 + len(name) * 3) % max(1, len(name) - 2)
    if len(name) < 4 or way == 2:
        return name[:place] + name[place] * 2 + name[place + 1 :]
    match way:
        case 0:
            return name[:place] + name[place + 1] + name[place] + name[place + 2 :]
        case 1:
            return name[:place] + name[place + 1 :]
        case _:
            return name[:place] + _NEIGHBOURS.get(name[place], "e") + name[place + 1 :]


@dataclass(frozen=True)
class NameTable:
    """Names, their spellings, and cumulative weights per group (sex and language)."""

    text: Text
    plain: Text
    initial: Text
    capitals: Text
    misspelled: tuple[Text, ...]
    nickname: Text
    groups: dict[str, tuple[Ints, np.ndarray]]

    def draw(self, rng: np.random.Generator, group: str, count: int) -> Ints:
        """Indexes of names, as frequent as the group bears them."""
        index, cumulative = self.groups[group]
        return np.asarray(
            index[np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")]
        )


def _table(rows: list[dict[str, str]], nicknames: dict[str, str]) -> NameTable:
    names = list(dict.fromkeys(row["name"] for row in rows))
    place = {name: index for index, name in enumerate(names)}
    members: dict[str, tuple[list[int], list[int]]] = {}
    for row in rows:
        index, weight = members.setdefault(row.get("sex", "") + row["language"], ([], []))
        index.append(place[row["name"]])
        weight.append(int(row["weight"]))
    return NameTable(
        text=vocabulary(names),
        plain=vocabulary(map(plain_letters, names)),
        initial=vocabulary(name[0] for name in names),
        capitals=vocabulary(name.upper() for name in names),
        misspelled=tuple(
            vocabulary(misspelled(name, way) for name in names) for way in range(TYPING_ERRORS)
        ),
        nickname=vocabulary(nicknames.get(name, name) for name in names),
        groups={
            group: (np.array(index, np.int32), np.cumsum(np.array(weight, np.float64)))
            for group, (index, weight) in members.items()
        },
    )


@cache
def given_names() -> NameTable:
    """First names; groups are sex (m, f) and language (fi, sv, en), such as `fsv`."""
    nicknames = {row["name"]: row["nickname"] for row in read_reference("nicknames.csv")}
    return _table(read_reference("given_names.csv"), nicknames)


@cache
def family_names() -> NameTable:
    """Surnames; groups are languages."""
    return _table(read_reference("family_names.csv"), {})


def draw_given(rng: np.random.Generator, sex: Ints, language: Ints) -> Ints:
    """First names for people of these sexes (0 male, 1 female) and languages."""
    drawn = np.empty(len(sex), np.int32)
    for sex_code, sex_name in enumerate("mf"):
        for language_code, language_name in enumerate(LANGUAGES):
            rows = np.flatnonzero((sex == sex_code) & (language == language_code))
            drawn[rows] = given_names().draw(rng, sex_name + language_name, len(rows))
    return drawn


def draw_family(rng: np.random.Generator, language: Ints) -> Ints:
    """Surnames for families of these languages."""
    drawn = np.empty(len(language), np.int32)
    for language_code, language_name in enumerate(LANGUAGES):
        rows = np.flatnonzero(language == language_code)
        drawn[rows] = family_names().draw(rng, language_name, len(rows))
    return drawn
