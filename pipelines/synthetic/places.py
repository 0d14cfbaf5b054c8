"""Addresses in Finland with consistent postcode, town and municipality; streets are invented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    either,
    join,
    json_text,
    number,
    only,
    padded,
    pick,
    vocabulary,
)
from pipelines.synthetic.identity_codes import CHECK_CHARACTERS
from schemas.reference.tables import read_reference

_STAIRS = vocabulary(["", *"ABCDEFGH"])
_CHECK = vocabulary(CHECK_CHARACTERS)


@dataclass(frozen=True)
class Places:
    """The reference tables of postcodes and streets as vocabularies, ready to be picked from."""

    postcode: Text
    town: tuple[Text, Text, Text]  # as a person of language fi, sv, en writes it
    post_office: Text  # "postinumero":...,"postitoimipaikka":{...}
    municipality: Text
    bilingual: Mask
    street: tuple[Text, Text, Text]
    street_both: Text  # {"fi":...,"sv":...}
    street_finnish: Text  # {"fi":...}
    street_spaces: Text
    weights: np.ndarray
    weights_bilingual: np.ndarray
    municipality_no: Ints
    city: Ints  # index into towns(), -1 where the town has no coordinates


@cache
def towns() -> list[dict[str, str]]:
    """Return the towns with known coordinates."""
    return read_reference("towns.csv")


@cache
def places() -> Places:
    """The tables, read once."""
    codes = read_reference("postcodes.csv")
    streets = read_reference("streets.csv")
    known = {row["municipality"]: index for index, row in enumerate(towns())}

    def of_codes(form: Callable[[dict[str, str]], str]) -> Text:
        return vocabulary(form(row) for row in codes)

    def of_streets(form: Callable[[str, str], str]) -> Text:
        return vocabulary(form(row["fi"], row["sv"]) for row in streets)

    bilingual = np.array([row["town_fi"] != row["town_sv"] for row in codes])
    weights = np.array([float(row["weight"]) for row in codes])
    finnish_town = of_codes(lambda row: row["town_fi"].title())
    finnish_street = of_streets(lambda fi, _: fi)
    return Places(
        postcode=of_codes(lambda row: row["postcode"]),
        town=(finnish_town, of_codes(lambda row: row["town_sv"].title()), finnish_town),
        post_office=of_codes(
            lambda row: (
                f'"postinumero":"{row["postcode"]}","postitoimipaikka":'
                f'{{"fi":{json_text(row["town_fi"])},"sv":{json_text(row["town_sv"])}}}'
            )
        ),
        municipality=of_codes(lambda row: row["municipality"]),
        bilingual=bilingual,
        street=(finnish_street, of_streets(lambda _, sv: sv), finnish_street),
        street_both=of_streets(lambda fi, sv: f'{{"fi":"{fi}","sv":"{sv}"}}'),
        street_finnish=of_streets(lambda fi, _: f'{{"fi":"{fi}"}}'),
        street_spaces=of_streets(lambda fi, sv: f'{{"fi":"{fi}  ","sv":"{sv} "}}'),
        weights=np.cumsum(weights),
        weights_bilingual=np.cumsum(weights * bilingual),
        municipality_no=np.array([int(row["municipality"]) for row in codes]),
        city=np.array([known.get(row["municipality"], -1) for row in codes]),
    )


@dataclass(frozen=True)
class Addresses:
    """One address an element."""

    postcode: Ints
    street: Ints
    house: Ints
    stair: Ints  # 0 none, 1 A, 2 B ...
    apartment: Ints  # 0 none: a house of its own

    def take(self, rows: Ints) -> Addresses:
        """The addresses at these rows."""
        return Addresses(*(getattr(self, field.name)[rows] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.postcode)

    def municipality(self) -> Text:
        """The municipality's three digits."""
        return pick(places().municipality, self.postcode)

    def bilingual(self) -> Mask:
        """Whether the town has a Swedish name of its own."""
        return places().bilingual[self.postcode]

    def post_office(self) -> Text:
        """`"postinumero":...,"postitoimipaikka":{...}` as the population register writes it."""
        return pick(places().post_office, self.postcode)

    def building(self) -> Text:
        """The permanent building code: nine digits that begin with 90, and a check character."""
        mixed = (
            self.postcode.astype(np.int64) * 1_000_003 + self.street * 7_919 + self.house * 101
        ) % 9_999_999
        digits = 900_000_000 + mixed
        return join(number(digits), pick(_CHECK, digits % 31))

    def street_names(self, without_swedish: Mask | None = None, spaces: Mask | None = None) -> Text:
        """The register's katunimi object; monolingual towns have no Swedish street names."""
        both = self.bilingual() if without_swedish is None else self.bilingual() & ~without_swedish
        names = either(
            both,
            pick(places().street_both, self.street),
            pick(places().street_finnish, self.street),
        )
        return (
            names
            if spaces is None
            else either(spaces, pick(places().street_spaces, self.street), names)
        )

    def apartment_fields(self, apartment: Text | None = None) -> Text:
        """`,"huoneistokirjain":...,"huoneistonumero":...` where there is an apartment."""
        door = padded(self.apartment, 3) if apartment is None else apartment
        stair = only(self.stair > 0, join(',"huoneistokirjain":"', pick(_STAIRS, self.stair), '"'))
        return join(stair, only(self.apartment > 0, join(',"huoneistonumero":"', door, '"')))

    def dwelling(self) -> Text:
        """The asuinpaikantunnus: building, address number, stair, apartment and part, or spaces."""
        stair = either(self.stair > 0, pick(_STAIRS, self.stair), " ")
        return join(self.building(), "1", stair, padded(self.apartment, 3), " ")

    def street_line(self, language: Ints) -> Text:
        """The street address as a person of that language writes it: Koulukatu 5 A 3."""
        street = pick(places().street[0], self.street)
        swedish = (language == 1) & self.bilingual()
        street = either(swedish, pick(places().street[1], self.street), street)
        stair = only(self.stair > 0, join(" ", pick(_STAIRS, self.stair)))
        apartment = only(self.apartment > 0, join(" ", number(self.apartment)))
        return join(street, " ", number(self.house), stair, apartment)

    def town(self, language: Ints) -> Text:
        """The post town as a person of that language writes it."""
        finnish, swedish, _ = (pick(town, self.postcode) for town in places().town)
        return pc.if_else((language == 1).tolist(), swedish, finnish)

    def postcode_text(self) -> Text:
        """The five digits."""
        return pick(places().postcode, self.postcode)


def draw_addresses(rng: np.random.Generator, language: Ints) -> Addresses:
    """Return an address for each household, in a place of its language."""
    count = len(language)
    draw = rng.random(count)
    tables = places()
    anywhere = np.searchsorted(tables.weights, draw * tables.weights[-1], side="right")
    bilingual = np.searchsorted(
        tables.weights_bilingual, draw * tables.weights_bilingual[-1], side="right"
    )
    block = rng.random(count) < 0.6
    stair = np.where(block & (rng.random(count) < 0.7), rng.integers(1, 9, count), 0)
    return Addresses(
        postcode=np.where(language == 1, bilingual, anywhere).astype(np.int32),
        street=rng.integers(0, len(tables.street_both), count).astype(np.int32),
        house=(1 + np.floor(rng.exponential(14, count)).clip(0, 150)).astype(np.int32),
        stair=stair.astype(np.int8),
        apartment=np.where(block, rng.integers(1, 60, count), 0).astype(np.int16),
    )
