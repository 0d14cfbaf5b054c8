"""The population register's information groups (tietoryhmat) as JSON text, one function a group.

Shapes as the register's change API sends them; see docs/deliveries.md for the envelope around them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    Ints,
    Mask,
    Text,
    choose,
    either,
    json_date,
    number,
    only,
    pick,
    spread,
    vocabulary,
)
from pipelines.synthetic.arrow_text import join as concatenated
from pipelines.synthetic.names import family_names, given_names
from pipelines.synthetic.places import Addresses

HOME = "VAKINAINEN_KOTIMAINEN_OSOITE"
DWELLING = "VAKINAINEN_KOTIMAINEN_ASUINPAIKKATUNNUS"
MUNICIPALITY = "KOTIKUNTA"

PROHIBITIONS = (
    "SUORAMARKKINOINTIKIELTO",
    "ASIAKASREKISTERIN_PAIVITYSKIELTO",
    "YHTEYSTIETOJEN_LUOVUTUSKIELTO",
    "HENKILOMATRIKKELIKIELTO",
    "SUKUTUTKIMUSKIELTO",
)

_ADDRESS_FIELDS = (
    "katunimi",
    "katunumero",
    "huoneistokirjain",
    "huoneistonumero",
    "jakokirjain",
    "postinumero",
    "postitoimipaikka",
    "rakennustunnus",
    "osoitenumero",
    "kuntakoodi",
)
_CENSORED = {
    HOME: _ADDRESS_FIELDS,
    DWELLING: (
        "rakennustunnus",
        "osoitenumero",
        "huoneistokirjain",
        "huoneistonumero",
        "jakokirjain",
        "kuntakoodi",
        "asuinpaikantunnus",
    ),
    MUNICIPALITY: ("kuntakoodi", "kuntaanMuuttopv"),
    "TILAPAINEN_KOTIMAINEN_OSOITE": _ADDRESS_FIELDS,
    "KOTIMAINEN_POSTIOSOITE": ("postiosoite", "postinumero", "postitoimipaikka"),
    "SAHKOPOSTIOSOITE": ("sahkopostiosoite", "lajikoodi"),
}

_SEXES = vocabulary(["MIES", "NAINEN", "PUUTTUU"])
SEX_MISSING = 2
_LANGUAGES = vocabulary(
    [
        '"kielikoodi":"fi","kielikoodiISO6392":"fin"',
        '"kielikoodi":"sv","kielikoodiISO6392":"swe"',
        '"kielikoodi":"en","kielikoodiISO6392":"eng"',
        '"kielikoodi":"98","kielikoodiISO6392":"fse","nimi":"suomalainen viittomakieli"',
    ]
)
LANGUAGE_98 = 3
_COUNTRIES = vocabulary(
    [
        ',"lahiosoite":"Sadama 5/7","paikkakunta":"10111 TALLINN","valtiokoodi":"233"',
        ',"lahiosoite":"Storgatan 12 B","paikkakunta":"111 22 STOCKHOLM","valtiokoodi":"752"',
        ',"lahiosoite":"Beispielstrasse 3","paikkakunta":"10115 BERLIN","valtiokoodi":"276"',
        ',"lahiosoite":"1 Example Street","paikkakunta":"LONDON","valtiokoodi":"826"',
        ',"lahiosoite":"Calle Ejemplo 4","paikkakunta":"29640 FUENGIROLA","valtiokoodi":"724"',
        ',"lahiosoite":"Harbour Road 8","paikkakunta":"ST HELIER"'
        ',"valtiokoodi":"998","valtionimi":"Jersey"',
    ]
)
COUNTRY_998 = 5


def group(name: str, *body: Text | str, attribute: str = "") -> Text:
    """A group; the body's parts begin with a comma. `attribute` is its muutosattribuutti."""
    change = f',"muutosattribuutti":"{attribute}"' if attribute else ""
    return concatenated(f'{{"tietoryhma":"{name}"{change}', *body, "}")


def constant(name: str, body: str = "", attribute: str = "") -> str:
    """A group that is the same for everybody."""
    change = f',"muutosattribuutti":"{attribute}"' if attribute else ""
    return f'{{"tietoryhma":"{name}"{change}{body}}}'


