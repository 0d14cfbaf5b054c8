"""Persons that only raw and quarantine know: their records could not be staged, so the register has
no registrant of them.

For erasures of persons unknown to the register, the identifiers given are searched in the
identifiers of every record of raw (which has the quarantined ones, too) and in the text of those
that could not be taken apart. A record that matches is a registrant's where it carries their
identity code, or no valid code and another strong identifier of theirs. The others make up persons,
by the strong identifiers that they share and the register does not know; without any, by contact.
Two valid identity codes are never one person. Such a person has an id that begins with `U` and is
derived from a place in the lake, not from a value.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb

from assets.ingest.record_matching import PARTY, STRONG
from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_view
from assets.storage.relations import Relation, Scope
from schemas.quarantine import Quarantine
from schemas.raw import Raw

PREFIX = "U"
# A shorter value occurs in other people's texts by coincidence.
SHORTEST = 5

# A record: its delivery and its position there.
Place = tuple[str, int]

ELSEWHERE = Relation(
    name="elsewhere",
    summary="What persons are known by besides the register, in raw or quarantine.",
    columns={"registrant_id": "VARCHAR", "type": "VARCHAR", "value": "VARCHAR", "own": "BOOLEAN"},
    amended_from=("known", "quarantined"),
    scope=Scope.COMPONENT,
)
UNKNOWN = Relation(
    name="unknown",
    summary="What requests name of which the register knows nobody.",
    columns={"identifier": "VARCHAR", "value": "VARCHAR", "as_given": "BOOLEAN"},
    reads=("asked",),
    scope=Scope.COMPONENT,
)
FOUND_RECORDS = Relation(
    name="found_records",
    summary="Identifiers of records of raw that carry these, or are tied to them by a strong one.",
    columns={"delivery_id": "VARCHAR", "record_no": "BIGINT", "identifier": "VARCHAR"},
    reads=("raw", "known", "unknown"),
    scope=Scope.COMPONENT,
)
QUARANTINED = Relation(
    name="quarantined",
    summary="Quarantined records with identifiers, and the party that owns them.",
    columns={
        "delivery_id": "VARCHAR",
        "record_no": "BIGINT",
        "identifiers": "VARCHAR[]",
        "party": "VARCHAR[]",
    },
    reads=(
        "raw",
        "quarantine",
    ),
    scope=Scope.RECORD,
    external=True,
)


@dataclass(frozen=True)
class UnregisteredRecord:
    """A record of no registrant: its identifiers, of these the party (`record_matching.PARTY`), and
    those by which the register knows somebody else.
    """

    identifiers: frozenset[str]
    party: frozenset[str]
    registered: frozenset[str]

    @property
    def codes(self) -> frozenset[str]:
        """The valid identity codes that identify its owner."""
        return frozenset(text for text in self.party if text.startswith("identity_code:"))

    @property
    def ties(self) -> frozenset[str]:
        """By what it is of one person with other records."""
        unknown = self.identifiers - self.registered
        return (
            frozenset(identifier for identifier in unknown if identifier.split(":")[0] in STRONG)
            or unknown
        )


def chosen(registrants: Iterable[str]) -> bool:
    """Whether one of the ids is that of a person unknown to the register."""
    return any(registrant.startswith(PREFIX) for registrant in registrants)


def know_nobody(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `elsewhere` empty, for requests of persons known to the register."""
    connection.execute(ELSEWHERE.create_empty())


def gather(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, request_ids: Iterable[str]
) -> None:
    """Make `elsewhere(registrant_id, type, value, own)`: the persons that raw knows by what these
    requests name; `own` are the accounts that identify the owner of a record of theirs.

    Reads `asked(request_id, kind, type, value)` and `known`. Cost: two looks at raw's identifiers
    and one at the text of unreadable records, for any number of requests; the records that match
    are few and combined in Python.
    """
    create_view(data_root, connection, "raw", Raw, data_root.files("raw"))
    connection.execute(
        f"""{UNKNOWN.create} AS
        SELECT type || ':' || value AS identifier, value, bool_or(type = kind) AS as_given
            FROM asked
        WHERE list_contains($1::VARCHAR[], request_id) GROUP BY ALL""",
        [sorted(request_ids)],
    )
    _find_records(connection)
    rows = connection.execute(
        f"""WITH strong AS (SELECT registrant_id, type || ':' || value AS identifier FROM known
            WHERE type IN {STRONG}),
        records AS (
            SELECT delivery_id, record_no,
                list(DISTINCT identifier ORDER BY identifier) AS identifiers
            FROM found_records GROUP BY ALL),
        judged AS (SELECT *, {PARTY} AS party FROM records),
        strongly AS (
            SELECT delivery_id, record_no, identifier, registrant_id,
                coalesce(NOT starts_with(party[1], 'identity_code:'), true)
                    OR list_contains(party, identifier) AS owning
            FROM (SELECT *, unnest(identifiers) AS identifier FROM judged)
            JOIN strong USING (identifier)),
        owned AS (
            SELECT delivery_id, record_no, list(DISTINCT identifier) AS registered,
                list(DISTINCT registrant_id) FILTER (owning) AS registrants
            FROM strongly GROUP BY ALL)
        SELECT delivery_id, record_no, identifiers, party, coalesce(registered, []), registrants
        FROM judged LEFT JOIN owned USING (delivery_id, record_no) ORDER BY ALL"""
    ).fetchall()
    pairs: set[tuple[str, str, bool]] = set()
    of_nobody: dict[Place, UnregisteredRecord] = {}
    for delivery_id, record_no, identifiers, party, registered, registrants in rows:
        if registrants:
            contacts = {
                identifier for identifier in identifiers if identifier.split(":")[0] not in STRONG
            }
            pairs |= {(owner, contact, False) for owner in registrants for contact in contacts}
        else:
            of_nobody[delivery_id, record_no] = UnregisteredRecord(
                frozenset(identifiers), frozenset(party), frozenset(registered)
            )
    for person, records in _persons(of_nobody).items():
        own = {identifier for record in records for identifier in record.party - record.registered}
        pairs |= {
            (person, identifier, identifier in own)
            for record in records
            for identifier in record.identifiers
        }
    know_nobody(connection)
    if pairs:
        split = [
            (person, *identifier.split(":", 1), own) for person, identifier, own in sorted(pairs)
        ]
        connection.execute(
            """INSERT INTO elsewhere SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]),
                unnest($3::VARCHAR[]), unnest($4::BOOLEAN[])""",
            [list(column) for column in zip(*split, strict=True)],
        )


