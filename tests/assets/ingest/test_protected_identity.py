"""Protected identity: the location goes from every layer with its history, stays out, and is
withheld when in doubt.
"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.ingest import deliveries
from assets.register import protected_identity
from assets.retention import sweep
from assets.sources.all_sources import SOURCES
from assets.staging import staged
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.support.data_roots import copied
from tests.support.dated_records import visit
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.population_register_messages import (
    code,
    day,
    home_address,
    message,
    municipality,
    name,
    part,
    person,
    protection,
)
from tests.support.registers import TODAY, build, registrant, rows, take_in

AINO, EERO = code("010190-900"), code("020290-901")
# Marts that disclose where somebody lives.
LOCATING = ("customer_care", "direct_marketing")
# Whatever tells where Aino is, or was, wherever it came from.
PLACES = (
    "Piilopolku",
    "Vanhakatu",
    "Toinentie",
    "99870",
    "INARI",
    "203.0.113.",
    "Lomamökki",
    "EDELLINEN_KOTIKUNTA",
)


def aino_and_eero() -> list[dict[str, Any]]:
    """Aino, and Eero who lives with her."""
    data_root = [
        home_address("Piilopolku", "1", "99870", "INARI", "2015-01-01"),
        municipality("148", "2015-01-01"),
    ]
    former = [
        home_address("Vanhakatu", "2", "00100", "HELSINKI", "2010-01-01", until="2014-12-31"),
        part("EDELLINEN_KOTIKUNTA", kuntakoodi="091"),
    ]
    return [
        person(AINO, name("Aino", "Esimerkki"), *data_root, *former),
        person(
            EERO,
            name("Eero", "Esimerkki"),
            home_address("Yhteistie", "3", "33100", "TAMPERE", "2015-01-01"),
        ),
    ]


def spar_answer(number: str) -> bytes:
    """The answer of Sweden's register about somebody who is not protected."""
    name = "http://statenspersonadressregister.se/schema/personsok/2021.1/personsokningsvar"
    return f"""<a:Svar xmlns:a="{name}"><a:PersonsokningSvarspost>
        <PersonId><IdNummer>{number}</IdNummer></PersonId>
        <Sekretessmarkering>NEJ</Sekretessmarkering>
        <SkyddadFolkbokforing>NEJ</SkyddadFolkbokforing>
        <Namn><Fornamn>Eva {number[-4:]}</Fornamn><Efternamn>Provsson</Efternamn></Namn>
        <Folkbokforingsadress><SvenskAdress><Utdelningsadress2>Provgatan 1</Utdelningsadress2>
        <PostNr>11146</PostNr><Postort>STOCKHOLM</Postort></SvenskAdress></Folkbokforingsadress>
        </a:PersonsokningSvarspost></a:Svar>""".encode()


def contacts(street: str = "Toinentie 5") -> bytes:
    aino = {
        "Record ID": "701", "First Name": "Aino", "Last Name": "Esimerkki",
        "Email": "aino@example.fi", "Street Address": street, "Postal Code": "99870",
        "City": "INARI", "Country/Region": "Finland", "Summer place": "Lomamökki",
        "Customer number": "C0000701", "Last Activity Date": "2026-11-01 10:00",
    }  # fmt: skip
    eero = {
        **aino,
        "Record ID": "702",
        "First Name": "Eero",
        "Email": "eero@example.fi",
        "Customer number": "C0000702",
        "Street Address": "Yhteistie 3",
    }
    eero |= {"Postal Code": "33100", "City": "TAMPERE", "Summer place": ""}
    return csv([aino, eero])


def bound(number: str, customer: str, who: str) -> dict[str, str]:
    return {
        "contract_number": number, "contact_id": "", "customer_number": customer,
        "identity_code": who, "product": "sähkö", "status": "active",
        "starts_on": "2020-01-01", "ends_on": "", "monthly_fee": "12.50", "currency": "EUR",
        "updated_at": "2026-11-01T10:00:00Z",
    }  # fmt: skip