def censored(
    names: Sequence[str] = tuple(_CENSORED), attribute: str = "", *, group_names: bool = False
) -> str:
    """Return a protected person's location groups: withheld fields, or groups if `group_names`."""
    quoted = {
        name: ",".join(f'"{field}"' for field in ((name,) if group_names else _CENSORED[name]))
        for name in names
    }
    return ",".join(
        constant(name, f',"turvakiellonAlaisetKentat":[{quoted[name]}]', attribute)
        for name in names
    )


def date_field(name: str, days: Ints) -> Text:
    """`,"alkupv":{"arvo":...,"tarkkuus":"PAIVA"}`; left out where the day is NO_DATE."""
    return concatenated(f',"{name}":', json_date(days))


def given_text(given: Ints, second: Ints) -> Text:
    """All first names, separated by spaces."""
    table = given_names().text
    return concatenated(
        pick(table, given), only(second >= 0, concatenated(" ", pick(table, second)))
    )


def family_text(family: Ints) -> Text:
    """Surnames."""
    return pick(family_names().text, family)


def name_group(given: Text, family: Text, *more: Text | str, attribute: str = "") -> Text:
    """HENKILON_NIMI."""
    return group(
        "HENKILON_NIMI",
        ',"etunimi":"',
        given,
        '","sukunimi":"',
        family,
        '"',
        *more,
        attribute=attribute,
    )


def name_history(kind: str, name: Text, *more: Text | str, attribute: str = "") -> Text:
    """NIMENMUUTOS of one kind, such as EDELLINEN_SUKUNIMI."""
    return group(
        "NIMENMUUTOS", f',"nimilaji":"{kind}","nimi":"', name, '"', *more, attribute=attribute
    )


def sex_group(sex: Ints) -> Text:
    """SUKUPUOLI; SEX_MISSING is PUUTTUU."""
    return group("SUKUPUOLI", ',"sukupuoli":"', pick(_SEXES, sex), '"')


def language_group(name: str, language: Ints, *more: Text | str, attribute: str = "") -> Text:
    """AIDINKIELI or ASIOINTIKIELI."""
    return group(name, ",", pick(_LANGUAGES, language), *more, attribute=attribute)


def address_group(
    name: str,
    address: Addresses,
    start: Ints,
    end: Ints | None = None,
    *,
    attribute: str = "",
    street: Text | None = None,
    house: Text | None = None,
    apartment: Text | None = None,
) -> Text:
    """A domestic address; `street`, `house` and `apartment` override the address."""
    return group(
        name,
        ',"katunimi":',
        address.street_names() if street is None else street,
        ',"katunumero":"',
        number(address.house) if house is None else house,
        '"',
        address.apartment_fields(apartment),
        ",",
        address.post_office(),
        ',"rakennustunnus":"',
        address.building(),
        '","osoitenumero":1,"kuntakoodi":"',
        address.municipality(),
        '"',
        date_field("alkupv", start),
        "" if end is None else date_field("loppupv", end),
        attribute=attribute,
    )


def dwelling_group(
    address: Addresses,
    start: Ints,
    end: Ints | None = None,
    *,
    attribute: str = "",
    name: str = DWELLING,
) -> Text:
    """The dwelling's code, for one's home or (under another name) a former one."""
    return group(
        name,
        ',"rakennustunnus":"',
        address.building(),
        '","osoitenumero":1',
        address.apartment_fields(),
        ',"kuntakoodi":"',
        address.municipality(),
        '"',
        date_field("alkupv", start),
        "" if end is None else date_field("loppupv", end),
        ',"asuinpaikantunnus":"',
        address.dwelling(),
        '"',
        attribute=attribute,
    )


def municipality_group(
    address: Addresses,
    start: Ints,
    *more: Text | str,
    attribute: str = "",
    legacy: Mask | bool = False,
) -> Text:
    """KOTIKUNTA; `legacy` repeats the date under its older spelling."""
    older = concatenated(',"kuntaanMuuttoPv":', json_date(start))
    twice = older if legacy is True else "" if legacy is False else only(legacy, older)
    return group(
        MUNICIPALITY,
        ',"kuntakoodi":"',
        address.municipality(),
        '"',
        date_field("kuntaanMuuttopv", start),
        twice,
        *more,
        attribute=attribute,
    )


