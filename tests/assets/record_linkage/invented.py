"""A synthetic population, and a table of it with copies that have slips, moves and marriages."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import duckdb
import pyarrow as pa

from assets.record_linkage.engine import Linked, link_table
from assets.record_linkage.roles import Roles
from pipelines.synthetic.names import misspelled
from schemas.reference.tables import read_reference

ROLES = {
    "uid": "key",
    "first": "given_name",
    "last": "family_name",
    "born": "birth_date",
    "street": "street",
    "postcode": "postcode",
    "town": "town",
    "email": "email",
    "phone": "phone",
    "code": "identity_number",
}
COLUMNS = (*ROLES, "person")
CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


@dataclass(frozen=True)
class Row:
    """One record, and the number of its person."""

    person: int
    first: str | None = None
    last: str | None = None
    born: str | None = None
    street: str | None = None
    postcode: str | None = None
    town: str | None = None
    email: str | None = None
    phone: str | None = None
    code: str | None = None
    uid: str = ""


def identity_code(born: str, number: int) -> str:
    """A Finnish identity code with a right check character, of the series for test persons."""
    year, month, day = born.split("-")
    digits = f"{day}{month}{year[2:]}{900 + number % 100}"
    return f"{digits[:6]}{'A' if year[:2] == '20' else '-'}{digits[6:]}{CHECKS[int(digits) % 31]}"


@dataclass
class Table:
    """Rows that are linked in one run."""

    rows: list[Row] = field(default_factory=list)

    def add(self, uid: str, person: int = 0, **known: str) -> None:
        """Add a record with a key of its own."""
        self.rows.append(Row(person=person, uid=uid, **known))

    def load(self, connection: duckdb.DuckDBPyConnection, shuffle: int | None = None) -> None:
        """Make `people` of the rows, shuffled with this seed."""
        rows = (
            self.rows
            if shuffle is None
            else random.Random(shuffle).sample(self.rows, len(self.rows))
        )
        table = pa.table(
            {
                name: pa.array(
                    [getattr(row, name) for row in rows],
                    pa.int64() if name == "person" else pa.string(),
                )
                for name in COLUMNS
            }
        )
        connection.register("rows", table)
        connection.execute("CREATE OR REPLACE TEMP TABLE people AS FROM rows")
        connection.unregister("rows")

    def link(
        self, *, shuffle: int | None = None, without: Iterable[str] = (), **options: object
    ) -> tuple[dict[str, str], Linked]:
        """The cluster of each key, and the report; `without` these columns."""
        with duckdb.connect() as connection:
            self.load(connection, shuffle)
            for name, rows in list(options.items()):
                if name in ("aliases", "decisions"):
                    connection.execute(f"CREATE TEMP TABLE {name} AS {rows}")
                    options[name] = name
            roles = Roles.of(
                {column: role for column, role in ROLES.items() if column not in without}
            )
            linked = link_table(connection, "people", roles, **options)
            return dict(
                connection.execute("SELECT key, cluster FROM linkage_out").fetchall()
            ), linked

    def quality(self, clusters: dict[str, str]) -> tuple[float, float]:
        """Pairwise precision and recall."""

        def pairs(groups: Iterable[object]) -> int:
            counts: dict[object, int] = {}
            for group in groups:
                counts[group] = counts.get(group, 0) + 1
            return sum(n * (n - 1) // 2 for n in counts.values())

        right = pairs((clusters[row.uid], row.person) for row in self.rows)
        return right / max(pairs(clusters.values()), 1), right / max(
            pairs(row.person for row in self.rows), 1
        )


def population(size: int, seed: int, *, copies: float = 0.4, codes: bool = False) -> Table:
    """Households with a common surname, address and now and then mailbox; some records have a copy
    with errors."""
    draw = random.Random(seed)
    given = [row["name"] for row in read_reference("given_names.csv")]
    family = [row["name"] for row in read_reference("family_names.csv")]
    streets = [row["fi"] for row in read_reference("streets.csv")]
    towns = [(row["postcode"], row["town_fi"]) for row in read_reference("postcodes.csv")]
    table = Table()
    person = 0
    while person < size:
        surname, (postcode, town), street = (
            draw.choice(family),
            draw.choice(towns),
            f"{draw.choice(streets)} {draw.randint(1, 80)}",
        )
        mailbox = f"perhe{person}@example.fi" if draw.random() < 0.1 else None
        first_names = draw.sample(given, draw.choice([1, 1, 2, 2, 3, 4]))
        for first in first_names:
            person += 1
            born = f"{draw.randint(1930, 2005)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
            row = Row(
                person=person,
                first=first,
                last=surname,
                born=born,
                street=street,
                postcode=postcode,
                town=town,
                email=mailbox
                or (
                    f"{first}.{surname}{person}@example.fi".lower() if draw.random() < 0.7 else None
                ),
                phone=f"+35850{draw.randrange(10**7):07d}" if draw.random() < 0.7 else None,
                code=identity_code(born, person) if codes and draw.random() < 0.7 else None,
                uid=f"p{person:05d}a",
            )
            table.rows.append(row)
            if draw.random() < copies:
                table.rows.append(_copy(row, draw, f"p{person:05d}b", towns, streets))
    return table


def _copy(
    row: Row, draw: random.Random, uid: str, towns: list[tuple[str, str]], streets: list[str]
) -> Row:
    changed: dict[str, object] = {"uid": uid}
    for name in ("first", "last"):
        if draw.random() < 0.1:
            changed[name] = misspelled(getattr(row, name), draw.randrange(4))
    if draw.random() < 0.05:
        changed["born"] = row.born[:-1] + str(draw.randrange(10))
    if draw.random() < 0.15:
        changed["street"] = f"{draw.choice(streets)} {draw.randint(1, 80)}"
        changed["postcode"], changed["town"] = draw.choice(towns)
    for name, share in (
        ("born", 0.1),
        ("email", 0.3),
        ("phone", 0.3),
        ("street", 0.1),
        ("code", 0.5),
    ):
        if draw.random() < share:
            changed[name] = None
    return replace(row, **changed)
