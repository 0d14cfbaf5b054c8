"""Holds in the register: which persons' data stays, and waits, for which categories.

A hold follows the person. It is found by any identifier of theirs, covers every source person that
the register ties to them, and everyone they are merged with; of a split every part that has one of
the identifiers. Three kinds are one relation:

- added by command (`assets.requests.holds`);
- an open request of theirs: access, portability, rectification, restriction, an objection that
  must be weighed. It ends when the request is closed. An erasure, a withdrawal, an objection to
  marketing need no data to be answered;
- a restriction in force that a source has stated (GDPR 18).

While the key of one is missing, nobody can tell which person it is about: then everybody is under a
hold, of the ground `HOLD-UNREADABLE`, until the key is back or the hold or request has ended.

An erasure that waits for added holds covers what they cover, and restricts (`choices`): what is not
erased yet is used for legal claims only.

What a hold does: registrants do not leave; their visits, cookies, orders and credit data stay past
their own clocks, where the hold covers their category. Nothing else waits: raw and quarantine go by
their own periods, what was corrected and what is protected goes at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import duckdb

from assets.ingest.record_matching import DECISIVE
from assets.register.published_tables import LAST_MEMBERSHIP, read_register
from assets.requests import holds, ledger
from assets.sources import statement_macros
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view
from assets.storage.queries import count
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from schemas.columns import table_name
from schemas.register import KnownBy, Membership
from schemas.requests import UNCONDITIONAL
from schemas.staged import CANONICAL, MarketingChoices, Visits

PERSONS_ON_HOLD = Relation(
    name="persons_on_hold",
    summary="Source persons under a hold, by hold, ground, end and category.",
    columns={
        "person_key": "VARCHAR",
        "hold": "VARCHAR",
        "ground": "VARCHAR",
        "until": "DATE",
        "category": "VARCHAR",
    },
    amended_from=(
        "hold_identifiers",
        "identified_before",
        "members_before",
        "staged_marketing_choices",
        "registrants_on_hold",
        "membership",
        "registrant_identifiers",
        "everybody_staged",
    ),
    scope=Scope.COMPONENT,
    external=True,
    temporary=False,  # the sweep rewrites files in cursors of their own
)
HOLD_IDENTIFIERS = Relation(
    name="hold_identifiers",
    summary="The identifiers by which holds name their persons.",
    columns={
        "identifier": "VARCHAR",
        "hold": "VARCHAR",
        "ground": "VARCHAR",
        "until": "VARCHAR",
        "categories": "VARCHAR[]",
        "surely": "BOOLEAN",
    },
    scope=Scope.BROADCAST,
)
IDENTIFIED_BEFORE = Relation(
    name="identified_before",
    summary="Identifiers and contact points of registrants in the last build.",
    columns={"registrant_id": "VARCHAR", "identifier": "VARCHAR", "person_key": "VARCHAR"},
    scope=Scope.COMPONENT,
)
MEMBERS_BEFORE = Relation(
    name="members_before",
    summary="Source persons of registrants in the last build.",
    columns={"registrant_id": "VARCHAR", "person_key": "VARCHAR"},
    scope=Scope.COMPONENT,
)
EVERYBODY_STAGED = Relation(
    name="everybody_staged",
    summary="All source persons in staged, while the key of a hold is missing.",
    columns={"person_key": "VARCHAR"},
    scope=Scope.COMPONENT,
)
REGISTRANTS_ON_HOLD = Relation(
    name="registrants_on_hold",
    summary="Registrants under a hold, by hold, ground, end and category.",
    columns={
        "registrant_id": "VARCHAR",
        "hold": "VARCHAR",
        "ground": "VARCHAR",
        "until": "DATE",
        "category": "VARCHAR",
    },
    reads=("persons_on_hold", "membership", "hold_identifiers", "registrant_identifiers"),
    scope=Scope.COMPONENT,
)
# The rights that need the data to be answered, and the ground while such a request is open.
_OF_REQUESTS = {
    "access": "HOLD-REQUEST",
    "portability": "HOLD-REQUEST",
    "rectification": "HOLD-REQUEST",
    "restriction": "HOLD-RESTRICTION",
    "objection": "HOLD-OBJECTION",
}
WAITING_ERASURE = "HOLD-ERASURE"
STATED = "restricted"
"""In the place of a hold's id: a source has stated the restriction."""
UNREADABLE = "unreadable"
"""In the place of a hold's id: keys of holds or open requests are missing."""


