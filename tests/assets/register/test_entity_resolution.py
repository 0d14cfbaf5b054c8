"""Linkage joins what is one person, keeps apart what is not, and gives the same whatever the order
of the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.record_linkage.candidates import MAX_BLOCK_SIZE
from assets.record_linkage.model import KIND_NAMES
from assets.register.entity_resolution import Linkage, link
from assets.register.link_report import LinkReport
from assets.register.linkage_configuration import usual_model
from assets.register.linkage_round import LINK_RULES
from tests.assets.register.linkage_world import World, deliveries_about, population, quality
from tests.support.examples import examples

HOME = {"street": "Koulukatu 5 A 3", "postcode": "33100", "town": "TAMPERE"}
BORN = date(1971, 6, 24)
MAIL = "perhe@example.fi"
PHONE = "+358500012345"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture
def world() -> World:
    return World()


def clusters_of(
    connection: duckdb.DuckDBPyConnection, world: World, shuffle: int | None = None
) -> tuple[dict[str, str], LinkReport]:
    world.load(connection, shuffle)
    report = link(connection)
    return dict(connection.execute("SELECT person_key, cluster FROM clusters").fetchall()), report


def shared_clusters(connection: duckdb.DuckDBPyConnection, world: World) -> set[str]:
    """The clusters of two or more, each as its members' keys in a row."""
    members_of: dict[str, str] = {}
    for person_key, cluster in sorted(clusters_of(connection, world)[0].items()):
        members_of[cluster] = members_of.get(cluster, "") + person_key
    return {members for members in members_of.values() if len(members) > 1}


class TestStrongIdentifiers:
    @pytest.mark.parametrize(
        "kind", ["identity_code", "customer_number", "contact_id", "user_id", "visitor_id"]
    )
    def test_link_all_who_share_one(self, connection, world, kind):
        world.say("a", given_names="Aino")
        world.say("b", given_names="Aino", family_name="Berg")
        for person_key in "abc":
            world.identify(person_key, kind, "7")
        assert shared_clusters(connection, world) == {"abc"}
        assert connection.execute("SELECT one, other FROM links ORDER BY ALL").fetchall() == [
            ("a", "b"),
            ("a", "c"),
        ]

    @pytest.mark.parametrize("kind", ["business_id", "contract_number", "order_number"])
    def test_of_other_things_link_nobody(self, connection, world, kind):
        world.identify("a", kind, "9000001-6")
        world.identify("b", kind, "9000001-6")
        assert shared_clusters(connection, world) == set()

    def test_of_different_types_are_not_compared(self, connection, world):
        world.identify("a", "customer_number", "7")
        world.identify("b", "contact_id", "7")
        assert shared_clusters(connection, world) == set()

    @pytest.mark.parametrize("kind", ["customer_number", "contact_id", "user_id", "visitor_id"])
    def test_shared_by_two_identity_codes_join_nobody(self, connection, world, kind):
        world.identify("a", "identity_code", "010170-901X")
        world.identify("b", "identity_code", "020270-902Y")
        for person_key in "abc":
            world.identify(person_key, kind, "7")
        clusters, report = clusters_of(connection, world)
        assert set(clusters) == set(clusters.values())
        assert report.disputed_identifiers == 1
        assert report.two_code_clusters == 0

    def test_century_sign_distinguishes_two_codes(self, connection, world):
        world.identify("a", "identity_code", "010105-901X")
        world.identify("b", "identity_code", "010105A901X")
        assert shared_clusters(connection, world) == set()

    def test_two_codes_do_not_meet_through_a_third_record(self, connection, world):
        world.identify("a", "identity_code", "010170-901X")
        world.identify("c", "identity_code", "020270-902Y")
        world.say("b", given_names="Aino")
        for person_key, numbers in (("a", "1"), ("b", "12"), ("c", "2")):
            for number in numbers:
                world.identify(person_key, "customer_number", number)
        clusters, report = clusters_of(connection, world)
        assert clusters == {"a": "a", "b": "b", "c": "c"}, (
            "b is as near to the one as to the other: nobody knows whose it is"
        )
        assert report.vetoed_links == 2

    def test_source_person_with_two_codes_is_left_alone(self, connection, world):
        for person_key, code in (("a", "1"), ("b", "1"), ("b", "2"), ("c", "2"), ("d", "2")):
            world.identify(person_key, "identity_code", code)
        clusters, report = clusters_of(connection, world)
        assert clusters == {"a": "a", "b": "b", "c": "c", "d": "c"}
        assert (report.two_code_people, report.two_code_clusters) == (1, 0)


