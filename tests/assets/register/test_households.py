"""People of one household are registrants of their own, however much they share: invented
households, linked as one export."""

from __future__ import annotations

import random
from datetime import date, timedelta

import duckdb
import pytest

from assets.register.entity_resolution import Linkage
from tests.assets.register.linkage_world import World

TWINS = [
    ("Jani", "Joni"), ("Mari", "Meri"), ("Anna", "Anni"), ("Saana", "Sanna"), ("Jari", "Jani"),
    ("Eetu", "Eero"), ("Aino", "Aina"), ("Elli", "Ella"), ("Timo", "Tomi"), ("Kiran", "Karan"),
]  # fmt: skip
SPOUSES = [
    ("Matti", "Maija"), ("Pekka", "Päivi"), ("Jari", "Mari"), ("Kari", "Kati"), ("Eero", "Eeva"),
]  # fmt: skip
FAMILIES = ["Virtanen", "Kuusela", "Bergström", "Hakkarainen", "Ojanperä", "Tuominen", "Lindqvist"]
STREETS = ["Katu", "Rantatie", "Koulupolku", "Mäkikuja", "Storgatan", "Pihlajaraitti"]
SHARED = ("mailbox", "phone", "home")


class Export:
    """One export of contacts; a household at a time. `pairs` are the keys of two people each."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.pairs: list[tuple[str, str]] = []

    def add(
        self, first: dict[str, object], second: dict[str, object], family: str, shared: set[str]
    ) -> None:
        number = len(self.pairs)
        street = f"{self.random.choice(STREETS)} {self.random.randrange(1, 90)}"
        home = {
            "street": street,
            "postcode": f"{self.random.randrange(100, 99_000):05d}",
            "town": "X",
        }
        keys = (f"p{number:03d}a", f"p{number:03d}b")
        for place, (key, person) in enumerate(zip(keys, (first, second), strict=True)):
            own = {
                "emails": [f"{person['given_names']}.{family}{number}@example.fi".lower()],
                "phones": [f"+3585{number:03d}{self.random.randrange(10_000):04d}{place}"],
            }
            both = {
                "emails": [f"perhe{number}@example.fi"],
                "phones": [f"+3584{number:03d}00000"],
            }
            facts = {
                **(home if "home" in shared else {}),
                "emails": (both if "mailbox" in shared else own)["emails"],
                "phones": (both if "phone" in shared else own)["phones"],
                **person,
            }
            self.world.say(key, family_name=family, **facts)
        self.pairs.append(keys)

    def born(self, youngest: int = 2005) -> date:
        return date(1940, 1, 1) + timedelta(days=self.random.randrange((youngest - 1940) * 365))

    def family(self) -> str:
        return self.random.choice(FAMILIES)

    def shared(self) -> set[str]:
        return {fact for fact in SHARED if self.random.random() < 0.6}


def joined_pairs(export: Export) -> list[tuple[str, str]]:
    """The pairs of two people that linkage joins into one."""
    with duckdb.connect() as connection:
        export.world.load(connection)
        linkage = Linkage(connection)
        linkage.link()
        clusters = dict(connection.execute("SELECT person_key, cluster FROM clusters").fetchall())
    return [pair for pair in export.pairs if clusters[pair[0]] == clusters[pair[1]]]


@pytest.mark.parametrize("seed", range(3))
def test_twins_of_names_a_letter_or_two_apart(seed):
    export = Export(seed)
    for names in TWINS:
        for shared in (set(), {"home"}, {"home", "mailbox"}, {"mailbox"}, export.shared()):
            born, second = export.born(), export.random.random() < 0.3
            first, second_person = (
                {"given_names": f"{name} {later}" if second else name, "birth_date": born}
                for name, later in zip(names, ("Petteri", "Tapani"), strict=True)
            )
            export.add(first, second_person, export.family(), shared)
    assert joined_pairs(export) == []


@pytest.mark.parametrize("seed", range(3))
def test_spouses_with_and_without_birth_dates(seed):
    export = Export(seed)
    for names in SPOUSES:
        for shared in (set(SHARED), {"home"}, {"mailbox"}, {"phone", "home"}, export.shared()):
            dated = (export.random.random() < 0.5, export.random.random() < 0.5)
            first, second = (
                {"given_names": name, "birth_date": export.born(1985) if known else None}
                for name, known in zip(names, dated, strict=True)
            )
            export.add(first, second, export.family(), shared)
    assert joined_pairs(export) == []


@pytest.mark.parametrize("seed", range(3))
def test_parent_and_child_of_one_name(seed):
    export = Export(seed)
    for name in ("Juhani", "Anna", "Kalle", "Karl Gustav"):
        for shared in (set(SHARED), {"home"}, {"mailbox", "home"}, export.shared()):
            born = export.born(1970)
            later = born.replace(
                year=born.year + export.random.randrange(18, 40), day=min(born.day, 28)
            )
            if export.random.random() < 0.7:
                later += timedelta(days=export.random.randrange(360))
            first, second = ({"given_names": name, "birth_date": day} for day in (born, later))
            export.add(first, second, export.family(), shared)
    assert joined_pairs(export) == []


@pytest.mark.parametrize(
    ("given_names", "other"),
    [("Katariina", "Katarina"), ("Johanna", "Johana"), ("Matti", "Mattj"), ("Pekka", "Peka"),
     ("Sofia", "Sophia")],
)  # fmt: skip
@pytest.mark.parametrize("contact", [{"emails": ["own@example.fi"]}, {"phones": ["+358401234567"]}])
@pytest.mark.parametrize("born", [None, date(1980, 3, 14)])
def test_a_slip_in_a_first_name_is_no_other_person_where_a_contact_agrees(
    given_names, other, contact, born
):
    export = Export(0)
    for name in (given_names, other):
        export.world.say(name, given_names=name, family_name="Virtanen", birth_date=born, **contact)
    export.pairs.append((given_names, other))
    assert joined_pairs(export) == [(given_names, other)]


def test_twins_of_alike_names_are_put_up_for_review():
    export = Export(1)
    born = date(2001, 7, 7)
    first, second = ({"given_names": name, "birth_date": born} for name in ("Jani", "Joni"))
    export.add(first, second, "Virtanen", {"home"})
    with duckdb.connect() as connection:
        export.world.load(connection)
        linkage = Linkage(connection)
        linkage.link()
        assert linkage.report().grey_pairs == 1
        connection.execute(
            """CREATE OR REPLACE TEMP TABLE decisions AS
            SELECT 'p000a' AS one, 'p000b' AS other, true AS same"""
        )
        linkage.link()
        clusters = connection.execute("SELECT count(DISTINCT cluster) FROM clusters").fetchall()
    assert clusters == [(1,)], "what a person has decided holds"