@dataclass(frozen=True)
class HoldInForce:
    """A hold as the register applies it: its id or that of the request, ground, end, identifiers.

    `categories` is empty for all. `surely`: the identifiers are known to be of one person.
    """

    hold: str
    ground: str
    until: str | None
    categories: tuple[str, ...]
    identifiers: tuple[str, ...]
    surely: bool = True


def in_force(data_root: DataRoot, today: date) -> list[HoldInForce]:
    """Return the holds in force that are known outside the lake: added ones, and open requests.

    Without those that cannot be read (`unreadable`).
    """
    added = [
        HoldInForce(hold.hold_id, hold.ground, hold.until, hold.categories, hold.identifiers)
        for hold in holds.every(data_root)
        if hold.in_force(today) and not hold.without_key
    ]
    return [*added, *_of_requests(data_root), *_of_waiting_erasures(data_root, added)]


def unreadable(data_root: DataRoot, today: date) -> list[str]:
    """Return the ids of the holds in force, and of the open requests that hold, without
    a key that opens them.
    """
    names = _names(data_root, today)
    if not names:
        return []
    lost = {hold.hold_id for hold in holds.every(data_root) if hold.without_key}
    lost |= {request.request_id for request in ledger.every(data_root) if request.without_key}
    return [name for name in names if name in lost]


def open_requests(data_root: DataRoot) -> list[tuple[str, str]]:
    """Return id and ground of every open request that holds. Opens none."""
    return [
        (request.request_id, _OF_REQUESTS[request.right])
        for request in ledger.every(data_root, opened=False)
        if _holds(request)
    ]


def _of_requests(data_root: DataRoot) -> Iterator[HoldInForce]:
    """Yield the holds of open requests that can be read."""
    if not open_requests(data_root):
        return
    for request in ledger.every(data_root):
        if not _holds(request) or request.without_key:
            continue
        resolved = {*request.resolved, *request.own}
        yield HoldInForce(
            request.request_id,
            _OF_REQUESTS[request.right],
            None,
            (),
            tuple(sorted(resolved or request.given)),
            surely=bool(resolved),
        )


def _of_waiting_erasures(data_root: DataRoot, added: list[HoldInForce]) -> Iterator[HoldInForce]:
    """Yield for each erasure that waits for holds its registrant, with what the holds cover."""
    if not any(_waits(request) for request in ledger.every(data_root, opened=False)):
        return
    covered = {hold.hold: hold.categories for hold in added}
    for request in ledger.every(data_root):
        waited_for = [covered[hold] for hold in request.waits_for if hold in covered]
        if not _waits(request) or not waited_for or request.without_key:
            continue
        categories = {category for several in waited_for for category in several}
        yield HoldInForce(
            request.request_id,
            WAITING_ERASURE,
            None,
            tuple(sorted(categories)) if all(waited_for) else (),
            tuple(sorted({*request.resolved, *request.own})),
        )


def _waits(request: ledger.Request) -> bool:
    return request.right == "erasure" and request.state == "unclear" and bool(request.waits_for)


def _holds(request: ledger.Request) -> bool:
    if request.state == "closed" or request.right not in _OF_REQUESTS:
        return False
    return request.right != "objection" or request.purpose not in UNCONDITIONAL


def fingerprint(data_root: DataRoot, today: date) -> str:
    """Return a hash of which holds and requests hold on the day, which erasures wait, and which of
    them can be read.
    """
    waiting = [
        request.request_id for request in ledger.every(data_root, opened=False) if _waits(request)
    ]
    names = [*_names(data_root, today), "", *waiting, "", *unreadable(data_root, today)]
    return hashlib.sha256("|".join(names).encode()).hexdigest()