AINO = {
    "given_names": "Aino",
    "family_name": "Korpi",
    "birth_date": BORN,
    "emails": ["aino@example.fi"],
    "phones": ["+358401111111"],
    **HOME,
}
MATTI = {
    "given_names": "Matti",
    "family_name": "Berg",
    "birth_date": date(1950, 2, 3),
    "emails": ["matti@example.fi"],
    "street": "Rantatie 9",
    "postcode": "00900",
}
NAMES = ("given_names", "family_name")


def only(person: dict[str, object], *facts: str) -> dict[str, object]:
    return {name: person[name] for name in facts}


def without(person: dict[str, object], *facts: str) -> dict[str, object]:
    return {name: value for name, value in person.items() if name not in facts}


def disputed(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str]]:
    return connection.execute("FROM disputed_identifiers ORDER BY ALL").fetchall()


NUMBERED = ["customer_number", "contact_id", "user_id"]


class TestDoubtedIdentifiers:
    """An identifier of people who differ in all else is not followed, but put up for review."""

    @pytest.mark.parametrize("kind", NUMBERED)
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (AINO, MATTI),
            (without(AINO, "birth_date"), MATTI),
            (without(AINO, "emails", "phones"), MATTI),
            (AINO, AINO | {"given_names": "Eero", "birth_date": date(1968, 5, 5)}),
            (AINO, MATTI | {"given_names": "Aino"}),
        ],
    )
    def test_people_who_differ_stay_apart(self, connection, world, kind, first, second):
        for person_key, person in (("a", first), ("b", second), ("c", {})):
            world.say(person_key, **person)
            world.identify(person_key, kind, "7")
        clusters, report = clusters_of(connection, world)
        assert set(clusters.values()) == {"a", "b", "c"}, "of which of the two c is, nobody knows"
        assert report.disputed_identifiers == 1
        assert disputed(connection) == [(kind, "7", key, "people_differ") for key in "abc"]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (AINO, {}),
            (AINO, AINO | {"family_name": "Virtanen", "street": "Rantatie 9", "postcode": "00900"}),
            (
                without(AINO, "birth_date"),
                only(MATTI, "family_name", "emails", "street", "postcode")
                | {"given_names": "Aino"},
            ),
            (AINO, AINO | {"emails": ["aino@example.com"], "phones": ["+358402222222"]}),
            (AINO | {"given_names": "Juhani"}, {"given_names": "Jussi", "family_name": "Korpi"}),
            (
                AINO | {"given_names": "Aino Maria"},
                {"given_names": "Maria", "family_name": "Salo", "emails": ["maria@example.fi"]},
            ),
            (AINO, {"given_names": "Korpi", "family_name": "Aino", "emails": ["k@example.fi"]}),
            (AINO, MATTI | {"birth_date": BORN}),
            (only(AINO, *NAMES), only(MATTI, *NAMES)),
            (only(AINO, "emails"), only(MATTI, "emails")),
            (
                {"given_names": "Сергей", "family_name": "Иванов", "emails": ["s@example.fi"]},
                {"given_names": "Sergei", "family_name": "Ivanov", "emails": ["i@example.fi"]},
            ),
        ],
    )
    def test_changes_and_variants_of_one_person_are_followed(
        self, connection, world, first, second
    ):
        for person_key, person in (("a", first), ("b", second)):
            world.say(person_key, **person)
            world.identify(person_key, "customer_number", "7")
        assert shared_clusters(connection, world) == {"ab"}
        assert disputed(connection) == []

    @pytest.mark.parametrize(
        "people",
        [
            [{"given_names": name} for name in ("Aino", "Matti", "Saga")],
            [{"birth_date": date(year, 1, 30)} for year in (1951, 1968, 1987)],
            [{"emails": [f"{number}@example.fi"]} for number in range(10)],
            [{"phones": [f"+35840123450{number}"]} for number in range(10)],
            [{"given_names": "Aino", "family_name": f"K{number}x"} for number in range(61)],
        ],
    )
    def test_one_value_of_many_who_differ_is_nobodys(self, connection, world, people):
        for number, person in enumerate(people):
            world.say(f"p{number:02d}", **person)
            world.identify(f"p{number:02d}", "customer_number", "7")
        assert len(set(clusters_of(connection, world)[0].values())) == len(people)
        assert {reason for *_, reason in disputed(connection)} == {"people_differ"}
        assert len(disputed(connection)) == len(people)

    def test_what_several_records_of_one_person_know_together_counts(self, connection, world):
        """Korpi and Virtanen are one by their code, so neither name parts them from the third."""
        world.say("a", **AINO)
        world.say("b", **AINO | {"family_name": "Virtanen", "birth_date": date(1950, 2, 3)})
        world.say("c", **MATTI | {"given_names": "Aino", "family_name": "Virtanen"})
        for person_key in "ab":
            world.identify(person_key, "identity_code", "code")
        for person_key in "ac":
            world.identify(person_key, "customer_number", "7")
        assert shared_clusters(connection, world) == {"abc"}

    def test_people_who_differ_do_not_meet_through_a_third(self, connection, world):
        world.say("a", **AINO)
        world.say("b", given_names="Aino")
        world.say("c", **MATTI)
        for person_key, value in zip("abbc", "1122", strict=True):
            world.identify(person_key, "customer_number", value)
        assert shared_clusters(connection, world) == set()
        assert {(key, reason) for _, _, key, reason in disputed(connection)} == {
            (key, "people_differ") for key in "abc"
        }

    @pytest.mark.parametrize("kind", ["customer_number", "contact_id", "user_id"])
    def test_who_is_known_by_several_numbers_alone_joins_nobody(self, connection, world, kind):
        """Two orders of two customers that name one contact: the customers stay two, whether
        or not anything else is on record of them."""
        world.say("c", **MATTI)
        for person_key, value in zip("abbc", "1122", strict=True):
            world.identify(person_key, kind, value)
        assert shared_clusters(connection, world) == set()
        assert disputed(connection) == [(kind, value, "b", "two_numbers") for value in "12"]

    def test_a_person_with_two_numbers_links_both(self, connection, world):
        world.say("b", **AINO)
        for person_key, value in zip("abbc", "1122", strict=True):
            world.identify(person_key, "customer_number", value)
        assert shared_clusters(connection, world) == {"abc"}

    def test_what_a_person_has_decided_is_not_doubted(self, connection, world):
        for person_key, person in (("a", AINO), ("b", MATTI)):
            world.say(person_key, **person)
            world.identify(person_key, "customer_number", "7")
        decide(connection, ("a", "b", True))
        assert shared_clusters(connection, world) == {"ab"}
        assert disputed(connection) == []
        decide(connection, ("a", "b", False))
        assert shared_clusters(connection, world) == set()

    def test_reasons_of_identity_codes(self, connection, world):
        for person_key, code in (("a", "1"), ("b", "2"), ("d", "3"), ("d", "4")):
            world.identify(person_key, "identity_code", code)
        for person_key in "ab":
            world.identify(person_key, "user_id", "7")
        _, report = clusters_of(connection, world)
        assert disputed(connection) == [
            ("identity_code", "3", "d", "two_codes"),
            ("identity_code", "4", "d", "two_codes"),
            ("user_id", "7", "a", "identity_codes"),
            ("user_id", "7", "b", "identity_codes"),
        ]
        assert (report.disputed_identifiers, report.two_code_people) == (1, 1)

    def test_a_browser_of_two_people(self, connection, world):
        for person_key, person in (("a", AINO), ("b", MATTI)):
            world.say(person_key, **person)
            world.identify(person_key, "visitor_id", "cookie")
        assert shared_clusters(connection, world) == set()
        assert disputed(connection) == [
            ("visitor_id", "cookie", key, "people_differ") for key in "ab"
        ]


