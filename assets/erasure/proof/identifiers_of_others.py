"""Identifiers among those of open requests that are somebody else's too: these stay, and are
counted.

It takes evidence of another person: a record with a valid identity code, or with an identifier by
which the register still knows a registrant, that is none of the requests'. A contact point alone is
no evidence. Written apart from the removal's rule, as is all of the proof's search.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope

SHARED = "shared with another registrant"
ANOTHERS = "another registrant's"
_IDENTIFYING = ("identity_code", "customer_number", "contact_id", "visitor_id", "user_id")

ASKED_IDENTIFIERS = Relation(
    name="asked_identifiers",
    summary="What the requests name, and their registrants are known by.",
    columns={
        "identifier": "VARCHAR",
        "kind": "VARCHAR",
        "value": "VARCHAR",
        "person_key": "VARCHAR",
    },
    scope=Scope.COMPONENT,
)
REGISTERED_IDENTIFIERS = Relation(
    name="registered_identifiers",
    summary="By what the register identifies registrants now.",
    columns={"identifier": "VARCHAR"},
    scope=Scope.COMPONENT,
)


def identifiers_of_others(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, requests: Iterable[Request]
) -> dict[str, str]:
    """Return the identifiers that other people have too, each with the reason why it stays.

    To be called when the register has been rebuilt without the erased.
    """
    asked = list(requests)
    known = sorted(
        {identifier for request in asked for identifier in (*request.given, *request.resolved)}
    )
    # Before a request is resolved, the owners of its identifiers are unknown.
    named = {identifier for request in asked if request.resolved for identifier in request.given}
    named -= {identifier for request in asked for identifier in request.resolved}
    connection.execute(
        f"""{ASKED_IDENTIFIERS.create} AS
        SELECT identifier, split_part(identifier, ':', 1) AS kind,
            substr(identifier, strpos(identifier, ':') + 1) AS value, md5(identifier) AS person_key
        FROM (SELECT unnest($1::VARCHAR[]) AS identifier)""",
        [known],
    )
    _load_register(data_root, connection)
    shared = _contacts(data_root, connection) | _devices(data_root, connection)
    accounts = {identifier.replace("email:", "user_id:", 1) for identifier in shared} & set(known)
    registered = connection.execute(
        "FROM asked_identifiers SEMI JOIN registered_identifiers USING (identifier)"
    ).fetchall()
    anothers = named & {identifier for identifier, *_ in registered}
    anothers |= {identifier for request in asked for identifier in request.left_out} & set(known)
    return dict.fromkeys(anothers, ANOTHERS) | dict.fromkeys(shared | accounts, SHARED)


def _load_register(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Make `registered_identifiers(identifier)`: by what the register identifies registrants
    now.
    """
    path = data_root.register("identifiers")
    rows = (
        f"SELECT DISTINCT type || ':' || value AS identifier FROM {parquet(path)}"
        f" WHERE type IN {_IDENTIFYING}"
        if path.exists()
        else "SELECT NULL::VARCHAR AS identifier WHERE false"
    )
    connection.execute(REGISTERED_IDENTIFIERS.create_table(rows))


def _contacts(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return e-mail addresses and telephones in a record of somebody else's."""
    files = data_root.files("raw")
    wanted = "SELECT identifier FROM asked_identifiers WHERE kind IN ('email', 'phone')"
    if not files or not connection.execute(f"{wanted} LIMIT 1").fetchone():
        return set()
    rows = connection.execute(
        f"""WITH named AS (
            SELECT filename, record_no, unnest(identifiers) AS identifier
            FROM {parquet(*files, filename=True)}),
        reached AS (SELECT * FROM named SEMI JOIN ({wanted}) USING (identifier)),
        identified AS (
            SELECT DISTINCT filename, record_no
            FROM named SEMI JOIN (SELECT DISTINCT filename, record_no FROM reached)
                USING (filename, record_no)
            WHERE identifier NOT IN (SELECT identifier FROM asked_identifiers)
                AND (identifier IN (SELECT identifier FROM registered_identifiers)
                    OR starts_with(identifier, 'identity_code:')
                        AND identity_code_valid(substr(identifier, strlen('identity_code:') + 1))))
        SELECT DISTINCT identifier FROM reached SEMI JOIN identified USING (filename, record_no)"""
    ).fetchall()
    return {identifier for (identifier,) in rows}


def _devices(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the visitor ids that visits of others carry as their device's id, by which a website
    without cookies distinguishes visitors.
    """
    files = data_root.files("staged", name="*/visits")
    wanted = "SELECT identifier, value FROM asked_identifiers WHERE kind = 'visitor_id'"
    if not files or not connection.execute(f"{wanted} LIMIT 1").fetchone():
        return set()
    rows = connection.execute(
        f"""SELECT DISTINCT identifier
        FROM {parquet(*files)} AS visit JOIN ({wanted}) AS device ON fingerprint = value
        WHERE person_key IS NULL
            OR person_key NOT IN (SELECT person_key FROM asked_identifiers)"""
    ).fetchall()
    return {identifier for (identifier,) in rows}
