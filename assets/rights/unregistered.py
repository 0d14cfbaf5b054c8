"""Persons whom only raw and quarantine know: their records could not be staged, so the register has
no registrant of them.

For erasures of persons unknown to the register, the identifiers given are searched in the
identifiers of every record of raw (which has the quarantined ones, too) and in the text of those
that could not be taken apart. A record found is a registrant's where it carries a strong identifier
of theirs. The others make up persons, by the strong identifiers that they share; without any, by
contact. Such a person has an id that begins with `U` and is derived from a place in the lake, not
from a value.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

import duckdb

from assets.home import Home
from assets.suppression import STRONG
from schemas.raw import Raw

PREFIX = "U"
# A shorter value stands in other people's texts by chance.
SHORTEST = 5

# A record: its delivery and its position there.
Place = tuple[str, int]


def chosen(registrants: Iterable[str]) -> bool:
    """Whether one of the ids is that of a person whom the register does not know."""
    return any(one.startswith(PREFIX) for one in registrants)


def gather(home: Home, connection: duckdb.DuckDBPyConnection, request_ids: Iterable[str]) -> None:
    """Make `elsewhere(registrant_id, type, value)`: whom raw knows by what these requests name.

    Reads `asked(request_id, kind, type, value)` and `known`. Cost: two looks at raw's identifiers
    and one at the text of unreadable records, for any number of requests; the records found are few
    and put together in Python.
    """
    home.view(connection, "raw", Raw, home.files("raw"))
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE unknown AS
        SELECT type || ':' || value AS identifier, value, bool_or(type = kind) AS as_given
            FROM asked
        WHERE list_contains($1::VARCHAR[], request_id) GROUP BY ALL""",
        [sorted(request_ids)],
    )
    _find_records(connection)
    rows = connection.execute(
        f"""SELECT delivery_id, record_no, list(DISTINCT identifier ORDER BY identifier),
            list(DISTINCT registrant_id ORDER BY registrant_id) FILTER (registrant_id IS NOT NULL)
        FROM found_records LEFT JOIN (
            SELECT registrant_id, type || ':' || value AS identifier FROM known
                WHERE type IN {STRONG}) AS strong
        USING (identifier) GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE elsewhere (registrant_id VARCHAR, type VARCHAR, value "
        "VARCHAR)"
    )
    pairs: set[tuple[str, str]] = set()
    nobodys: dict[Place, list[str]] = {}
    for delivery_id, record_no, identifiers, registrants in rows:
        if registrants:
            contacts = {one for one in identifiers if one.split(":")[0] not in STRONG}
            pairs |= {(owner, one) for owner in registrants for one in contacts}
        else:
            nobodys[delivery_id, record_no] = identifiers
    for person, identifiers in _persons(nobodys).items():
        pairs |= {(person, one) for one in identifiers}
    if pairs:
        split = [(person, *one.split(":", 1)) for person, one in sorted(pairs)]
        connection.execute(
            """INSERT INTO elsewhere
            SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]), unnest($3::VARCHAR[])""",
            [list(column) for column in zip(*split, strict=True)],
        )


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
        f"""CREATE OR REPLACE TEMP TABLE found_records AS
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


def _persons(records: dict[Place, list[str]]) -> dict[str, set[str]]:
    """Return the identifiers of each person, by id: records that share a strong identifier are of
    one.
    """
    ties: dict[str, set[Place]] = defaultdict(set)
    for place, identifiers in records.items():
        strong = [one for one in identifiers if one.split(":")[0] in STRONG]
        for one in strong or identifiers:
            ties[one].add(place)
    persons: dict[str, set[str]] = {}
    left = set(records)
    while left:
        reached, to_visit = set[Place](), [min(left)]
        while to_visit:
            place = to_visit.pop()
            if place in reached:
                continue
            reached.add(place)
            to_visit += [
                other for one in records[place] if one in ties for other in ties[one] - reached
            ]
        left -= reached
        first = hashlib.sha256(repr(min(reached)).encode()).hexdigest()[:15].upper()
        persons[PREFIX + first] = {one for place in reached for one in records[place]}
    return persons