class TestImpersonalMailboxes:
    """A mailbox of an office or a program is evidence of nobody."""

    @pytest.mark.parametrize(
        "mailbox",
        ["noreply@example.fi", "No-Reply@Example.fi", "shop.do_not_reply@example.fi",
         "ei-vastausta@example.fi", "info@example.fi", "asiakaspalvelu@example.fi",
         "mailer-daemon@example.fi", "info+kevat@example.fi"],
    )  # fmt: skip
    def test_namesakes_who_share_one_are_two(self, connection, world, mailbox):
        for person_key in "ab":
            world.say(person_key, given_names="Aino", family_name="Berg", emails=[mailbox])
        world.identify("x", "email", mailbox)
        world.say("y", emails=[mailbox])
        assert shared_clusters(connection, world) == set()

    def test_what_else_they_share_counts_as_ever(self, connection, world):
        for person_key in "ab":
            world.say(
                person_key,
                given_names="Aino",
                family_name="Berg",
                birth_date=BORN,
                emails=["noreply@example.fi", MAIL],
            )
        assert shared_clusters(connection, world) == {"ab"}

    @pytest.mark.parametrize(
        "mailbox",
        ["info.berg@example.fi", "aino.berg@info.fi", "eino.vastamaki@example.fi",
         "al.vasta@example.fi"],
    )  # fmt: skip
    def test_mailboxes_of_people_count(self, connection, world, mailbox):
        for person_key in "ab":
            world.say(person_key, given_names="Aino", family_name="Berg", emails=[mailbox])
        assert shared_clusters(connection, world) == {"ab"}