def deliver_all(data_root: DataRoot) -> None:
    basic_data(data_root, "2026-11-01", aino_and_eero())
    put(data_root, "crm", "2026-11-01", "contacts", contacts(), 2)
    put(
        data_root,
        "crm",
        "2026-11-01",
        "contracts",
        csv([bound("K-1", "C0000701", AINO), bound("K-2", "C0000702", EERO)]),
        2,
    )
    seen = {
        **visit(1, "a000000000000001", datetime(2026, 10, 30, 12, tzinfo=UTC)),
        "userId": "C0000701",
        "visitIp": "203.0.113.77",
    }
    put(data_root, "website", "2026-11-01", "visits", json.dumps([seen]).encode(), 1)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Taken in, without a flag; nothing is built."""
    data_root = DataRoot(tmp_path_factory.mktemp("delivered") / "data")
    data_root.create()
    deliver_all(data_root)
    take_in(data_root)
    return data_root.root


@pytest.fixture
def data_root(delivered: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(delivered, tmp_path / "data"))


@pytest.fixture(scope="module")
def seen(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a flag: the register and the marts disclose where Aino is."""
    root = copied(delivered, tmp_path_factory.mktemp("seen") / "data")
    build(DataRoot(root), marts=MARTS)
    return root


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Taken in together with the flag, and built."""
    data_root = DataRoot(tmp_path_factory.mktemp("flagged") / "data")
    data_root.create()
    deliver_all(data_root)
    flag(data_root)
    take_in(data_root)
    build(data_root, marts=LOCATING)
    return data_root.root


@pytest.fixture
def hidden(flagged: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(flagged, tmp_path / "hidden"))


def flag(data_root: DataRoot, on: str = "2026-11-03", key: int = 3) -> None:
    changes(
        data_root,
        on,
        [message(AINO, "2026-11-02", protection(True, "LISATTY", "2120-02-28"))],
        key=key,
    )


def everything(data_root: DataRoot) -> str:
    """The rows of every layer and mart as one text."""
    texts = [
        str(duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall())
        for path in sorted(data_root.lake.rglob("*.parquet"))
    ]
    marts = sorted(data_root.marts.glob("*.duckdb"))
    assert marts
    for mart in marts:
        with duckdb.connect(str(mart), read_only=True) as connection:
            tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            texts += [
                str(connection.execute(f"SELECT * FROM {table}").fetchall()) for (table,) in tables
            ]
    return "\n".join(texts)


def visible_places(data_root: DataRoot) -> list[str]:
    text = everything(data_root)
    return [place for place in PLACES if place in text]


def assert_accounted_for(data_root: DataRoot) -> None:
    entries = deliveries.ledger(data_root)
    assert all(entry.conserved for entry in entries)
    assert staged.lost_by_key(data_root, entries) == 0


def test_without_a_flag_the_places_are_there(seen: Path) -> None:
    assert set(PLACES) <= set(visible_places(DataRoot(seen)))


def test_with_the_flag_the_location_goes_from_every_layer_with_its_history(
    seen: Path, tmp_path: Path
) -> None:
    data_root = DataRoot(copied(seen, tmp_path / "data"))
    before = registrant(data_root, EERO)
    flag(data_root)
    take_in(data_root)
    build(data_root)
    assert visible_places(data_root) == []
    aino = registrant(data_root, AINO)
    assert (aino["protected"], aino["given_names"], aino["email"]) == (
        True,
        "Aino",
        "aino@example.fi",
    )
    assert registrant(data_root, EERO) == before
    assert "Yhteistie" in everything(data_root)
    assert_accounted_for(data_root)


def test_staged_again_it_does_not_come_back(hidden: DataRoot) -> None:
    register = {
        table: rows(hidden, f"SELECT * FROM {table}")
        for table in ("registrants", "names", "addresses", "contact_points", "visits")
    }
    for source in SOURCES:
        staged.stage(hidden, source, {entry.day for entry in deliveries.ledger(hidden)}, again=True)
    assert visible_places(hidden) == []
    build(hidden)
    assert visible_places(hidden) == []
    assert {table: rows(hidden, f"SELECT * FROM {table}") for table in register} == register
    assert_accounted_for(hidden)


def test_what_another_source_delivers_while_the_flag_stands_is_stripped_before_it_reaches_the_disk(
    hidden: DataRoot,
) -> None:
    put(hidden, "crm", "2026-11-05", "contacts", contacts("Toinentie 7"), 2)
    seen = {
        **visit(2, "a000000000000001", datetime(2026, 11, 4, 12, tzinfo=UTC)),
        "userId": "C0000701",
        "visitIp": "203.0.113.77",
    }
    put(hidden, "website", "2026-11-05", "visits", json.dumps([seen]).encode(), 1)
    take_in(hidden)
    assert visible_places(hidden) == []
    build(hidden)
    assert visible_places(hidden) == []
    assert registrant(hidden, EERO)["street"] is not None
    assert_accounted_for(hidden)


def test_the_population_registers_own_slip_goes_with_the_same_run(hidden: DataRoot) -> None:
    changes(
        hidden,
        "2026-11-06",
        [
            message(
                AINO,
                "2026-11-05",
                home_address("Piilopolku", "9", "99870", "INARI", "2026-11-05", "LISATTY"),
            )
        ],
        key=6,
    )
    take_in(hidden)
    build(hidden)
    assert visible_places(hidden) == []
    assert_accounted_for(hidden)


def deliver_more(data_root: DataRoot, codes: list[str]) -> None:
    """People who have lived where Aino has."""
    basic_data(
        data_root,
        "2026-11-01",
        [{**aino_and_eero()[0], "henkilotunnus": who} for who in codes],
    )
    people = [
        {
            "Record ID": f"71{number}", "First Name": "Aino", "Last Name": "Esimerkki",
            "Email": f"aino{number}@example.fi", "Street Address": "Toinentie 5",
            "Postal Code": "99870", "City": "INARI", "Customer number": f"C000071{number}",
        }
        for number, _ in enumerate(codes)
    ]  # fmt: skip
    put(data_root, "crm", "2026-11-01", "contacts", csv(people), len(people))
    agreed = [bound(f"K-1{n}", f"C000071{n}", who) for n, who in enumerate(codes)]
    put(data_root, "crm", "2026-11-01", "contracts", csv(agreed), len(agreed))


def test_flag_lift_and_flag_again_end_the_same_in_any_order_of_deliveries(
    tmp_path: Path,
) -> None:
    """Of six people, each with an order."""
    data_root = DataRoot(tmp_path / "orders")
    data_root.create()
    deliver_all(data_root)
    codes = [AINO, *(code(f"01019{number}-900") for number in range(1, 6))]
    deliver_more(data_root, codes[1:])
    orders = dict(zip(codes, itertools.permutations(range(3)), strict=True))
    for step in range(3):
        for number in range(3):
            sent = [
                (
                    message(who, "2026-11-02", protection(True, "LISATTY")),
                    message(
                        who,
                        "2026-11-04",
                        protection(False, "MUUTETTU"),
                        home_address("Piilopolku", "4", "99870", "INARI", "2026-11-04", "LISATTY"),
                    ),
                    message(who, "2026-11-06", protection(True, "LISATTY")),
                )[number]
                for who, order in orders.items()
                if order[step] == number
            ]
            changes(data_root, f"2026-11-{3 + 2 * number:02d}", sent, key=3 + number)
        take_in(data_root)
        build(data_root, marts=LOCATING if step == 2 else ())
    assert visible_places(data_root) == []
    assert [registrant(data_root, who)["protected"] for who in codes] == [True] * 6
    assert_accounted_for(data_root)


def test_provenance_names_the_first_delivery_of_a_message_that_came_twice(tmp_path: Path) -> None:
    """Whether the location had been taken out of the first when the second came, or not."""
    moves = home_address("Piilopolku", "4", "99870", "INARI", "2026-11-01", "LISATTY")
    married = message(
        AINO,
        "2026-11-02",
        protection(True, "LISATTY"),
        moves,
        name("Aino", "Naimisissa", "LISATTY", "2026-11-01"),
    )
    for at_once in (True, False):
        data_root = DataRoot(tmp_path / str(at_once))
        data_root.create()
        deliver_all(data_root)
        for sent in ("2026-11-03", "2026-11-05"):
            changes(data_root, sent, [married], key=3)
            if not at_once:
                take_in(data_root)
                build(data_root)
                sweep.sweep(data_root, TODAY)
        take_in(data_root)
        build(data_root)
        first = next(
            entry.delivery_id for entry in deliveries.ledger(data_root) if entry.day == "2026-11-03"
        )
        provenance = rows(
            data_root,
            (
                "SELECT delivery_id FROM provenance SEMI JOIN (FROM registrants WHERE "
                f"identity_code = '{AINO}') USING (registrant_id) WHERE attribute = 'name'"
            ),
        )
        assert provenance == [{"delivery_id": first}]


def test_after_the_flag_has_ended_only_what_is_delivered_again_is_back(hidden: DataRoot) -> None:
    changes(
        hidden, "2026-11-05", [message(AINO, "2026-11-04", protection(False, "MUUTETTU"))], key=5
    )
    take_in(hidden)
    build(hidden)
    assert visible_places(hidden) == []
    put(hidden, "crm", "2026-11-07", "contacts", contacts(), 2)
    take_in(hidden)
    build(hidden)
    assert (registrant(hidden, AINO)["protected"], registrant(hidden, AINO)["street"]) == (
        False,
        "Toinentie 5",
    )
    assert "Piilopolku" not in visible_places(hidden)


@pytest.mark.parametrize("first", ["correction", "flag"])
def test_a_corrected_identity_code_stays_protected(data_root: DataRoot, first: str) -> None:
    new = code("010190-902")
    corrected = message(
        new,
        "2026-11-03",
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="AKTIIVI",
            muutettuHenkilotunnus=new,
            aktiivinenHenkilotunnus=new,
            edellisetHenkilotunnukset=[AINO],
        ),
        part(
            "HENKILOTUNNUS_KORJAUS",
            "LISATTY",
            voimassaolo="PASSIIVI",
            muutettuHenkilotunnus=AINO,
            aktiivinenHenkilotunnus=new,
        ),
    )
    if first == "flag":
        flag(data_root)
        take_in(data_root)
        build(data_root)
    changes(data_root, "2026-11-04", [corrected], key=4)
    take_in(data_root)
    build(data_root, marts=LOCATING)
    if first == "correction":
        flag(data_root)
        take_in(data_root)
        build(data_root, marts=LOCATING)
    assert visible_places(data_root) == []
    assert registrant(data_root, new)["protected"] is True


def test_a_message_in_quarantine_that_mentions_protection_protects_until_it_is_mended(
    data_root: DataRoot,
) -> None:
    broken = message(
        AINO, "2026-11-02", protection(True, "LISATTY"), name("Rikki", "Mennyt", "OUTO")
    )
    changes(data_root, "2026-11-03", [broken], key=3)
    take_in(data_root)
    build(data_root)
    aino = registrant(data_root, AINO)
    assert (aino["protected"], aino["street"], aino["municipality_code"]) == (True, None, None)
    mended = message(AINO, "2026-11-02", name("Aino", "Esimerkki", "MUUTETTU", "2026-11-02"))
    changes(data_root, "2026-11-05", [mended], key=5)
    take_in(data_root)
    build(data_root)
    assert (registrant(data_root, AINO)["protected"], registrant(data_root, AINO)["street"]) == (
        False,
        "Piilopolku 1",
    )


class TestStaleFeed:
    FRESH, STALE = date(2026, 12, 5), date(2026, 12, 6)  # 30 and 31 days after the last delivery

    @pytest.fixture(scope="class")
    @staticmethod
    def first(delivered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Aino was protected, and is no more; her new address has been delivered."""
        data_root = DataRoot(copied(delivered, tmp_path_factory.mktemp("lifted") / "data"))
        flag(data_root)
        new_address = home_address("Uusitie", "8", "90100", "OULU", "2026-11-04", "LISATTY")
        changes(
            data_root,
            "2026-11-05",
            [message(AINO, "2026-11-04", protection(False, "MUUTETTU"), new_address)],
            key=5,
        )
        put(
            data_root,
            "crm",
            "2026-11-05",
            "contacts",
            csv(
                [
                    {
                        "Record ID": "801",
                        "First Name": "Onni",
                        "Last Name": "Oma",
                        "Email": "onni.oma@example.fi",
                        "Street Address": "Omatie 1",
                    }
                ]
            ),
            1,
        )
        take_in(data_root)
        return data_root.root

    @pytest.fixture
    def lifted(self, first: Path, tmp_path: Path) -> DataRoot:
        return DataRoot(copied(first, tmp_path / "lifted"))

    def test_while_it_is_fresh_the_lifting_holds(self, lifted: DataRoot) -> None:
        build(lifted, self.FRESH)
        assert not protected_identity.is_stale(lifted, self.FRESH)
        assert (registrant(lifted, AINO)["protected"], registrant(lifted, AINO)["street"]) == (
            False,
            "Uusitie 8",
        )

    def test_an_answer_confirms_its_own_person_for_as_long_and_nobody_else(
        self, lifted: DataRoot
    ) -> None:
        old, recent = "198002019985", "198002019993"
        for number, on in ((old, "2026-11-02"), (recent, "2026-12-04")):
            put(lifted, "population_register", on, "spar_answers", spar_answer(number), 1)
            contract = csv([bound(f"K-{number}", f"C{number}", number)])
            put(lifted, "crm", on, "contracts", contract, 1)
        take_in(lifted, self.STALE)
        build(lifted, self.FRESH)
        assert registrant(lifted, old)["street"] is None
        assert registrant(lifted, recent)["street"] == "Provgatan 1"
        assert registrant(lifted, AINO)["street"] == "Uusitie 8"
        assert protected_identity.is_stale(lifted, self.STALE)

    def test_then_who_was_ever_flagged_is_protected_and_locations_it_could_have_hidden_are_withheld(
        self, lifted: DataRoot
    ) -> None:
        build(lifted, self.STALE)
        assert protected_identity.is_stale(lifted, self.STALE)
        assert (registrant(lifted, AINO)["protected"], registrant(lifted, AINO)["street"]) == (
            True,
            None,
        )
        assert (registrant(lifted, EERO)["protected"], registrant(lifted, EERO)["street"]) == (
            False,
            None,
        )
        assert {
            row["street"]
            for row in rows(lifted, "SELECT street FROM registrants WHERE street IS NOT NULL")
        } == {"Omatie 1"}

    def test_nothing_is_lost_by_the_doubt_and_an_empty_delivery_ends_it(
        self, lifted: DataRoot
    ) -> None:
        build(lifted, self.STALE)
        changes(lifted, "2026-12-06", [], key=9)
        take_in(lifted, self.STALE)
        build(lifted, self.STALE)
        assert (registrant(lifted, AINO)["protected"], registrant(lifted, AINO)["street"]) == (
            False,
            "Uusitie 8",
        )
        assert registrant(lifted, EERO)["street"] == "Yhteistie 3"

    def test_without_any_delivery_there_is_no_feed_to_be_stale(self, tmp_path: Path) -> None:
        data_root = DataRoot(tmp_path / "empty")
        data_root.create()
        assert protected_identity.silent_for(data_root, self.STALE) is None
        assert not protected_identity.is_stale(data_root, self.STALE)


