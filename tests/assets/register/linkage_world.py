"""An invented population and what seven sources know of it, with the truth: the ground that linkage
is measured on.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import accumulate

import duckdb
import pyarrow as pa

from pipelines.synthetic.names import misspelled, plain_letters
from schemas.reference.tables import read_reference

PEOPLE = pa.schema(
    [
        ("person_key", pa.string()),
        ("given_names", pa.string()),
        ("call_name", pa.string()),
        ("family_name", pa.string()),
        ("former_family_names", pa.list_(pa.string())),
        ("birth_date", pa.date32()),
        ("street", pa.string()),
        ("postcode", pa.string()),
        ("town", pa.string()),
        ("emails", pa.list_(pa.string())),
        ("phones", pa.list_(pa.string())),
    ]
)
IDENTIFIERS = pa.schema(
    [("person_key", pa.string()), ("type", pa.string()), ("value", pa.string())]
)
TRUTH = pa.schema([("person_key", pa.string()), ("person", pa.int64()), ("knowable", pa.string())])
SAYS_NOTHING = dict.fromkeys(PEOPLE.names)

Home = tuple[str, str, str]


@dataclass(frozen=True)
class Person:
    number: int
    given: tuple[str, ...]
    call: str
    family: str
    former: str | None
    born: date
    home: Home
    earlier_home: Home | None
    email: str
    phone: str

    @property
    def code(self) -> str:
        return f"{self.born:%d%m%y}-{self.number}"


@dataclass
class World:
    """Rows as the sources deliver them, and their persons (`truth`: person_key -> person)."""

    people: list[dict[str, object]] = field(default_factory=list)
    identifiers: list[tuple[str, str, str]] = field(default_factory=list)
    truth: dict[str, int] = field(default_factory=dict)

    def say(self, person_key: str, **known: object) -> str:
        """A source's row; what is not given is null."""
        self.people.append(SAYS_NOTHING | {"person_key": person_key} | known)
        return person_key

    def identify(self, person_key: str, kind: str, value: object) -> None:
        self.identifiers.append((person_key, kind, str(value)))

    def load(self, connection: duckdb.DuckDBPyConnection, shuffle: int | None = None) -> None:
        """Make the tables `people`, `person_identifiers` and `truth`, their rows in an order of the
        shuffle's.
        """
        rows = {
            "people": (PEOPLE, [tuple(row.values()) for row in self.people]),
            "person_identifiers": (IDENTIFIERS, self.identifiers),
            "truth": (TRUTH, self._truth()),
        }
        for name, (schema, records) in rows.items():
            order = (
                records if shuffle is None else random.Random(shuffle).sample(records, len(records))
            )
            columns = list(zip(*order, strict=True)) or [()] * len(schema)
            arrays = [
                pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)
            ]
            connection.register("rows", pa.table(arrays, schema=schema))
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM rows")
            connection.unregister("rows")

    def _truth(self) -> list[tuple[str, int, str]]:
        """Each record's person, and the records of that person that a chain of shared facts leads
        to.

        Somebody's website account with a private e-mail cannot be found in the population register
        by anyone.
        """
        facts: dict[str, set[object]] = defaultdict(set)
        for row in self.people:
            known = facts[str(row["person_key"])]
            known.update(("email", email) for email in row["emails"] or ())
            known.update(("phone", phone) for phone in row["phones"] or ())
            known.add(row["birth_date"])
            known.add((row["street"], row["postcode"]))
        for person_key, kind, value in self.identifiers:
            facts[person_key].add((kind, value))
        leader: dict[object, object] = {}

        def find(node: object) -> object:
            while leader.setdefault(node, node) != node:
                node = leader[node]
            return node

        for person_key, person in self.truth.items():
            for fact in facts[person_key] - {None, (None, None)}:
                root, other_root = sorted((find(person_key), find((person, fact))), key=str)
                leader[other_root] = root
        return [
            (person_key, person, str(find(person_key))) for person_key, person in self.truth.items()
        ]