class TestSharedContacts:
    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("Aino", "Berg"), ("Aino Maria", "Berg")),
            (("Aino", "Berg"), ("A.", "Berg")),
            (("Aleksandra", "Berg"), ("Aleksandar", "Berg")),
            (("Aino", "Berg"), ("Aino", "Virtanen")),
            (("Aino", "Berg"), ("Berg", "Aino")),
        ],
    )
    @pytest.mark.parametrize("contact", [{"emails": [MAIL]}, {"phones": [PHONE]}])
    def test_link_with_an_agreeing_first_name(self, connection, world, contact, first, second):
        world.say("a", given_names=first[0], family_name=first[1], **contact)
        world.say("b", given_names=second[0], family_name=second[1], **contact)
        assert shared_clusters(connection, world) == {"ab"}

    def test_link_by_call_name(self, connection, world):
        world.say(
            "a", given_names="Juha Matti", call_name="Matti", family_name="Berg", emails=[MAIL]
        )
        world.say("b", given_names="Matti", family_name="Berg", emails=[MAIL])
        assert shared_clusters(connection, world) == {"ab"}

    @pytest.mark.parametrize(
        "other", [("Eero", "Berg"), (None, "Berg"), ("E.", "Berg"), ("A.", "Virtanen")]
    )
    def test_alone_link_nobody(self, connection, world, other):
        world.say(
            "a", given_names="Aino", family_name="Berg", emails=[MAIL], phones=[PHONE], **HOME
        )
        world.say(
            "b", given_names=other[0], family_name=other[1], emails=[MAIL], phones=[PHONE], **HOME
        )
        assert shared_clusters(connection, world) == set()

    def test_contact_of_three_people_is_no_key(self, connection, world):
        for person_key, name in zip("abcd", ("Aino", "Aino", "Eero", "Saga"), strict=True):
            world.say(person_key, given_names=name, family_name="Berg", emails=[MAIL])
        clusters, report = clusters_of(connection, world)
        assert set(clusters) == set(clusters.values())
        assert report.shared_contacts == 1

    def test_initial_that_fits_two_people_links_neither(self, connection, world):
        for person_key, name in zip("abc", ("M.", "Maija", "Pekka"), strict=True):
            world.say(person_key, given_names=name, family_name="Berg", emails=[MAIL])
        assert shared_clusters(connection, world) == {"ab"}
        world.people[2]["given_names"] = "Matti"
        assert shared_clusters(connection, world) == set()

    def test_father_and_son_of_one_name_are_not_confused(self, connection, world):
        for person_key, born in (("f", date(1950, 1, 1)), ("s", date(1980, 2, 2))):
            world.say(
                person_key,
                given_names="Matti",
                family_name="Berg",
                birth_date=born,
                emails=[MAIL],
                **HOME,
            )
        world.say("x", given_names="Matti", family_name="Berg", emails=[MAIL], **HOME)
        assert shared_clusters(connection, world) == set()
        world.people[2]["birth_date"] = date(1980, 2, 2)
        assert shared_clusters(connection, world) == {"sx"}


