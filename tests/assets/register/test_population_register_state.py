"""Whatever the order in which the register's messages come, they end in the state that they
describe.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied
from tests.support.deliveries import basic_data, changes
from tests.support.population_register_messages import (
    BASE,
    code,
    day,
    death,
    home_address,
    message,
    municipality,
    name,
    part,
    protection,
)
from tests.support.registers import build, registrant, rows, take_in

MAIJA = code("010190-900")


Messages = list[dict[str, Any]]


def moved(who: str, street: str, number: str, postcode: str, town: str) -> dict[str, Any]:
    return message(
        who,
        "2026-11-01",
        home_address(street, number, postcode, town, "2026-11-01", "LISATTY"),
        home_address(
            "Vanhakatu", "1", "00100", "HELSINKI", "2010-05-01", "MUUTETTU", until="2026-10-31"
        ),
        municipality("837", "2026-11-01", "LISATTY"),
    )


def undone_death(who: str) -> Messages:
    return [
        message(who, "2026-11-01", death(True, "LISATTY", "2026-10-30")),
        message(
            who, "2026-11-02", death(True, "KORJATTAVA", "2026-10-30"), death(False, "KORJATTU")
        ),
    ]


def undated_death(who: str) -> Messages:
    return [message(who, "2026-11-01", death(True, "LISATTY"))]


def move(who: str) -> Messages:
    return [
        moved(who, "Uusikatu", "6a-6b", "33100", "TAMPERE"),
        message(who, "2026-11-02", name("Maija", "Uusinimi", "MUUTETTU", "2026-11-02")),
    ]


def undone_move(who: str) -> Messages:
    old = {
        key: value
        for key, value in home_address("Vanhakatu", "1", "00100", "HELSINKI", "2010-05-01").items()
        if key != "tietoryhma"
    }
    undone = message(
        who,
        "2026-11-02",
        municipality(
            "837",
            "2026-11-01",
            "POISTETTU",
            holding=[{"kuntakoodi": "091", "kuntaanMuuttopv": day("2010-05-01")}],
        ),
        {
            **home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-01", "POISTETTU"),
            "voimassaolevatTiedot": [old],
        },
    )
    return [moved(who, "Uusikatu", "2", "33100", "TAMPERE"), undone]


def lifted_protection(who: str) -> Messages:
    return [
        message(
            who,
            "2026-11-01",
            home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-01", "LISATTY"),
            protection(True, "LISATTY", "2120-02-28"),
        ),
        message(
            who,
            "2026-11-02",
            home_address("Piilokatu", "3", "90100", "OULU", "2026-11-02", "LISATTY"),
        ),
        message(who, "2026-11-03", protection(False, "MUUTETTU", "2026-11-03")),
    ]


def address_after_protection(who: str) -> Messages:
    return [
        message(who, "2026-11-01", protection(True, "LISATTY")),
        message(
            who,
            "2026-11-02",
            protection(False, "MUUTETTU"),
            home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-02", "LISATTY"),
        ),
    ]


def censored_address(who: str) -> Messages:
    censored = part(
        "VAKINAINEN_KOTIMAINEN_OSOITE",
        "MUUTETTU",
        turvakiellonAlaisetKentat=["katunimi", "katunumero"],
    )
    return [message(who, "2026-11-01", censored)]


NEW_CODE = code("010190-901")


def corrected_code(who: str) -> Messages:
    correction = message(
        NEW_CODE,
        "2026-11-01",
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="AKTIIVI",
            muutettuHenkilotunnus=NEW_CODE,
            aktiivinenHenkilotunnus=NEW_CODE,
            edellisetHenkilotunnukset=[who],
        ),
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="PASSIIVI",
            muutettuHenkilotunnus=who,
            aktiivinenHenkilotunnus=None,
            edellisetHenkilotunnukset=[],
        ),
        part("HENKILOTUNNUS_KORJAUS"),
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="PASSIIVI",
            muutettuHenkilotunnus="010190-999X",
            aktiivinenHenkilotunnus=NEW_CODE,
        ),
    )
    renamed = message(
        NEW_CODE, "2026-11-02", name("Maija Liisa", "Esimerkki", "MUUTETTU", "2026-11-02")
    )
    return [correction, renamed]


def removed_prohibition(who: str) -> Messages:
    return [
        message(
            who,
            "2026-11-01",
            part("SUORAMARKKINOINTIKIELTO", "LISATTY", alkupv=day("2026-11-01")),
            part("SUKUTUTKIMUSKIELTO", "LISATTY"),
        ),
        message(
            who,
            "2026-11-02",
            part("SUORAMARKKINOINTIKIELTO", "POISTETTU", alkupv=day("2026-11-01")),
        ),
    ]


CASES: tuple[Callable[[str], Messages], ...] = (
    undone_death,
    undated_death,
    move,
    undone_move,
    lifted_protection,
    address_after_protection,
    censored_address,
    corrected_code,
    removed_prohibition,
)
CODES = {case: code(f"010190-{number}") for number, case in enumerate(CASES, 910)}


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The basic data of a person for each case have been taken in, and nothing is built."""
    data_root = DataRoot(tmp_path_factory.mktemp("everybody") / "data")
    data_root.create()
    basic_data(data_root, "2026-11-01", [{**BASE, "henkilotunnus": who} for who in CODES.values()])
    take_in(data_root)
    return data_root.root


