"""All identifiers of the registrants that requests mean: their own, shared, and of contact points
alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from assets.ingest.record_matching import OWN, PARTY
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_view
from assets.storage.relations import Relation, Scope
from schemas.raw import Raw

ACCOUNTS = tuple(kind.removeprefix("own_") for kind in OWN)
CONTACTS = ("email", "phone")

MEANT = Relation(
    name="meant",
    summary="A registrant that a request means.",
    columns={"request_id": "VARCHAR", "registrant_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)
MINE = Relation(
    name="mine",
    summary="What the registrants of a request are known by.",
    columns={
        "request_id": "VARCHAR",
        "registrant_id": "VARCHAR",
        "type": "VARCHAR",
        "value": "VARCHAR",
    },
    reads=("known", "meant"),
    scope=Scope.COMPONENT,
)
OF_OTHERS = Relation(
    name="of_others",
    summary="What of that others are known by, too.",
    columns={"request_id": "VARCHAR", "type": "VARCHAR", "value": "VARCHAR"},
    reads=("known", "meant", "mine", "only_reached"),
    amended_from=("raw", "known", "meant", "mine"),
    scope=Scope.COMPONENT,
)
ONLY_REACHED = Relation(
    name="only_reached",
    summary="Registrants who are nothing but a contact of the one who is meant.",
    columns={"request_id": "VARCHAR", "registrant_id": "VARCHAR"},
    reads=("known", "mine", "registrants"),
    scope=Scope.COMPONENT,
)


def load_meant(connection: duckdb.DuckDBPyConnection, meant: Mapping[str, tuple[str, ...]]) -> None:
    """`meant(request_id, registrant_id)`; `mine(request_id, registrant_id, type, value)`: what
    these are known by; `of_others(request_id, type, value)`: what of that others are known by,
    too."""
    pairs = [
        (request_id, registrant_id)
        for request_id, registrants in meant.items()
        for registrant_id in registrants
    ]
    connection.execute(
        (
            f"{MEANT.create} AS SELECT unnest($1::VARCHAR[]) AS request_id, "
            "unnest($2::VARCHAR[]) AS registrant_id"
        ),
        [[request_id for request_id, _ in pairs], [registrant_id for _, registrant_id in pairs]],
    )
    connection.execute(
        f"{MINE.create} AS SELECT DISTINCT request_id, registrant_id, "
        "type, value FROM known JOIN meant USING (registrant_id)"
    )
    find_only_reached(connection)
    connection.execute(
        f"""{OF_OTHERS.create} AS
        SELECT DISTINCT mine.request_id, type, value FROM known AS other JOIN mine
            USING (type, value)
        WHERE NOT EXISTS (FROM meant WHERE meant.request_id = mine.request_id
            AND meant.registrant_id = other.registrant_id)
            AND (mine.request_id, other.registrant_id) NOT IN (FROM only_reached)"""
    )


def share_parties(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Add to `of_others` the accounts that a record of somebody else names, also one that was never
    staged.

    The party of a record determines its owner (`record_matching.PARTY`). One look at raw's
    identifiers for all requests.
    """
    create_view(data_root, connection, "raw", Raw, data_root.files("raw"))
    connection.execute(
        f"""INSERT INTO of_others
        WITH accounts AS (
            SELECT DISTINCT request_id, type, value, type || ':' || value AS identifier
            FROM mine WHERE type IN {ACCOUNTS}),
        carrying AS (
            SELECT DISTINCT identifier, {PARTY} AS party
            FROM (SELECT identifiers, unnest(identifiers) AS identifier FROM raw)
            SEMI JOIN accounts USING (identifier)),
        parties AS (
            SELECT DISTINCT request_id, type, value, identifier, unnest(party) AS party
            FROM carrying JOIN accounts USING (identifier)
                WHERE NOT list_contains(party, identifier)),
        others AS (SELECT registrant_id, type || ':' || value AS party FROM known),
        judged AS (
            SELECT request_id, parties.type, parties.value, party,
                bool_or(meant.registrant_id IS NOT NULL) AS theirs,
                bool_or(others.registrant_id IS NOT NULL OR starts_with(party, 'identity_code:'))
                    AS known
            FROM parties LEFT JOIN others USING (party)
            LEFT JOIN meant USING (request_id, registrant_id) GROUP BY ALL)
        SELECT DISTINCT request_id, type, value FROM judged WHERE known AND NOT theirs"""
    )