class TestSimilarity:
    @pytest.mark.parametrize(
        "change",
        [
            {"street": "KOULUKATU 5"},
            {"given_names": "Aionna"},
            {"family_name": "Virtanen", "birth_date": BORN},
            {"given_names": "Berglund", "family_name": "Ainna"},
            {"birth_date": date(1971, 6, 25)},
            {"birth_date": BORN, "street": "Rantatie 9", "postcode": "00100", "town": "HELSINKI"},
            {"town": "TAMMERFORS", "given_names": "AINNA"},
            {"postcode": "33180"},
            {"postcode": None},
        ],
    )
    def test_of_name_and_address_or_birth_date_is_enough(self, connection, world, change):
        person = {"given_names": "Ainna", "family_name": "Berglund", **HOME}
        world.say("a", **person, **({"birth_date": BORN} if "birth_date" in change else {}))
        world.say("b", **(person | change))
        assert shared_clusters(connection, world) == {"ab"}

    def test_day_and_month_swapped_is_a_slip(self, connection, world):
        for person_key, born in (("a", date(1971, 6, 4)), ("b", date(1971, 4, 6))):
            world.say(person_key, given_names="Aino", family_name="Berg", birth_date=born, **HOME)
        assert shared_clusters(connection, world) == {"ab"}

    def test_former_surname_is_a_surname(self, connection, world):
        world.say(
            "a", given_names="Aino", family_name="Berg", former_family_names=["Korpi"], **HOME
        )
        world.say("b", given_names="Aino", family_name="Korpi", **HOME)
        assert shared_clusters(connection, world) == {"ab"}

    def test_of_a_name_alone_is_never_enough(self, connection, world):
        for person_key in "ab":
            world.say(person_key, given_names="Xerxes Zebulon", family_name="Quistgaard-Oz")
        for number in range(12_000):  # among so many, the name weighs more than a link must
            world.say(f"n{number}")
        clusters, report = clusters_of(connection, world)
        assert report.candidate_pairs == 1
        assert clusters["b"] == "b"

    def test_of_an_initial_or_a_first_name_in_one_house_is_not_enough(self, connection, world):
        world.say("a", given_names="Aino", family_name="Berg", **HOME)
        world.say("b", given_names="A.", family_name="Berg", **HOME)
        world.say("c", given_names="Aino", family_name="Korpi", **HOME)
        assert shared_clusters(connection, world) == set()

    def test_without_a_first_name_is_never_enough(self, connection, world):
        for person_key, name in (("a", "Aino"), ("b", None)):
            world.say(
                person_key,
                given_names=name,
                family_name="Berg",
                birth_date=BORN,
                emails=[MAIL],
                phones=[PHONE],
                **HOME,
            )
        assert shared_clusters(connection, world) == set()

    def test_twins_and_siblings_and_spouses_stay_apart(self, connection, world):
        for person_key, name in zip("abcd", ("Aino", "Eero", "Saga", "Matti"), strict=True):
            world.say(
                person_key,
                given_names=name,
                family_name="Berg",
                birth_date=BORN,
                emails=[MAIL],
                phones=[PHONE],
                **HOME,
            )
        assert shared_clusters(connection, world) == set()

    def test_different_birth_dates_are_different_people(self, connection, world):
        for person_key, born in (("a", BORN), ("b", date(1948, 1, 30))):
            world.say(
                person_key,
                given_names="Aino",
                family_name="Berg",
                birth_date=born,
                emails=[MAIL],
                **HOME,
            )
        assert shared_clusters(connection, world) == set()

    def test_twins_do_not_meet_through_a_third_record(self, connection, world):
        for person_key, name in zip("abc", ("Kirsi", "Kirsi Maria", "Maria"), strict=True):
            world.say(
                person_key,
                given_names=name,
                call_name="Maria" if person_key == "b" else None,
                family_name="Berg",
                birth_date=BORN,
                **HOME,
            )
        assert shared_clusters(connection, world) == {"ab"}, "the nearer of the two"

    def test_two_codes_never_meet_and_the_likelier_one_wins(self, connection, world):
        for person_key, born in (("a", BORN), ("b", date(1948, 1, 30))):
            world.say(person_key, given_names="Aino", family_name="Berg", birth_date=born, **HOME)
            world.identify(person_key, "identity_code", f"code-{person_key}")
        world.say("x", given_names="Aino", family_name="Berg", birth_date=BORN, **HOME)
        assert shared_clusters(connection, world) == {"ax"}

    def test_oversized_blocks_are_dropped_and_counted(self, connection, world):
        for number in range(MAX_BLOCK_SIZE + 1):
            world.say(
                f"p{number:03d}",
                given_names="Aino",
                family_name="Berg",
                birth_date=date(1970, 1, 1),
            )
        clusters, report = clusters_of(connection, world)
        assert set(clusters) == set(clusters.values())
        assert report.candidate_pairs == 0
        assert sum(int(str(rule["dropped"])) for rule in report.blocking_rules) > 0