def former_municipality_group(
    address: Addresses, start: Ints, end: Ints, attribute: str = ""
) -> Text:
    """EDELLINEN_KOTIKUNTA."""
    return group(
        "EDELLINEN_KOTIKUNTA",
        ',"kuntakoodi":"',
        address.municipality(),
        '"',
        date_field("kuntaanMuuttopv", start),
        date_field("kunnastaPoisMuuttopv", end),
        attribute=attribute,
    )


def postal_group(
    line: Text, address: Addresses, *more: Text | str, attribute: str = "", swedish: bool = True
) -> Text:
    """KOTIMAINEN_POSTIOSOITE; `line` is the street address or the like."""
    both = (
        concatenated('{"fi":"', line, '","sv":"', line, '"}')
        if swedish
        else concatenated('{"fi":"', line, '"}')
    )
    return group(
        "KOTIMAINEN_POSTIOSOITE",
        ',"postiosoite":',
        both,
        ",",
        address.post_office(),
        *more,
        attribute=attribute,
    )


def foreign_group(country: Ints, start: Ints, *, attribute: str = "") -> Text:
    """VAKINAINEN_ULKOMAINEN_OSOITE; COUNTRY_998 names its country in words."""
    return group(
        "VAKINAINEN_ULKOMAINEN_OSOITE",
        pick(_COUNTRIES, country),
        date_field("alkupv", start),
        attribute=attribute,
    )


def death_group(day: Ints, *, attribute: str = "", dated: Mask | bool = True) -> Text:
    """KUOLINPAIVA."""
    when = date_field("kuolinpv", day)
    return group(
        "KUOLINPAIVA",
        ',"kuollut":true',
        when if dated is True else only(np.asarray(dated), when),
        attribute=attribute,
    )


def related(
    field: str, code: Text, given: Text, family: Text, birth: Ints, *, with_code: Mask
) -> Text:
    """A related person inside a family group; the register may not know the code."""
    known = concatenated('"henkilotunnus":"', code, '",')
    return concatenated(
        f',"{field}":{{',
        either(with_code, known, ""),
        '"etunimet":"',
        given,
        '","sukunimi":"',
        family,
        '"',
        date_field("syntymapv", birth),
        "}",
    )


def without_last_brace(text: Text) -> Text:
    """A group still open, so that more can be put into it."""
    return pc.replace_substring_regex(text, r"\}$", "")


def with_impossible_start(text: Text) -> Text:
    """Return an address group with 30 February as its alkupv."""
    return pc.replace_substring_regex(
        text, r'"alkupv":\{"arvo":"[0-9-]*"', '"alkupv":{"arvo":"2024-02-30"'
    )


def repeated(text: str, count: int) -> Text:
    """The same text for each of so many records."""
    return pa.repeat(text, count)


def arrow(rows: Ints) -> pa.Array:
    """Row numbers as Arrow takes them."""
    return pa.array(rows)


class Groups:
    """Collects the groups of many records: a text for all records, some, or named rows."""

    def __init__(self, first: Text) -> None:
        self._count = len(first)
        self._parts: list[Text | str] = [first]

    def add(self, text: Text | str, where: Mask | None = None) -> None:
        """Add a group for every record, or where the mask is true; an empty text adds none."""
        if where is not None:
            self._parts.append(
                only(where, concatenated(",", text) if isinstance(text, pa.Array) else "," + text)
            )
        else:
            self._parts.extend([",", text])

    def add_rows(self, rows: Ints, text: Text) -> None:
        """A group for these rows only; `text` has one element per row."""
        if len(rows):
            self._parts.append(spread(concatenated(",", text), rows, self._count))

    def text(self) -> Text:
        """The groups of each record, separated by commas."""
        return concatenated(*self._parts)


def pick_other(rng: np.random.Generator, codes: Ints, count: int) -> Ints:
    """For each code below `count`, another one."""
    other = rng.integers(0, count - 1, len(codes))
    return np.asarray(choose(other >= codes, other + 1, other))