def known(connection: duckdb.DuckDBPyConnection) -> tuple[dict[str, set[str]], ...]:
    """Per request what its registrants are known by, in four parts.

    The identifiers that are theirs alone; those given that are (also) somebody else's; the accounts
    of theirs that others' records name, too; and all of theirs that others share. `load_meant`
    comes first.

    The owner of an e-mail address owns the website's account of that name, too: a visit from before
    may be delivered later, under a cookie that nobody knew.
    """
    own = connection.execute(
        """WITH own AS (SELECT request_id, type, value FROM mine ANTI JOIN of_others
            USING (request_id, type, value)),
        accounts AS (SELECT request_id, 'user_id' AS type, value FROM own WHERE type = 'email'
            AND NOT EXISTS (FROM known AS other WHERE other.type = 'user_id'
                AND other.value = own.value
                AND NOT EXISTS (FROM meant WHERE meant.request_id = own.request_id
                    AND meant.registrant_id = other.registrant_id)))
        SELECT request_id, type || ':' || value FROM (FROM own UNION FROM accounts)"""
    ).fetchall()
    others = connection.execute(
        """SELECT asked.request_id, asked.given FROM known AS other JOIN asked USING (type, value)
        JOIN (SELECT DISTINCT request_id FROM meant) USING (request_id)
        WHERE NOT EXISTS (FROM meant WHERE meant.request_id = asked.request_id
            AND meant.registrant_id = other.registrant_id)"""
    ).fetchall()
    accounts = connection.execute(
        f"""SELECT request_id, type || ':' || value FROM of_others
        JOIN membership ON person_key = md5(type || ':' || value)
        JOIN meant USING (request_id, registrant_id) WHERE type IN {ACCOUNTS}
        UNION SELECT request_id, type || ':' || value FROM of_others
        JOIN (FROM elsewhere WHERE own) USING (type, value)
        JOIN meant USING (request_id, registrant_id) WHERE type IN {ACCOUNTS}"""
    ).fetchall()
    shared = connection.execute("SELECT request_id, type || ':' || value FROM of_others").fetchall()
    return tuple(map(by_request, (own, others, accounts, shared)))


def find_only_reached(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `only_reached(request_id, registrant_id)`: registrants who are nothing but a contact of
    the one who is meant.

    A consent by a phone makes such a registrant, when another record shows who has the phone.
    `mine` comes first.
    """
    connection.execute(
        f"""{ONLY_REACHED.create} AS
        WITH near AS (SELECT DISTINCT request_id, known.registrant_id FROM known
            JOIN mine USING (type, value)),
        nameless AS (SELECT registrant_id FROM registrants
            WHERE coalesce(given_names, family_name, birth_date::VARCHAR) IS NULL)
        SELECT near.request_id, near.registrant_id
        FROM near SEMI JOIN nameless USING (registrant_id) JOIN known USING (registrant_id)
        LEFT JOIN (SELECT DISTINCT request_id, type, value FROM mine) AS same
            ON (same.request_id, same.type, same.value) = (near.request_id, known.type, known.value)
        GROUP BY ALL HAVING bool_and(same.value IS NOT NULL AND known.type IN {CONTACTS})"""
    )


def by_request(rows: list[tuple[str, str]]) -> dict[str, set[str]]:
    """Return the identifiers of each request."""
    identifiers: dict[str, set[str]] = {}
    for request_id, identifier in rows:
        identifiers.setdefault(request_id, set()).add(identifier)
    return identifiers