def test_no_mart_and_no_build_state_discloses_the_flag(hidden: DataRoot) -> None:
    build(hidden, marts=MARTS)
    for purpose in MARTS:
        with duckdb.connect(str(hidden.marts / f"{purpose}.duckdb"), read_only=True) as connection:
            columns = {
                column
                for (column,) in connection.execute(
                    "SELECT column_name FROM duckdb_columns() WHERE NOT internal"
                ).fetchall()
            }
        assert not {
            column_name
            for column_name in columns
            if "protect" in column_name or "withheld" in column_name
        }
    notes = "".join(path.read_text() for path in hidden.lake.rglob("*.json"))
    assert "protect" not in notes
    assert "withheld" not in notes


def test_a_contact_point_and_a_name_of_the_protected_stay(data_root: DataRoot) -> None:
    flag(data_root)
    censored = part(
        "VAKINAINEN_KOTIMAINEN_OSOITE",
        "MUUTETTU",
        turvakiellonAlaisetKentat=["katunimi", "katunumero"],
        alkupv=day("2015-01-01"),
    )
    changes(
        data_root,
        "2026-11-04",
        [
            message(
                AINO,
                "2026-11-03",
                censored,
                name("Aino Inkeri", "Esimerkki", "MUUTETTU", "2026-11-03"),
            )
        ],
        key=4,
    )
    take_in(data_root)
    build(data_root)
    for source in SOURCES:
        staged.stage(
            data_root, source, {entry.day for entry in deliveries.ledger(data_root)}, again=True
        )
    build(data_root, marts=LOCATING)
    assert (
        registrant(data_root, AINO)["given_names"],
        registrant(data_root, AINO)["customer_number"],
        registrant(data_root, AINO)["protected"],
    ) == (
        "Aino Inkeri",
        "C0000701",
        True,
    )
    assert visible_places(data_root) == []
