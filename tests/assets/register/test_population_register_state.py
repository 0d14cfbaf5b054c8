"""Whatever the order in which the register's messages come, they end in the state that they
describe.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
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


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Her basic data have been taken in, and nothing is built."""
    data_root = DataRoot(tmp_path_factory.mktemp("base") / "data")
    data_root.create()
    basic_data(data_root, "2026-11-01", [BASE])
    take_in(data_root)
    return data_root.root


@pytest.fixture
def data_root(base: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(base, tmp_path / "data"))


def deliver_in_order(
    data_root: DataRoot, order: Sequence[int], messages: Sequence[dict[str, Any]]
) -> None:
    """Each message is a delivery of the day it was made; they arrive, and are taken in, in the
    order given.
    """
    for number in order:
        changes(data_root, f"2026-11-{number + 2:02d}", [messages[number]], key=number + 2)
        take_in(data_root)


def end_state(
    data_root: DataRoot, messages: Sequence[dict[str, Any]], order: Sequence[int]
) -> dict[str, Any]:
    deliver_in_order(data_root, order, messages)
    build(data_root)
    return registrant(data_root, MAIJA)


ORDERS_OF_TWO = list(itertools.permutations(range(2)))


@pytest.mark.parametrize("order", ORDERS_OF_TWO)
def test_a_death_that_is_undone_leaves_the_registrant_alive(
    data_root: DataRoot, order: tuple[int, ...]
) -> None:
    died = message(MAIJA, "2026-11-01", death(True, "LISATTY", "2026-10-30"))
    undone = message(
        MAIJA, "2026-11-02", death(True, "KORJATTAVA", "2026-10-30"), death(False, "KORJATTU")
    )
    state = end_state(data_root, [died, undone], order)
    assert (state["deceased"], state["death_date"]) == (False, None)


def test_a_death_without_a_date_is_a_death(data_root: DataRoot) -> None:
    state = end_state(data_root, [message(MAIJA, "2026-11-01", death(True, "LISATTY"))], [0])
    assert (state["deceased"], state["death_date"]) == (True, None)


@pytest.mark.clause("P5.2", "P8.3")
@pytest.mark.parametrize("order", ORDERS_OF_TWO)
def test_the_new_address_holds_although_the_old_one_is_delivered_after_it(
    data_root: DataRoot, order: tuple[int, ...]
) -> None:
    moved = message(
        MAIJA,
        "2026-11-01",
        home_address("Uusikatu", "6a-6b", "33100", "TAMPERE", "2026-11-01", "LISATTY"),
        home_address(
            "Vanhakatu", "1", "00100", "HELSINKI", "2010-05-01", "MUUTETTU", until="2026-10-31"
        ),
        municipality("837", "2026-11-01", "LISATTY"),
    )
    named = message(MAIJA, "2026-11-02", name("Maija", "Uusinimi", "MUUTETTU", "2026-11-02"))
    state = end_state(data_root, [moved, named], order)
    assert (state["street"], state["town"], state["municipality_code"]) == (
        "Uusikatu 6a-6b",
        "TAMPERE",
        "837",
    )
    assert state["family_name"] == "Uusinimi"
    past = rows(
        data_root, "SELECT street FROM addresses WHERE NOT is_current AND kind = 'permanent'"
    )
    assert past == [{"street": "Vanhakatu 1"}]