def _names(data_root: DataRoot, today: date) -> list[str]:
    """Return the ids of the holds and requests that hold on the day."""
    return [
        *(hold.hold_id for hold in holds.every(data_root, opened=False) if hold.in_force(today)),
        *(request_id for request_id, _ in open_requests(data_root)),
    ]


def load(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `persons_on_hold`, by the register as last built and by what is staged.

    The connection has the macro `person_key` and the view `staged_marketing_choices`.
    """
    connection.execute(PERSONS_ON_HOLD.create_empty())
    if unreadable(data_root, today):
        _add_everybody(data_root, connection)
    known = in_force(data_root, today)
    if not known and not count(
        connection,
        "SELECT count(*) FROM staged_marketing_choices WHERE choice = 'restricted'",
    ):
        _identifiers(connection, [])
        return
    _identifiers(connection, known)
    _read_published(data_root, connection)
    every = ", ".join(f"'{category}'" for category in data_root.policy.categories)
    connection.execute(
        f"""INSERT INTO persons_on_hold
        WITH restricted AS (
            SELECT person_key FROM staged_marketing_choices
            WHERE choice IN ('restricted', 'lifted') AND person_key IS NOT NULL
            GROUP BY person_key, purpose, channel
            HAVING coalesce(max(stated_at) FILTER (choice = 'restricted')
                >= max(stated_at) FILTER (choice = 'lifted'),
                bool_or(choice = 'restricted'))),
        named AS (
            SELECT person_key(split_part(identifier, ':', 1),
                    substr(identifier, strpos(identifier, ':') + 1)) AS person_key,
                identifier, hold, ground, until, categories, surely
            FROM hold_identifiers
            UNION ALL
            SELECT person_key, NULL, '{STATED}', 'HOLD-RESTRICTION', NULL, [], true
            FROM restricted),
        reached AS (
            SELECT named.*, registrant_id FROM named
            LEFT JOIN (
                SELECT registrant_id, identifier, person_key FROM identified_before
                UNION ALL SELECT registrant_id, NULL, person_key FROM members_before) AS known
                ON known.identifier = named.identifier OR known.person_key = named.person_key),
        certain AS (
            SELECT * FROM reached
            QUALIFY surely OR count(DISTINCT registrant_id) OVER (PARTITION BY hold) <= 1),
        persons AS (
            SELECT person_key, hold, ground, until, categories FROM certain
            UNION
            SELECT members_before.person_key, hold, ground, until, categories
            FROM certain JOIN members_before USING (registrant_id)
            UNION
            SELECT identified_before.person_key, hold, ground, until, categories
            FROM certain JOIN identified_before USING (registrant_id)
            WHERE split_part(identified_before.identifier, ':', 1) IN {DECISIVE})
        SELECT DISTINCT person_key, hold, ground, until::DATE,
            unnest(CASE WHEN len(categories) = 0 THEN [{every}] ELSE categories END) AS category
        FROM persons"""
    )


def _add_everybody(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Add everybody in staged to `persons_on_hold`, and every browser, for all categories."""
    people = [
        f"SELECT {person} AS person_key FROM {parquet(*files)}"
        for table, person in (
            *((table, "person_key") for table in CANONICAL),
            (table_name(Visits), "person_key('visitor_id', visitor_id)"),
        )
        if (files := list(data_root.files("staged", name=f"*/{table}")))
    ]
    connection.execute(
        EVERYBODY_STAGED.create_table(
            f"SELECT DISTINCT person_key FROM ({' UNION ALL '.join(people)}) "
            "WHERE person_key IS NOT NULL"
        )
        if people
        else EVERYBODY_STAGED.create_empty()
    )
    connection.execute(
        f"""INSERT INTO persons_on_hold
        SELECT person_key, '{UNREADABLE}', 'HOLD-UNREADABLE', NULL, unnest($1::VARCHAR[])
        FROM everybody_staged""",
        [[*data_root.policy.categories]],
    )


def _identifiers(connection: duckdb.DuckDBPyConnection, known: Iterable[HoldInForce]) -> None:
    """Make `hold_identifiers`: a row per hold and identifier."""
    rows = [
        (identifier, hold.hold, hold.ground, hold.until, list(hold.categories), hold.surely)
        for hold in known
        for identifier in hold.identifiers
    ]
    connection.execute(HOLD_IDENTIFIERS.create_empty())
    if rows:
        connection.execute(
            """INSERT INTO hold_identifiers SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]),
                unnest($3::VARCHAR[]), unnest($4::VARCHAR[]), unnest($5::VARCHAR[][]),
                unnest($6::BOOLEAN[])""",
            [list(column) for column in zip(*rows, strict=True)],
        )


def _read_published(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `identified_before` and `members_before`, of the register as last built."""
    tables = {name: data_root.register(name) for name in ("identifiers", "contact_points")}
    columns = {"identifiers": ("type", "value"), "contact_points": ("kind", "match_key")}
    queries = [
        f"""SELECT registrant_id, {columns[name][0]} || ':' || {columns[name][1]} AS identifier,
            person_key({columns[name][0]}, {columns[name][1]}) AS person_key
        FROM {parquet(path)}"""
        for name, path in tables.items()
        if path.exists()
    ]
    nothing = """SELECT NULL::VARCHAR AS registrant_id, NULL::VARCHAR AS identifier,
        NULL::VARCHAR AS person_key WHERE false"""
    connection.execute(IDENTIFIED_BEFORE.create_view(" UNION ALL ".join(queries) or nothing))
    connection.execute(
        MEMBERS_BEFORE.create_view(
            f"SELECT registrant_id, person_key FROM ({LAST_MEMBERSHIP.rows(data_root)})"
        )
    )


def find_registrants(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registrants_on_hold`, of the round's membership and identifiers."""
    connection.execute(
        REGISTRANTS_ON_HOLD.create_table(
            f"""WITH named AS (
                SELECT DISTINCT registrant_id, hold
                FROM hold_identifiers
                JOIN registrant_identifiers ON type || ':' || value = identifier
                WHERE surely AND type IN {DECISIVE})
            SELECT registrant_id, hold, ground, until, category
            FROM persons_on_hold JOIN membership USING (person_key)
            UNION
            SELECT registrant_id, hold, ground, until, category
            FROM named JOIN (
                SELECT DISTINCT hold, ground, until, category FROM persons_on_hold) USING (hold)"""
        )
    )


def find_published(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, today: date) -> None:
    """Make `persons_on_hold` and `registrants_on_hold`, by the register as last built."""
    statement_macros.create(connection)
    read_register(data_root, connection, "membership", Membership)
    create_staged_view(data_root, connection, MarketingChoices)
    load(data_root, connection, today)
    read_identifiers(data_root, connection)
    find_registrants(connection)


def read_identifiers(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registrant_identifiers` of what is published, as `find_registrants` reads it."""
    # It is made with the clocks, which ask whether a person is on hold.
    from assets.register.registrant_state import REGISTRANT_IDENTIFIERS

    read_register(data_root, connection, "identifiers", KnownBy)
    connection.execute(REGISTRANT_IDENTIFIERS.create_view("SELECT * FROM identifiers"))


def widen(connection: duckdb.DuckDBPyConnection) -> bool:
    """Add to `persons_on_hold` all that linkage has tied to one of them; return whether any was.

    What of theirs was left out by its own clock must be gathered again then.
    """
    before = count(connection, "SELECT count(*) FROM persons_on_hold")
    connection.execute(
        f"""INSERT INTO persons_on_hold
        SELECT person_key, hold, ground, until, category
        FROM (
            SELECT registrant_id, person_key FROM membership
            UNION
            SELECT registrant_id, person_key(type, value)
            FROM registrant_identifiers WHERE type IN {DECISIVE})
        JOIN registrants_on_hold USING (registrant_id)
        EXCEPT SELECT * FROM persons_on_hold"""
    )
    return count(connection, "SELECT count(*) FROM persons_on_hold") > before


def unless_on_hold(condition: str, category: str, person: str = "person_key") -> str:
    """SQL: the condition, unless the row's person is under a hold that covers the category."""
    return f"""(({condition}) AND NOT coalesce({person} IN (
        SELECT person_key FROM persons_on_hold WHERE category = '{category}'), false))"""