class TestMailboxesAndVisitors:
    @pytest.mark.parametrize(("holders", "expected"), [("", {"xy"}), ("a", {"axy"}), ("ab", set())])
    @pytest.mark.parametrize(("kind", "contact"), [("email", MAIL), ("phone", PHONE)])
    def test_who_is_only_a_contact_joins_its_only_holder(
        self, connection, world, kind, contact, holders, expected
    ):
        for person_key, name in zip(holders, ("Aino", "Eero"), strict=False):
            world.say(person_key, given_names=name, family_name="Berg", **{f"{kind}s": [contact]})
        world.identify("x", kind, contact)
        world.say("y", **{f"{kind}s": [contact]})
        assert shared_clusters(connection, world) == expected

    def test_mailboxes_do_not_join_two_people(self, connection, world):
        world.say("a", given_names="Aino", family_name="Berg", emails=["aino@example.fi"])
        world.say("b", given_names="Eero", family_name="Korpi", emails=["eero@example.fi"])
        for person_key, email in (
            ("x", "aino@example.fi"),
            ("x", MAIL),
            ("y", MAIL),
            ("y", "eero@example.fi"),
        ):
            world.identify(person_key, "email", email)
        assert shared_clusters(connection, world) == {"xy"}

    def test_numbered_customer_is_not_only_an_email(self, connection, world):
        world.say("a", given_names="Aino", family_name="Berg", emails=[MAIL])
        world.identify("x", "email", MAIL)
        world.identify("x", "customer_number", "7")
        assert shared_clusters(connection, world) == set()

    def test_browser_of_two_signed_in_people_joins_nobody(self, connection, world):
        for person_key, user in (("a", "1"), ("b", "2")):
            world.identify(person_key, "user_id", user)
        for person_key in "abv":
            world.identify(person_key, "visitor_id", "cookie")
        clusters, report = clusters_of(connection, world)
        assert set(clusters) == set(clusters.values())
        assert report.disputed_identifiers == 1

    def test_browsers_do_not_join_two_signed_in_people_in_turn(self, connection, world):
        for person_key, user in (("a", "1"), ("b", "2")):
            world.identify(person_key, "user_id", user)
        for person_key, browser in (("a", "x"), ("v", "x"), ("v", "y"), ("b", "y")):
            world.identify(person_key, "visitor_id", browser)
        assert shared_clusters(connection, world) == set()

    def test_browser_of_two_names_joins_nobody(self, connection, world):
        for person_key, name in (("a", "Aino"), ("b", "Eero")):
            world.say(person_key, given_names=name, family_name="Berg")
        for person_key in "abv":
            world.identify(person_key, "visitor_id", "cookie")
        assert shared_clusters(connection, world) == set()