@pytest.mark.parametrize("order", ORDERS_OF_TWO)
def test_a_move_that_is_undone_ends_where_it_began(
    data_root: DataRoot, order: tuple[int, ...]
) -> None:
    old = {
        key: value
        for key, value in home_address("Vanhakatu", "1", "00100", "HELSINKI", "2010-05-01").items()
        if key != "tietoryhma"
    }
    moved = message(
        MAIJA,
        "2026-11-01",
        home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-01", "LISATTY"),
        home_address(
            "Vanhakatu", "1", "00100", "HELSINKI", "2010-05-01", "MUUTETTU", until="2026-10-31"
        ),
        municipality("837", "2026-11-01", "LISATTY"),
    )
    undone = message(
        MAIJA,
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
    state = end_state(data_root, [moved, undone], order)
    assert (state["street"], state["municipality_code"]) == ("Vanhakatu 1", "091")


@pytest.mark.clause("P6.2")
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_protection_wins_in_any_order_and_lifting_it_restores_nothing(
    data_root: DataRoot, order: tuple[int, ...]
) -> None:
    messages = [
        message(
            MAIJA,
            "2026-11-01",
            home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-01", "LISATTY"),
            protection(True, "LISATTY", "2120-02-28"),
        ),
        message(
            MAIJA,
            "2026-11-02",
            home_address("Piilokatu", "3", "90100", "OULU", "2026-11-02", "LISATTY"),
        ),
        message(MAIJA, "2026-11-03", protection(False, "MUUTETTU", "2026-11-03")),
    ]
    state = end_state(data_root, messages, order)
    assert state["protected"] is False
    assert (state["street"], state["municipality_code"]) == (None, None)
    assert rows(data_root, "SELECT * FROM addresses") == []


def test_after_protection_an_address_that_is_sent_again_holds(data_root: DataRoot) -> None:
    messages = [
        message(MAIJA, "2026-11-01", protection(True, "LISATTY")),
        message(
            MAIJA,
            "2026-11-02",
            protection(False, "MUUTETTU"),
            home_address("Uusikatu", "2", "33100", "TAMPERE", "2026-11-02", "LISATTY"),
        ),
    ]
    assert end_state(data_root, messages, [1, 0])["street"] == "Uusikatu 2"


def test_a_censored_address_is_forgotten_with_its_history(data_root: DataRoot) -> None:
    censored = part(
        "VAKINAINEN_KOTIMAINEN_OSOITE",
        "MUUTETTU",
        turvakiellonAlaisetKentat=["katunimi", "katunumero"],
    )
    state = end_state(data_root, [message(MAIJA, "2026-11-01", censored)], [0])
    assert state["protected"] is True
    assert rows(data_root, "SELECT * FROM addresses") == []


@pytest.mark.clause("P8.3", "P5.1")
@pytest.mark.parametrize("order", ORDERS_OF_TWO)
def test_a_corrected_identity_code_is_the_same_registrant(
    data_root: DataRoot, order: tuple[int, ...]
) -> None:
    new = code("010190-901")
    correction = message(
        new,
        "2026-11-01",
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="AKTIIVI",
            muutettuHenkilotunnus=new,
            aktiivinenHenkilotunnus=new,
            edellisetHenkilotunnukset=[MAIJA],
        ),
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="PASSIIVI",
            muutettuHenkilotunnus=MAIJA,
            aktiivinenHenkilotunnus=None,
            edellisetHenkilotunnukset=[],
        ),
        part("HENKILOTUNNUS_KORJAUS"),
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="PASSIIVI",
            muutettuHenkilotunnus="010190-999X",
            aktiivinenHenkilotunnus=new,
        ),
    )
    renamed = message(new, "2026-11-02", name("Maija Liisa", "Esimerkki", "MUUTETTU", "2026-11-02"))
    deliver_in_order(data_root, order, [correction, renamed])
    build(data_root)
    state = registrant(data_root, new)
    assert (state["given_names"], state["street"]) == ("Maija Liisa", "Vanhakatu 1")
    assert len(rows(data_root, "SELECT * FROM registrants")) == 1
    assert {row["value"] for row in rows(data_root, "SELECT value FROM identifiers")} == {
        MAIJA,
        new,
    }


@pytest.mark.clause("P5.4", "P6.2")
def test_prohibitions_hold_until_they_are_removed(data_root: DataRoot) -> None:
    messages = [
        message(
            MAIJA,
            "2026-11-01",
            part("SUORAMARKKINOINTIKIELTO", "LISATTY", alkupv=day("2026-11-01")),
            part("SUKUTUTKIMUSKIELTO", "LISATTY"),
        ),
        message(
            MAIJA,
            "2026-11-02",
            part("SUORAMARKKINOINTIKIELTO", "POISTETTU", alkupv=day("2026-11-01")),
        ),
    ]
    end_state(data_root, messages, [1, 0])
    assert [row["purpose"] for row in rows(data_root, "SELECT purpose FROM choices")] == [
        "genealogy"
    ]


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
    state = end_state(data_root, [broken, later], [0, 1])
    assert state["family_name"] == "Esimerkki"
    assert state["protected"] is True
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