class _Draw:
    """Names and homes, as frequent as they are in the country."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        given, family = read_reference("given_names.csv"), read_reference("family_names.csv")
        self.given = {
            sex: self._weighted(
                [(row["name"], row["weight"]) for row in given if row["sex"] == sex]
            )
            for sex in "mf"
        }
        self.family = self._weighted([(row["name"], row["weight"]) for row in family])
        places = read_reference("postcodes.csv")
        self.places = self._weighted(
            [((row["postcode"], row["town_fi"]), row["weight"]) for row in places]
        )
        self.streets = [row["fi"] for row in read_reference("streets.csv")]
        self.blocks_of_flats: list[Home] = []

    @staticmethod
    def _weighted(rows: list[tuple[object, str]]) -> tuple[list[object], list[int]]:
        return [value for value, _ in rows], list(accumulate(int(weight) for _, weight in rows))

    def of(self, table):
        values, sums = table
        return values[bisect(sums, self.random.random() * sums[-1])]

    def happens(self, share: float) -> bool:
        return self.random.random() < share

    def home(self) -> Home:
        if self.blocks_of_flats and self.happens(0.4):
            street, postcode, town = self.random.choice(self.blocks_of_flats)
            return (
                f"{street} {self.random.choice('ABC')} {self.random.randint(1, 40)}",
                postcode,
                town,
            )
        postcode, town = self.of(self.places)
        place = (f"{self.random.choice(self.streets)} {self.random.randint(1, 60)}", postcode, town)
        if self.happens(0.15):
            self.blocks_of_flats.append(place)
        return place

    def typed(self, name: str, share: float) -> str:
        """The name, misspelled in this share of cases."""
        return misspelled(name, self.random.randrange(4)) if self.happens(share) else name


def population(size: int, seed: int) -> list[Person]:
    """Families under one roof: spouses, children, twins; shared mailboxes and telephones; marriages
    and moves.
    """
    draw = _Draw(seed)
    people: list[Person] = []
    while len(people) < size:
        people += _family(draw, 1000 + len(people))
    return people[:size]


def _family(draw: _Draw, first_number: int) -> list[Person]:
    surname, home = draw.of(draw.family), draw.home()
    mailbox, telephone = draw.happens(0.07), draw.happens(0.09)
    head_born = date(1930, 1, 1) + timedelta(days=draw.random.randrange(27_000))
    head_sex = draw.random.choice("mf")
    family: list[Person] = []
    for place in range(1 + bisect([0.46, 0.80, 0.91, 0.98], draw.random.random())):
        number = first_number + place
        sex = (head_sex, "fm"["mf".index(head_sex)], *(draw.random.choice("mf") for _ in range(3)))[
            place
        ]
        days = (
            0,
            int(draw.random.gauss(0, 1200)),
            *(9000 + draw.random.randrange(5000) for _ in range(3)),
        )[place]
        born = (
            family[-1].born
            if place >= 3 and draw.happens(0.04)
            else head_born + timedelta(days=days)
        )
        given = [draw.of(draw.given[sex]) for _ in range(draw.random.choice([1, 2, 2, 3]))]
        while given[0] in {member.given[0] for member in family}:
            given[0] = draw.of(draw.given[sex])
        name = draw.of(draw.family) if place == 1 and draw.happens(0.22) else surname
        family.append(
            Person(
                number=number,
                given=tuple(given),
                call=given[1] if len(given) > 1 and draw.happens(0.12) else given[0],
                family=name,
                former=draw.of(draw.family)
                if sex == "f" and place < 2 and draw.happens(0.25)
                else None,
                born=born,
                home=home,
                earlier_home=draw.home() if draw.happens(0.12) else None,
                email=family[0].email
                if mailbox and family
                else f"{plain_letters(given[0])}.{plain_letters(name)}{number}@example.fi",
                phone=family[0].phone if telephone and family else f"+35850{number:08d}",
            )
        )
    return family


def deliveries_about(people: list[Person], seed: int, *, codes: bool = True) -> World:
    """What the population register, a credit bureau, the CRM, contracts, the website, visits and a
    newsletter know.
    """
    draw = _Draw(seed + 1)
    world = World()
    for person in people:
        _official(world, draw, person, codes)
        if person.born < date(2006, 1, 1):
            _commercial(world, draw, person, codes)
    return world


def _key(world: World, source: str, person: Person, copy: int = 0) -> str:
    """A key that says nothing of the person and sorts anyhow."""
    person_key = f"{source}:{(person.number * 7_368_787 + copy) % 99_999_989:08d}"
    world.truth[person_key] = person.number
    return person_key


def _address(home: Home | None) -> dict[str, object]:
    return dict(zip(("street", "postcode", "town"), home or (None, None, None), strict=True))


def _official(world: World, draw: _Draw, person: Person, codes: bool) -> None:
    register_keys = []
    if draw.happens(0.8):
        register_keys.append(
            world.say(
                _key(world, "register", person),
                given_names=" ".join(person.given),
                family_name=person.family,
                call_name=person.call if draw.happens(0.8) else None,
                birth_date=person.born,
                former_family_names=[person.former]
                if person.former and draw.happens(0.9)
                else None,
                **_address(person.home),
            )
        )
    if person.born < date(2006, 1, 1) and draw.happens(0.3):
        home = person.earlier_home if person.earlier_home and draw.happens(0.5) else person.home
        register_keys.append(
            world.say(
                _key(world, "bureau", person),
                given_names=" ".join(person.given[:2]),
                birth_date=person.born,
                family_name=draw.typed(person.family, 0.01),
                **_address(home),
            )
        )
    for person_key in register_keys if codes else ():
        world.identify(person_key, "identity_code", person.code)


def _commercial(world: World, draw: _Draw, person: Person, codes: bool) -> None:
    if draw.happens(0.55):
        for copy in range(2 if draw.happens(0.1) else 1):
            _customer(world, draw, person, copy)
        if draw.happens(0.6):
            contract = _key(world, "contract", person)
            world.identify(contract, "customer_number", person.number)
            world.identify(_key(world, "crm", person), "customer_number", person.number)
            if codes and draw.happens(0.5):
                world.identify(contract, "identity_code", person.code)
    if draw.happens(0.3):
        account, visitor = _key(world, "website", person), _key(world, "visitor", person)
        email = person.email if draw.happens(0.9) else "x" + person.email
        named = draw.happens(0.8)
        world.say(
            account,
            given_names=draw.typed(person.call, 0.02) if named else None,
            family_name=person.family if named else None,
            emails=[email],
            phones=[person.phone] if draw.happens(0.3) else None,
            **_address(person.home if draw.happens(0.3) else None),
        )
        world.identify(account, "user_id", person.number)
        for person_key in (account, visitor):
            world.identify(person_key, "visitor_id", person.number)
    if draw.happens(0.15):
        world.identify(_key(world, "newsletter", person), "email", person.email)


def _customer(world: World, draw: _Draw, person: Person, copy: int) -> None:
    """A CRM contact: names as typed, in part maiden names, initials and swapped boxes; old and
    short addresses.
    """
    first = draw.typed(person.call, 0.04)
    last = draw.typed(person.former if person.former and draw.happens(0.3) else person.family, 0.04)
    if draw.happens(0.03):
        first = f"{first[0]}."
    if draw.happens(0.01):
        first, last = last, first
    home = (
        (person.earlier_home if person.earlier_home and draw.happens(0.4) else person.home)
        if draw.happens(0.7)
        else None
    )
    if home and draw.happens(0.15):
        home = (" ".join(home[0].split()[:2]).upper(), *home[1:])
    person_key = world.say(
        _key(world, "crm", person, copy),
        given_names=first,
        family_name=last,
        birth_date=person.born if draw.happens(0.3) else None,
        emails=[person.email] if draw.happens(0.75) else None,
        phones=[person.phone] if draw.happens(0.65) else [],
        **_address(home),
    )
    world.identify(person_key, "contact_id", person_key)


@dataclass(frozen=True)
class Quality:
    """Pairwise, over the closed clusters. `recall` of the pairs that a chain of shared facts leads
    to, `of_all` of all.
    """

    precision: float
    recall: float
    of_all: float


def quality(connection: duckdb.DuckDBPyConnection) -> Quality:
    """Compare `clusters` with `truth`."""
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW judged AS SELECT cluster, person, knowable FROM "
        "clusters JOIN truth USING (person_key)"
    )

    def pairs(*columns: str) -> int:
        grouped = f"SELECT count(*) AS n FROM judged GROUP BY {', '.join(columns)}"
        return connection.execute(
            f"SELECT coalesce(sum(n * (n - 1)), 0)::BIGINT FROM ({grouped})"
        ).fetchone()[0]

    right = pairs("cluster", "person")
    return Quality(
        right / pairs("cluster"),
        pairs("cluster", "knowable") / pairs("knowable"),
        right / pairs("person"),
    )
