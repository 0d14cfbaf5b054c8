"""The messages of each change scenario: information groups in the order of the register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.synthetic.arrow_text import Ints, Text, join, json_date, padded, pick, vocabulary
from pipelines.synthetic.identity_codes import with_wrong_check
from pipelines.synthetic.names import draw_family
from pipelines.synthetic.people import People
from pipelines.synthetic.places import Addresses
from pipelines.synthetic.population_register import groups
from pipelines.synthetic.population_register.basic_data import protection_group

_PROHIBITIONS = vocabulary(groups.PROHIBITIONS)
_RELIGION = (
    groups.constant("USKONTOKUNTA", ',"uskontokunta":275', "LISATTY")
    + ","
    + groups.constant("SIVIILISAATY", ',"siviilisaaty":"ERONNUT"', "MUUTETTU")
)
_HIDDEN = groups.censored((groups.HOME, groups.DWELLING, groups.MUNICIPALITY), "MUUTETTU")


@dataclass(frozen=True)
class Cast:
    """The people of a scenario, and the values for their messages."""

    people: People
    old_home: Addresses
    new_home: Addresses
    old_code: Text
    family_before: Text
    second_before: Ints
    email: Text
    since: Ints  # moved into the old home
    on: Ints  # the day on which the change takes effect
    rng: np.random.Generator

    @property
    def given(self) -> Text:
        """All first names, as they end."""
        return groups.given_text(self.people.given, self.people.second)

    @property
    def family(self) -> Text:
        """The surname, as it ends."""
        return groups.family_text(self.people.family)


def _new_address(cast: Cast) -> Text:
    return groups.address_group(groups.HOME, cast.new_home, cast.on, attribute="LISATTY")


def _old_address_ends(cast: Cast) -> Text:
    return groups.address_group(
        groups.HOME, cast.old_home, cast.since, cast.on - 1, attribute="MUUTETTU"
    )


def _move(cast: Cast) -> Text:
    return join(
        _new_address(cast),
        ",",
        _old_address_ends(cast),
        ",",
        groups.municipality_group(cast.new_home, cast.on, attribute="LISATTY", legacy=True),
        ",",
        groups.former_municipality_group(cast.old_home, cast.since, cast.on - 1, "MUUTETTU"),
        ",",
        groups.dwelling_group(cast.new_home, cast.on, attribute="LISATTY"),
        ",",
        groups.dwelling_group(cast.old_home, cast.since, cast.on - 1, attribute="MUUTETTU"),
    )


def _move_undone(cast: Cast) -> Text:
    holds = groups.municipality_group(cast.old_home, cast.since, legacy=True)
    home_holds = groups.address_group(groups.HOME, cast.old_home, cast.since)
    return join(
        groups.municipality_group(
            cast.new_home,
            cast.on,
            ',"voimassaolevatTiedot":[',
            holds,
            "]",
            attribute="POISTETTU",
            legacy=True,
        ),
        ",",
        groups.municipality_group(cast.old_home, cast.since, attribute="LISATIETO"),
        ",",
        _with_holding(
            groups.address_group(groups.HOME, cast.new_home, cast.on, attribute="POISTETTU"),
            home_holds,
        ),
        ",",
        groups.address_group(
            groups.HOME, cast.old_home, cast.since, cast.on - 1, attribute="KORJATTAVA"
        ),
        ",",
        groups.address_group(groups.HOME, cast.old_home, cast.since, attribute="KORJATTU"),
    )


def _with_holding(group: Text, holds: Text) -> Text:
    """Return a POISTETTU group with the currently valid group inside it."""
    body = groups.without_last_brace(group)
    return join(body, ',"voimassaolevatTiedot":[', holds, "]}")


def _family_name(cast: Cast, before: Text, after: Text) -> Text:
    start = groups.date_field("alkupv", cast.on)
    return join(
        groups.name_group(cast.given, after, start, attribute="MUUTETTU"),
        ",",
        groups.name_history("NYKYINEN_SUKUNIMI", after, start, attribute="LISATTY"),
        ",",
        groups.name_history(
            "EDELLINEN_SUKUNIMI",
            before,
            groups.date_field("loppupv", cast.on),
            attribute="MUUTETTU",
        ),
    )


def _married(cast: Cast) -> Text:
    return join(
        _family_name(cast, cast.family_before, cast.family),
        "," + groups.constant("SIVIILISAATY", ',"siviilisaaty":"AVIOLIITOSSA"', "MUUTETTU"),
    )


def _older_name(cast: Cast) -> Text:
    passing = draw_family(cast.rng, cast.people.language)
    return _family_name(cast, cast.family_before, groups.family_text(passing))


def _given_name(cast: Cast) -> Text:
    start = groups.date_field("alkupv", cast.on)
    before = groups.given_text(cast.people.given, cast.second_before)
    return join(
        groups.name_group(cast.given, cast.family_before, start, attribute="MUUTETTU"),
        ",",
        groups.name_history("NYKYINEN_ETUNIMI", cast.given, start, attribute="LISATTY"),
        ",",
        groups.name_history(
            "EDELLINEN_ETUNIMI", before, groups.date_field("loppupv", cast.on), attribute="MUUTETTU"
        ),
    )


def _death(cast: Cast) -> Text:
    return groups.death_group(cast.on, attribute="LISATTY")


def _death_undone(cast: Cast) -> Text:
    return join(
        groups.death_group(cast.on, attribute="KORJATTAVA"),
        "," + groups.constant("KUOLINPAIVA", ',"kuollut":false', "KORJATTU"),
    )


def _correction(cast: Cast, passive: Text, active: str | Text, previous: Text | str) -> Text:
    code = cast.people.code
    return join(
        groups.group(
            "HENKILOTUNNUS_KORJAUS",
            ',"voimassaolo":"AKTIIVI","muutettuHenkilotunnus":"',
            code,
            '","aktiivinenHenkilotunnus":"',
            code,
            '","edellisetHenkilotunnukset":["',
            cast.old_code,
            '"]',
            attribute="LISATTY",
        ),
        ",",
        groups.group(
            "HENKILOTUNNUS_KORJAUS",
            ',"voimassaolo":"PASSIIVI","muutettuHenkilotunnus":"',
            passive,
            '","aktiivinenHenkilotunnus":',
            active,
            ',"edellisetHenkilotunnukset":[',
            previous,
            "]",
            attribute="MUUTETTU",
        ),
    )


def _code_correction(cast: Cast) -> Text:
    return _correction(cast, cast.old_code, join('"', cast.people.code, '"'), "")


def _code_correction_null(cast: Cast) -> Text:
    return _correction(cast, cast.old_code, "null", "")


def _code_correction_third(cast: Cast) -> Text:
    third = with_wrong_check(cast.old_code)
    return _correction(cast, third, join('"', cast.people.code, '"'), join('"', third, '"'))


def _same(text: str) -> Callable[[Cast], Text]:
    return lambda cast: groups.repeated(text, len(cast.people))


def _protection(until: str, after: str = _HIDDEN) -> Callable[[Cast], Text]:
    return _same(protection_group(until, "LISATTY") + ("," + after if after else ""))


def _protection_past(cast: Cast) -> Text:
    return join(
        groups.group(
            "TURVAKIELTO",
            groups.date_field("turvaLoppuPv", cast.on - 400),
            ',"turvakieltoAktiivinen":true',
            attribute="LISATTY",
        )
    )


def _address_then_flag(cast: Cast) -> Text:
    return join(_move(cast), "," + protection_group("", "LISATTY"))


def _flag_then_address(cast: Cast) -> Text:
    return join(protection_group("2120-02-28", "LISATTY") + ",", _move(cast))


def _lifted(cast: Cast) -> Text:
    return groups.group(
        "TURVAKIELTO",
        groups.date_field("turvaLoppuPv", cast.on),
        ',"turvakieltoAktiivinen":false',
        attribute="MUUTETTU",
    )


def _lifted_with_address(cast: Cast) -> Text:
    return join(
        _lifted(cast),
        ",",
        groups.address_group(groups.HOME, cast.old_home, cast.since, attribute="MUUTETTU"),
        ",",
        groups.municipality_group(cast.old_home, cast.since, attribute="LISATIETO", legacy=True),
    )


def _newborn(cast: Cast) -> Text:
    return join(
        groups.group(
            "SYNTYMAPAIVA", ',"syntymapv":', json_date(cast.people.birth), attribute="LISATTY"
        ),
        ",",
        groups.sex_group(cast.people.sex),
        ",",
        groups.address_group(groups.HOME, cast.old_home, cast.people.birth, attribute="LISATTY"),
        ",",
        groups.municipality_group(cast.old_home, cast.people.birth, attribute="LISATTY"),
    )


def _impossible_date(cast: Cast) -> Text:
    address = groups.without_last_brace(
        groups.address_group(groups.HOME, cast.new_home, cast.on, attribute="LISATTY")
    )
    return groups.with_impossible_start(join(address, "}"))


def _email(cast: Cast) -> Text:
    return groups.group(
        "SAHKOPOSTIOSOITE",
        ',"sahkopostiosoite":"',
        cast.email,
        '","lajikoodi":"1"',
        attribute="LISATTY",
    )


def _language(cast: Cast) -> Text:
    return groups.language_group(
        "ASIOINTIKIELI",
        groups.pick_other(cast.rng, cast.people.language, 3),
        groups.date_field("alkupv", cast.on),
        attribute="LISATTY",
    )


def _temporary(cast: Cast) -> Text:
    return groups.address_group(
        "TILAPAINEN_KOTIMAINEN_OSOITE", cast.new_home, cast.on, attribute="LISATTY"
    )


def _postal(cast: Cast) -> Text:
    start, old_start = groups.date_field("alkupv", cast.on), groups.date_field("alkupv", cast.since)
    box = join("PL ", padded(cast.people.person % 1_000, 3))
    return join(
        groups.postal_group(box, cast.new_home, start, attribute="LISATTY", swedish=False),
        ",",
        groups.postal_group(
            groups.repeated("Poste restante", len(cast.people)),
            cast.old_home,
            old_start,
            groups.date_field("loppupv", cast.on - 1),
            attribute="MUUTETTU",
        ),
    )


def _prohibition(attribute: str) -> Callable[[Cast], Text]:
    def message(cast: Cast) -> Text:
        kind = pick(
            _PROHIBITIONS,
            np.where(cast.rng.random(len(cast.people)) < 0.6, 0, cast.people.person % 5),
        )
        return join(
            '{"tietoryhma":"',
            kind,
            f'","muutosattribuutti":"{attribute}"',
            groups.date_field("alkupv", cast.on),
            "}",
        )

    return message


def _abroad(cast: Cast) -> Text:
    return join(
        groups.foreign_group(cast.people.person % 6, cast.on, attribute="LISATTY"),
        ",",
        _old_address_ends(cast),
    )


def _call_name(cast: Cast) -> Text:
    second = cast.people.second
    name = groups.given_text(
        np.where(second >= 0, second, cast.people.given), np.full(len(second), -1)
    )
    return groups.group(
        "KUTSUMANIMI",
        ',"nimilaji":"NYKYINEN_KUTSUMANIMI","nimi":"',
        name,
        '"',
        groups.date_field("alkupv", cast.on),
        attribute="LISATTY",
    )


def _context(cast: Cast) -> Text:
    return join(
        groups.municipality_group(cast.old_home, cast.since, attribute="LISATIETO"),
        ",",
        groups.name_group(cast.given, cast.family, attribute="LISATIETO"),
    )


BODIES: dict[str, Callable[[Cast], Text]] = {
    "move": _move,
    "move_to_be_undone": _move,
    "move_undone": _move_undone,
    "change_at_21z": _move,
    "change_of_unknown_person": _move,
    "change_code_missing": _move,
    "change_code_checksum": _move,
    "change_without_time": _move,
    "change_duplicate_key": _email,
    "change_after_broken": _email,
    "change_broken": _impossible_date,
    "name_change_marriage": _married,
    "change_newer_first": _married,
    "change_older_last": _older_name,
    "given_name_change": _given_name,
    "death": _death,
    "death_to_be_undone": _death,
    "death_undone": _death_undone,
    "death_without_date": _same(groups.constant("KUOLINPAIVA", ',"kuollut":true', "LISATTY")),
    "code_correction": _code_correction,
    "code_correction_null_active": _code_correction_null,
    "code_correction_third_code": _code_correction_third,
    "code_correction_empty_group": _same(groups.constant("HENKILOTUNNUS_KORJAUS")),
    "protection_added": _protection(""),
    "protection_flag_only": _protection("", ""),
    "protection_until_2120": _protection("2120-02-28"),
    "protection_until_2999": _protection("2999-02-28"),
    "protection_until_2100": _protection("2100-12-31"),
    "protection_past_end": _protection_past,
    "protection_after_fresh_address": _address_then_flag,
    "protection_before_fresh_address": _flag_then_address,
    "protection_to_be_lifted": _protection("2120-02-28"),
    "protection_to_be_lifted_with_address": _protection(""),
    "protection_lifted": _lifted,
    "protection_lifted_with_address": _lifted_with_address,
    "newborn": _newborn,
    "email_change": _email,
    "language_change": _language,
    "temporary_address": _temporary,
    "postal_address": _postal,
    "prohibition_added": _prohibition("LISATTY"),
    "prohibition_removed": _prohibition("POISTETTU"),
    "family_and_religion_only": _same(_RELIGION),
    "move_abroad": _abroad,
    "call_name_change": _call_name,
    "change_unknown_group": _same(groups.constant("JOKU_MUU", "", "LISATTY")),
    "change_context_only": _context,
    "change_code_broken": _same(""),
    "change_without_groups": _same(""),
}