@pytest.fixture(scope="module", params=list(itertools.permutations(range(3))), ids=str)
def ended(
    request: pytest.FixtureRequest, everybody: Path, tmp_path_factory: pytest.TempPathFactory
) -> DataRoot:
    """Each message is in the delivery of the day it was made; the deliveries arrive, and are taken
    in, in an order of their own.
    """
    data_root = DataRoot(copied(everybody, tmp_path_factory.mktemp("ended") / "data"))
    for number in request.param:
        messages = [case(who)[number] for case, who in CODES.items() if number < len(case(who))]
        changes(data_root, f"2026-11-{number + 2:02d}", messages, key=number + 2)
        take_in(data_root)
    build(data_root)
    return data_root


def state(data_root: DataRoot, case: Callable[[str], Messages]) -> dict[str, Any]:
    return registrant(data_root, CODES[case])


def rows_of(data_root: DataRoot, table: str, who: str) -> list[dict[str, Any]]:
    return rows(
        data_root,
        f"SELECT {table}.* FROM {table} JOIN registrants USING (registrant_id) "
        f"WHERE identity_code = '{who}'",
    )


def test_a_death_that_is_undone_leaves_the_registrant_alive(ended: DataRoot) -> None:
    alive = state(ended, undone_death)
    assert (alive["deceased"], alive["death_date"]) == (False, None)


def test_a_death_without_a_date_is_a_death(ended: DataRoot) -> None:
    dead = state(ended, undated_death)
    assert (dead["deceased"], dead["death_date"]) == (True, None)


@pytest.mark.clause("P5.2", "P8.3")
def test_the_new_address_holds_although_the_old_one_is_delivered_after_it(
    ended: DataRoot,
) -> None:
    now = state(ended, move)
    assert (now["street"], now["town"], now["municipality_code"]) == (
        "Uusikatu 6a-6b",
        "TAMPERE",
        "837",
    )
    assert now["family_name"] == "Uusinimi"
    past = [
        address["street"]
        for address in rows_of(ended, "addresses", CODES[move])
        if not address["is_current"] and address["kind"] == "permanent"
    ]
    assert past == ["Vanhakatu 1"]


def test_a_move_that_is_undone_ends_where_it_began(ended: DataRoot) -> None:
    now = state(ended, undone_move)
    assert (now["street"], now["municipality_code"]) == ("Vanhakatu 1", "091")