def add_quarantined(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    meant: Mapping[str, tuple[str, ...]],
) -> None:
    """Add to `elsewhere` what quarantined records of registrants know them by, besides the
    register: it has no identifier of a record that could not be staged.

    A record is a registrant's by its party, or another strong identifier, that is theirs alone. By
    a contact of theirs alone it is where the record has nothing stronger, or they have not. What
    the register knows somebody else by is never added; somebody known by a contact alone is no
    other. Records tied to these by what is added are followed, too. Cost: one look at the
    quarantine and the identifiers of its records.

    Args:
        data_root: The data root.
        connection: Has `known` and `elsewhere`.
        meant: Registrants by request.
    """
    registrants = sorted({registrant for chosen in meant.values() for registrant in chosen})
    files = data_root.files("quarantine")
    if not registrants or not files:
        return
    create_view(data_root, connection, "raw", Raw, data_root.files("raw"))
    create_view(data_root, connection, "quarantine", Quarantine, files)
    connection.execute(
        f"""{QUARANTINED.create} AS
        SELECT *, {PARTY} AS party FROM raw
        SEMI JOIN (FROM quarantine) USING (delivery_id, record_no) WHERE len(identifiers) > 0"""
    )
    while _add_tied(connection, registrants):
        pass


def _add_tied(connection: duckdb.DuckDBPyConnection, registrants: list[str]) -> bool:
    """Add the identifiers of the records that what is known so far ties to these registrants;
    return whether there were any.
    """
    before = connection.execute("SELECT count(*) FROM elsewhere").fetchone()
    connection.execute(
        f"""INSERT INTO elsewhere
        WITH everybody AS (
            SELECT registrant_id, type || ':' || value AS identifier, type IN {STRONG} AS strong,
                bool_or(type IN {STRONG}) OVER (PARTITION BY registrant_id) AS known_by_more
            FROM (SELECT DISTINCT * FROM known)),
        of_others AS (
            SELECT DISTINCT identifier, strong FROM everybody
            WHERE known_by_more AND NOT list_contains($1::VARCHAR[], registrant_id)),
        theirs AS (
            SELECT * FROM everybody ANTI JOIN of_others USING (identifier)
            WHERE list_contains($1::VARCHAR[], registrant_id)
            QUALIFY count(*) OVER (PARTITION BY identifier) = 1),
        named AS (
            SELECT delivery_id, record_no, party, unnest(identifiers) AS identifier
            FROM quarantined),
        judged AS (
            SELECT delivery_id, record_no, any_value(party) AS party,
                bool_or(split_part(named.identifier, ':', 1) IN {STRONG}) AS has_strong,
                bool_or(of_others.strong AND list_contains(party, named.identifier)) AS of_another
            FROM named LEFT JOIN of_others USING (identifier) GROUP BY ALL),
        tied AS (
            SELECT delivery_id, record_no, any_value(theirs.registrant_id) AS registrant_id
            FROM named JOIN theirs USING (identifier) JOIN judged USING (delivery_id, record_no)
            WHERE NOT coalesce(of_another, false)
                AND (NOT starts_with(coalesce(judged.party[1], ''), 'identity_code:')
                    OR list_contains(judged.party, identifier))
                AND (strong OR NOT has_strong OR NOT known_by_more)
            GROUP BY delivery_id, record_no HAVING count(DISTINCT theirs.registrant_id) = 1)
        SELECT DISTINCT registrant_id, split_part(identifier, ':', 1),
            substr(identifier, strpos(identifier, ':') + 1), list_contains(party, identifier)
        FROM tied JOIN named USING (delivery_id, record_no)
        WHERE split_part(identifier, ':', 1) IN {(*STRONG, "email", "phone")}
            AND identifier_valid(split_part(identifier, ':', 1),
                substr(identifier, strpos(identifier, ':') + 1))
            AND (registrant_id, identifier) NOT IN (SELECT registrant_id, identifier FROM everybody)
            AND identifier NOT IN (SELECT identifier FROM of_others)""",
        [registrants],
    )
    return connection.execute("SELECT count(*) FROM elsewhere").fetchone() != before


