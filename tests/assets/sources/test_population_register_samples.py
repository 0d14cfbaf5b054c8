"""Whole payloads in the documented envelope: each ends staged or in quarantine with a code."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from assets.ingest import deliveries
from assets.storage.data_root import DataRoot
from tests.support.deliveries import basic_data, changes, put
from tests.support.population_register_messages import (
    code,
    day,
    death,
    message,
    municipality,
    name,
    part,
    person,
    protection,
)
from tests.support.registers import build, registrant, rows, take_in

MOVER, DEAD, HIDDEN = code("010188-916"), code("160976-904"), code("010192-921")
RENAMED, UNHEARD_OF = code("010579-999"), code("140921A999")
BROKEN = (
    '{"henkilotunnus":"rikki","muutospv":"2021-09-14T12:01:04.568Z",'
    '"muutospv":"2021-09-15T12:01:04.568Z"}'
)


def apartment(
    street: tuple[str, str],
    number: str,
    town: tuple[str, str, str],
    since: str,
    operation: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """An address with all that the register says of one: street, town and postcode, building."""
    return part(
        "VAKINAINEN_KOTIMAINEN_OSOITE",
        operation,
        katunimi={"fi": street[0], "sv": street[1]},
        katunumero=number,
        huoneistokirjain="A",
        huoneistonumero="002",
        postinumero=town[2],
        postitoimipaikka={"fi": town[0], "sv": town[1]},
        rakennustunnus="9000001596",
        osoitenumero=4,
        alkupv=day(since),
        **fields,
    )


def renaming(kind: str, operation: str, given: str, **fields: Any) -> list[dict[str, Any]]:
    """The part for all who may know a change of name, and the wide one for authorities."""
    return [
        part(group, operation, nimilaji=kind, nimi=given, **fields)
        for group in ("NIMENMUUTOS", "NIMENMUUTOS_LAAJA")
    ]


def renamed(given: str, family: str, on: str, before: str) -> list[dict[str, Any]]:
    return [
        name(given, family, "MUUTETTU", on),
        *renaming("NYKYINEN_ETUNIMI", "LISATTY", given, alkupv=day(on)),
        *renaming("EDELLINEN_ETUNIMI", "MUUTETTU", before, loppupv=day(on)),
    ]


def people() -> list[dict[str, Any]]:
    """What the register says first of the three, with much that nobody here may use."""
    tampere = ("TAMPERE", "TAMMERFORS", "33100")
    return [
        person(
            MOVER,
            part("SUKUPUOLI", sukupuoli="NAINEN"),
            name("Malla", "Muuttaja"),
            part("SIVIILISAATY", siviilisaaty="REKISTEROIDYSSA_PARISUHTEESSA"),
            part("SYNTYMAPAIVA", syntymapv=day("1988-01-01")),
            part("LAPSI", lapsi={"henkilotunnus": code("010121A962")}, isaAiti="AITI"),
            apartment(("Vanhatie", "Gamla vägen"), "32", tampere, "2004-05-01"),
            municipality("837", "2004-05-01"),
        ),
        person(
            DEAD,
            part("AIDINKIELI", kielikoodi="fr", kielikoodiISO6392="fra"),
            name("Ville", "Vainaja"),
            *renaming("EDELLINEN_SUKUNIMI", "LISATTY", "Ennen"),
            part("SYNTYMAPAIVA", syntymapv=day("1976-09-16")),
            municipality("198", "2012-04-10"),
            part("USKONTOKUNTALAJI", uskontokuntalaji="EI_USKONTOKUNTAA"),
        ),
        person(
            HIDDEN,
            part(
                "HENKILOTUNNUS_KORJAUS",
                aktiivinenHenkilotunnus=HIDDEN,
                edellisetHenkilotunnukset=[],
                muutettuHenkilotunnus=HIDDEN,
                voimassaolo="AKTIIVI",
            ),
            name("Hanna", "Piilossa"),
            part("SYNTYMAPAIVA", syntymapv=day("1992-01-01")),
            apartment(("Piilotie", "Gömvägen"), "30", tampere, "1992-01-01"),
            municipality("837", "1992-01-01"),
            part("VAKINAINEN_KOTIMAINEN_ASUINPAIKKATUNNUS", kuntakoodi="837"),
        ),
    ]


def moved() -> list[dict[str, Any]]:
    old, new = ("TAMPERE", "TAMMERFORS", "33100"), ("MYRKKY", "MÖRTMARK", "64370")
    streets = (("Vanhatie", "Gamla vägen"), ("Uusikatu", "Nygatan"))
    return [
        apartment(streets[1], "6a-6b", new, "2019-06-27", "LISATTY", jakokirjain="a"),
        apartment(streets[0], "32", old, "2004-05-01", "MUUTETTU", loppupv=day("2019-06-26")),
        municipality("287", "2019-06-27", "LISATTY"),
        part("EDELLINEN_KOTIKUNTA", "MUUTETTU", kuntakoodi="837"),
        part("VAESTOKIRJANPITOKUNTA", "MUUTETTU", kuntakoodi="287"),
    ]


def posted() -> list[dict[str, Any]]:
    """A new postal address, which is given of somebody under protection, too."""

    def postal(operation: str, line: str, postcode: str, **fields: Any) -> dict[str, Any]:
        return part(
            "KOTIMAINEN_POSTIOSOITE",
            operation,
            postiosoite={"fi": line},
            postinumero=postcode,
            postitoimipaikka={"fi": "VAASA"},
            **fields,
        )

    return [
        postal("LISATTY", "Lokerokatu 34 016", "65100", alkupv=day("2020-01-27")),
        postal("MUUTETTU", "Poste restante", "65101", loppupv=day("2020-01-26")),
    ]


def renamed_person() -> dict[str, Any]:
    parts = renamed("Uusi", "Nimetty", "2019-09-25", "Entinen")
    return message(RENAMED, "2019-09-24", *parts)


def messages() -> list[dict[str, Any]]:
    new_name = renamed("Mathilda Helena", "Muuttaja", "2019-05-08", "Malla")
    return [
        message(MOVER, "2019-06-27", *moved()),
        message(MOVER, "2019-07-01", *new_name),
        message(DEAD, "2026-06-28", death(True, "LISATTY", "2026-06-06")),
        message(HIDDEN, "2019-06-28", protection(True, "LISATTY")),
        message(HIDDEN, "2020-01-28", *posted()),
        renamed_person(),
        message(UNHEARD_OF, "2021-09-14", part("JOKU_MUU", "LISATTY")),
    ]


@pytest.mark.clause("P6.2", "P6.6")
@pytest.mark.parametrize(
    "days", list(itertools.permutations(("2026-11-02", "2026-11-03", "2026-11-04")))[:4]
)
def test_changes_end_in_the_right_state_whatever_their_delivery_day(
    data_root: DataRoot, days: tuple[str, ...]
) -> None:
    basic_data(data_root, "2026-11-01", people())
    for number, delivered in enumerate(days):
        changes(data_root, delivered, messages()[number::3], key=number)
        take_in(data_root)
    build(data_root)
    mover = registrant(data_root, MOVER)
    assert (mover["street"], mover["town"], mover["municipality_code"]) == (
        "Uusikatu 6a-6b A 2a",
        "MYRKKY",
        "287",
    )
    assert (mover["given_names"], mover["family_name"]) == ("Mathilda Helena", "Muuttaja")
    assert registrant(data_root, DEAD)["deceased"] is True
    hidden = registrant(data_root, HIDDEN)
    assert (hidden["protected"], hidden["street"], hidden["municipality_code"]) == (
        True,
        None,
        None,
    )
    assert (
        rows(
            data_root, f"SELECT * FROM addresses WHERE registrant_id = '{hidden['registrant_id']}'"
        )
        == []
    )
    assert all(entry.conserved for entry in deliveries.ledger(data_root))


def test_a_broken_record_is_quarantined_and_the_others_go_on(data_root: DataRoot) -> None:
    good = json.dumps(renamed_person())
    put(
        data_root,
        "population_register",
        "2026-11-02",
        "muutokset",
        f'{{"viimeisinKirjausavain":"1","muutokset":[{BROKEN},{good}]}}'.encode(),
        2,
    )
    changes(data_root, "2026-11-02", [], key=3494393)
    take_in(data_root)
    build(data_root)
    assert [
        (entry.delivered, entry.staged, entry.quarantined)
        for entry in deliveries.ledger(data_root)
        if entry.delivered
    ] == [(2, 1, 1)]
    assert {"REC-DUPLICATE-KEY", "VTJ-HETU-CHECKSUM"} <= set(
        next(entry.codes or {} for entry in deliveries.ledger(data_root) if entry.delivered)
    )


def test_basic_data_in_pieces_is_taken(data_root: DataRoot) -> None:
    """A piece without a field, and one of a person who lives abroad and here for a time."""
    abroad = part("VAKINAINEN_ULKOMAINEN_OSOITE", lahiosoite="123 le street", paikkakunta="Paris")
    here = apartment(("Öljymäki", "Oljebacka"), "11", ("HELSINKI", "", "00780"), "1986-06-02")
    here |= {"tietoryhma": "TILAPAINEN_KOTIMAINEN_OSOITE", "huoneistokirjain": "C"}
    pieces = [
        person(MOVER, part("HENKILOTUNNUS_KORJAUS")),
        person(
            MOVER,
            name("Mathilda Helena", "Muuttaja", since="2019-05-08"),
            part("SYNTYMAPAIVA", syntymapv=day("1958-01-30")),
            part("KANSALAISUUS", henkilonKansalaisuudet=[{"kansalaisuuskoodi": "250"}]),
            {**abroad, "valtiokoodi": "250"},
            {**here, "huoneistonumero": "003"},
            part("KUTSUMANIMI", nimilaji="NYKYINEN_KUTSUMANIMI", nimi="Helena"),
        ),
    ]
    basic_data(data_root, "2026-11-01", pieces)
    take_in(data_root)
    build(data_root)
    assert registrant(data_root, MOVER)["street"] == "Öljymäki 11 C 3"