class TestWhole:
    @pytest.mark.parametrize("codes", [True, False])
    def test_quality_on_an_invented_population(self, connection, codes):
        deliveries_about(population(4000, seed=11), seed=11, codes=codes).load(connection)
        report = link(connection)
        measured = quality(connection)
        assert measured.precision >= 0.98
        assert measured.recall >= 0.9, "of the pairs that a chain of shared facts leads to"
        assert report.two_code_clusters == 0
        assert set(report.links) == set(LINK_RULES)
        assert (
            report.clusters
            == connection.execute("SELECT count(DISTINCT cluster) FROM clusters").fetchone()[0]
        )

    def test_order_of_rows_does_not_matter(self, connection):
        world = deliveries_about(population(600, seed=5), seed=5)
        answers = []
        for shuffle in (None, 1, 2):
            clusters, report = clusters_of(connection, world, shuffle)
            answers.append(
                (
                    clusters,
                    report,
                    connection.execute("SELECT * FROM links ORDER BY ALL").fetchall(),
                )
            )
        assert answers[0] == answers[1] == answers[2]

    def test_leaves_only_its_three_tables_behind(self, connection, world):
        world.say("a", given_names="Aino", emails=[MAIL])
        before = {"people", "person_identifiers", "truth"}
        clusters_of(connection, world)
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE temporary"
        ).fetchall()
        assert {name for (name,) in tables} == before | {
            "clusters",
            "links",
            "disputed_identifiers",
        }

    def test_nobody_at_all(self, connection, world):
        clusters, report = clusters_of(connection, world)
        assert clusters == {}
        assert asdict(report) | {"blocking_rules": []} == asdict(
            LinkReport(links=dict.fromkeys(LINK_RULES, 0))
        )

    def test_one_row_per_person_is_demanded_without_naming_anybody(self, connection, world):
        world.say("secret-key", given_names="Aino")
        world.say("secret-key", given_names="Aino")
        world.load(connection)
        with pytest.raises(ValueError, match="1 rows") as refused:
            link(connection)
        assert "secret" not in str(refused.value)

    def test_model_holds_levels_and_weights_only(self):
        model = json.loads(usual_model().to_json())
        assert {
            word for field in model["fields"] for level in field["levels"] for word in level
        } == {"level", *KIND_NAMES}
        for field in model["fields"]:
            assert sum(level["careful"] for level in field["levels"]) == pytest.approx(1, abs=0.01)


class TestRounds:
    """Linked again when some have left, and again on another day: the same as at once."""

    def test_after_some_have_left_it_is_as_if_they_had_never_been(self, connection):
        world = deliveries_about(population(600, seed=5), seed=5)
        world.load(connection)
        linkage = Linkage(connection)
        linkage.link()
        keys_left_out = [row["person_key"] for row in world.people[::7]]
        for table in ("people", "person_identifiers"):
            connection.execute(
                f"DELETE FROM {table} WHERE person_key IN (SELECT unnest(?))", [keys_left_out]
            )
        linkage.link()
        again = connection.execute(
            "SELECT person_key, cluster FROM clusters ORDER BY ALL"
        ).fetchall()
        link(connection)
        assert (
            again
            == connection.execute(
                "SELECT person_key, cluster FROM clusters ORDER BY ALL"
            ).fetchall()
        )

    def test_what_was_compared_is_not_compared_again_and_nothing_else_changes(self, connection):
        """Some records have changed, some are new, some have been removed: the delta gives what
        a full run gives.
        """
        world = deliveries_about(population(600, seed=5), seed=5)
        world.load(connection)
        linkage = Linkage(connection)
        linkage.link()
        first = linkage.report()
        connection.execute(
            """CREATE TEMP TABLE earlier_comparisons AS
                SELECT l.person_key AS one, r.person_key AS other, stamp, pattern
            FROM linkage_used JOIN linkage_pair_cache USING (one, other, stamp)
            JOIN linkage_numbers AS l ON l.id = linkage_used.one JOIN linkage_numbers AS r
                ON r.id = linkage_used.other"""
        )
        linkage.drop_intermediate()
        later = deliveries_about(population(640, seed=5), seed=5)
        later.people = [
            row | {"family_name": "Uusinimi"} if place % 50 == 0 else row
            for place, row in enumerate(later.people)
            if place % 40 != 1
        ]
        later.load(connection)
        delta = link(connection)
        answer = (
            connection.execute("SELECT * FROM clusters ORDER BY ALL").fetchall(),
            connection.execute("SELECT * FROM links ORDER BY ALL").fetchall(),
        )
        connection.execute("DROP TABLE earlier_comparisons")
        full = link(connection)
        assert answer == (
            connection.execute("SELECT * FROM clusters ORDER BY ALL").fetchall(),
            connection.execute("SELECT * FROM links ORDER BY ALL").fetchall(),
        )
        assert replace(delta, compared_pairs=0) == replace(full, compared_pairs=0)
        assert first.compared_pairs > 0
        assert 0 < delta.compared_pairs < full.compared_pairs / 3