def without_vanished(connection: duckdb.DuckDBPyConnection, asked: list[Request]) -> list[Request]:
    """The requests, without chosen persons of raw that have no records now, or other ones."""
    rows = connection.execute("SELECT DISTINCT registrant_id FROM elsewhere").fetchall()
    there = {person for (person,) in rows}
    return [
        request
        if all(person in there or not chosen([person]) for person in request.registrants)
        else replace(request, registrants=())
        for request in asked
    ]


def _find_records(connection: duckdb.DuckDBPyConnection) -> None:
    """`found_records(delivery_id, record_no, identifier)`: the records that carry what is unknown,
    and those that share a strong identifier with them."""
    named = "SELECT delivery_id, record_no, unnest(identifiers) AS identifier FROM raw"
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE first_found AS
        WITH named AS ({named}),
        carrying AS (SELECT DISTINCT delivery_id, record_no FROM named
            SEMI JOIN unknown USING (identifier))
        SELECT delivery_id, record_no, identifier FROM named
            SEMI JOIN carrying USING (delivery_id, record_no)
        UNION
        SELECT delivery_id, record_no, identifier
        FROM (SELECT delivery_id, record_no, payload FROM raw WHERE len(faults) > 0)
        JOIN unknown ON as_given AND strlen(value) >= {SHORTEST} AND contains(payload, value)"""
    )
    connection.execute(
        f"""{FOUND_RECORDS.create} AS
        WITH named AS ({named}),
        links AS (
            SELECT DISTINCT identifier FROM first_found
                WHERE split_part(identifier, ':', 1) IN {STRONG}
            EXCEPT SELECT type || ':' || value FROM known),
        linked AS (SELECT DISTINCT delivery_id, record_no FROM named
            SEMI JOIN links USING (identifier))
        FROM first_found
        UNION
        SELECT delivery_id, record_no, identifier FROM named
            SEMI JOIN linked USING (delivery_id, record_no)"""
    )
    kinds = (*STRONG, "email", "phone")
    connection.execute(
        f"DELETE FROM found_records WHERE split_part(identifier, ':', 1) NOT IN {kinds}"
    )


def _persons(records: Mapping[Place, UnregisteredRecord]) -> dict[str, list[UnregisteredRecord]]:
    """Return the records of each person, by id.

    What names two valid identity codes by one account is of two people: the records of each code
    are one person, those without a code are none of theirs.
    """
    persons: dict[str, list[UnregisteredRecord]] = {}
    for places in _components(records):
        codes = sorted({code for place in places for code in records[place].codes})
        parts = [places]
        if len(codes) > 1:
            parts = [{place for place in places if code in records[place].codes} for code in codes]
            rest = {place: records[place] for place in places if not records[place].codes}
            parts += _components(rest)
        for part in parts:
            first = hashlib.sha256(repr(min(part)).encode()).hexdigest()[:15].upper()
            persons[PREFIX + first] = [records[place] for place in sorted(part)]
    return _with_contacts_alone(persons)


def _with_contacts_alone(
    persons: dict[str, list[UnregisteredRecord]],
) -> dict[str, list[UnregisteredRecord]]:
    """Join who is nothing but a contact to the only other person who has it."""
    known_by = {
        person: {identifier for record in records for identifier in record.identifiers}
        for person, records in persons.items()
    }
    contacts_alone = {
        person
        for person, identifiers in known_by.items()
        if not any(identifier.split(":")[0] in STRONG for identifier in identifiers)
    }
    for person in sorted(contacts_alone):
        owners = [
            other
            for other in persons
            if other not in contacts_alone and known_by[person] <= known_by[other]
        ]
        if len(owners) == 1:
            persons[owners[0]] += persons.pop(person)
    return persons


def _components(records: Mapping[Place, UnregisteredRecord]) -> list[set[Place]]:
    """Return the places of records that are tied by what they share."""
    tied: dict[str, set[Place]] = defaultdict(set)
    for place, record in records.items():
        for tie in record.ties:
            tied[tie].add(place)
    components: list[set[Place]] = []
    left = set(records)
    while left:
        reached, to_visit = set[Place](), [min(left)]
        while to_visit:
            place = to_visit.pop()
            if place in reached:
                continue
            reached.add(place)
            to_visit += [other for tie in records[place].ties for other in tied[tie] - reached]
        left -= reached
        components.append(reached)
    return components