@pytest.mark.clause("P6.2")
def test_protection_wins_in_any_order_and_lifting_it_restores_nothing(ended: DataRoot) -> None:
    now = state(ended, lifted_protection)
    assert now["protected"] is False
    assert (now["street"], now["municipality_code"]) == (None, None)
    assert rows_of(ended, "addresses", CODES[lifted_protection]) == []


def test_after_protection_an_address_that_is_sent_again_holds(ended: DataRoot) -> None:
    assert state(ended, address_after_protection)["street"] == "Uusikatu 2"


def test_a_censored_address_is_forgotten_with_its_history(ended: DataRoot) -> None:
    assert state(ended, censored_address)["protected"] is True
    assert rows_of(ended, "addresses", CODES[censored_address]) == []


@pytest.mark.clause("P8.3", "P5.1")
def test_a_corrected_identity_code_is_the_same_registrant(ended: DataRoot) -> None:
    now = registrant(ended, NEW_CODE)
    assert (now["given_names"], now["street"]) == ("Maija Liisa", "Vanhakatu 1")
    assert len(rows(ended, "SELECT * FROM registrants")) == len(CODES)
    assert {row["value"] for row in rows_of(ended, "identifiers", NEW_CODE)} == {
        CODES[corrected_code],
        NEW_CODE,
    }


@pytest.mark.clause("P5.4", "P6.2")
def test_prohibitions_hold_until_they_are_removed(ended: DataRoot) -> None:
    chosen = rows_of(ended, "choices", CODES[removed_prohibition])
    assert [row["purpose"] for row in chosen] == ["genealogy"]


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    """Her basic data have been taken in, and nothing is built."""
    made = DataRoot(tmp_path / "data")
    made.create()
    basic_data(made, "2026-11-01", [BASE])
    take_in(made)
    return made


@pytest.mark.clause("P8.3")
def test_a_change_in_quarantine_holds_back_later_ones_but_not_protection(
    data_root: DataRoot,
) -> None:
    broken = message(MAIJA, "2026-11-01", name("Rikki", "Mennyt", "OUTO"))
    later = message(
        MAIJA,
        "2026-11-02",
        name("Maija", "Myöhempi", "MUUTETTU", "2026-11-02"),
        protection(True, "LISATTY"),
    )
    for number, change in enumerate((broken, later), 2):
        changes(data_root, f"2026-11-{number:02d}", [change], key=number)
        take_in(data_root)
    build(data_root)
    assert registrant(data_root, MAIJA)["family_name"] == "Esimerkki"
    assert registrant(data_root, MAIJA)["protected"] is True
    mended = message(MAIJA, "2026-11-01", name("Maija", "Mennyt", "MUUTETTU", "2026-11-01"))
    changes(data_root, "2026-11-05", [mended])
    take_in(data_root)
    build(data_root)
    assert registrant(data_root, MAIJA)["family_name"] == "Myöhempi"


def test_the_whole_register_is_the_same_day_by_day_and_all_at_once(
    data_root: DataRoot, tmp_path: Any
) -> None:
    messages = [
        message(
            MAIJA,
            "2026-11-01",
            home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-01", "LISATTY"),
        ),
        message(MAIJA, "2026-11-02", name("Maija", "Uusinimi", "MUUTETTU", "2026-11-02")),
    ]
    at_once = DataRoot(tmp_path / "other")
    at_once.create()
    basic_data(at_once, "2026-11-01", [BASE])
    for where in (data_root, at_once):
        for number, change in enumerate(messages):
            changes(where, f"2026-11-{number + 2:02d}", [change], key=number)
            if where is data_root:
                take_in(data_root)
                build(data_root)
    take_in(at_once)
    build(at_once)
    for table in ("registrants", "names", "addresses", "membership", "provenance", "identifiers"):
        assert rows(data_root, f"SELECT * FROM {table}") == rows(at_once, f"SELECT * FROM {table}")