class TestDecisions:
    def test_same_joins_and_different_parts_also_through_third_records(self, connection, world):
        for person_key in "abc":
            world.say(person_key, given_names="Aino", family_name="Berg", birth_date=BORN, **HOME)
        world.say("x", given_names="Kerttu", family_name="Korpi")
        assert shared_clusters(connection, world) == {"abc"}
        decide(connection, ("a", "c", False), ("a", "x", True))
        clusters = shared_clusters(connection, world)
        assert not any({"a", "c"} <= set(members) for members in clusters)
        assert any({"a", "x"} <= set(members) for members in clusters)

    def test_outweigh_what_a_source_has_numbered(self, connection, world):
        for person_key in "ab":
            world.identify(person_key, "customer_number", "7")
        decide(connection, ("a", "b", False))
        assert shared_clusters(connection, world) == set()

    def test_do_not_outweigh_identity_codes_and_are_counted(self, connection, world):
        for person_key, code in (("a", "1"), ("b", "1"), ("c", "2")):
            world.identify(person_key, "identity_code", code)
        decide(connection, ("a", "b", False), ("b", "c", True))
        clusters, report = clusters_of(connection, world)
        assert clusters == {"a": "a", "b": "a", "c": "c"}
        assert (report.overruled_decisions, report.two_code_clusters) == (2, 0)


def decide(connection: duckdb.DuckDBPyConnection, *decisions: tuple[str, str, bool]) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE decisions (one VARCHAR, other VARCHAR, same BOOLEAN)"
    )
    connection.executemany("INSERT INTO decisions VALUES (?, ?, ?)", decisions)


FEW = st.sampled_from
PERSON = st.fixed_dictionaries(
    {
        "given_names": FEW([None, "Aino", "Aino Maria", "Eero", "A."]),
        "call_name": FEW([None, None, "Maria"]),
        "family_name": FEW([None, "Berg", "Korpi", "Aino"]),
        "former_family_names": FEW([None, [], ["Korpi"]]),
        "birth_date": FEW([None, BORN, date(1971, 6, 25), date(1940, 1, 1)]),
        "street": FEW([None, "Koulukatu 5", "Rantatie 1"]),
        "postcode": FEW([None, "33100"]),
        "town": FEW([None, "TAMPERE"]),
        "emails": FEW([None, [], ["a@example.fi"], ["a@example.fi", "b@example.fi"]]),
        "phones": FEW([None, ["+358500011111"]]),
    }
)
TYPES = FEW(
    [
        "identity_code",
        "customer_number",
        "contact_id",
        "user_id",
        "visitor_id",
        "email",
        "business_id",
    ]
)
IDENTIFIERS = st.lists(
    st.tuples(st.integers(0, 17), TYPES, FEW(["1", "2", "3", "a@example.fi"])), max_size=30
)


@settings(max_examples=examples(12), deadline=None)
@given(st.lists(PERSON, max_size=12), IDENTIFIERS, st.randoms(use_true_random=False))
def test_clusters_partition_the_keys_and_never_hold_two_codes(rows, identifiers, order):
    world = World()
    for number, row in enumerate(rows):
        world.say(f"p{number:02d}", **row)
    for number, kind, value in dict.fromkeys(identifiers):
        world.identify(f"p{number:02d}", kind, value)
    with duckdb.connect() as connection:
        clusters, report = clusters_of(connection, world)
        links = connection.execute(
            "SELECT one, other, pass, weight FROM links ORDER BY ALL"
        ).fetchall()
        order.shuffle(world.people)
        order.shuffle(world.identifiers)
        assert clusters_of(connection, world)[0] == clusters
    assert set(clusters) == {row["person_key"] for row in world.people} | {
        person_key for person_key, _, _ in world.identifiers
    }
    members: dict[str, list[str]] = {}
    for person_key, cluster in clusters.items():
        members.setdefault(cluster, []).append(person_key)
    assert all(min(keys) == cluster for cluster, keys in members.items())
    assert all(
        left < right and clusters[left] == clusters[right] and code in LINK_RULES
        for left, right, code, _ in links
    )
    codes: dict[str, set[str]] = {}
    for person_key, kind, value in world.identifiers:
        if kind == "identity_code":
            codes.setdefault(person_key, set()).add(value)
    for keys in members.values():
        assert len(keys) == 1 or len(set().union(*(codes.get(key, set()) for key in keys))) <= 1
    assert report.two_code_clusters == 0
    assert report.two_code_people == sum(
        len(codes_of_person) > 1 for codes_of_person in codes.values()
    )
