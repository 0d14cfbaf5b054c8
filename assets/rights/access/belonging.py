"""Which records and identifiers are a registrant's own, and which of them somebody else has a part
in.

A record is theirs when what is staged of it, or why it is in quarantine, is under a key of one of
their source persons. One of which nothing is staged is theirs when every strong identifier in it
is, or, without any, a contact of theirs alone. A record of somebody else that mentions them is not
theirs, and is not handed out.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from assets.ingest import deliveries, record_matching
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.sources import statement_macros
from assets.staging import lake_rewrite
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from schemas.columns import table_name
from schemas.staged import ContactPoints, Identifiers

KNOWN_BY = Relation(
    name="known_by",
    summary="Every identifier and contact of each registrant.",
    columns={"registrant_id": "VARCHAR", "identifier": "VARCHAR"},
    reads=("contact_points", "identifiers"),
    scope=Scope.COMPONENT,
)
OWN_KEYS = Relation(
    name="own_keys",
    summary="The source persons of the registrant whose data is gathered.",
    columns={"person_key": "VARCHAR"},
    reads=("membership",),
    scope=Scope.COMPONENT,
)


@dataclass(frozen=True)
class Own:
    """`known_by`: everything the registrant is known by, as `<type>:<value>`; `alone`: what nobody
    else is known by.
    """

    registrant_id: str
    known_by: frozenset[str]
    alone: frozenset[str]


@dataclass(frozen=True)
class Delivered:
    """One delivery's records of the registrant, and those of others that mention the registrant:
    their numbers.
    """

    entry: Entry
    records: tuple[int, ...]
    mentions: tuple[int, ...]


def own(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, registrant_id: str) -> Own:
    """The registrant's identifiers, by the last built register; makes the table
    `own_keys(person_key)`.
    """
    statement_macros.create(connection)
    for table in ("membership", "identifiers", "contact_points", "registrants"):
        read_register(data_root, connection, table, TABLES[table])
    connection.execute(
        f"""{KNOWN_BY.create} AS
        SELECT registrant_id, type || ':' || value AS identifier FROM identifiers
        UNION SELECT registrant_id, kind || ':' || match_key FROM contact_points"""
    )
    rows = connection.execute(
        """SELECT identifier, count(DISTINCT registrant_id) = 1 FROM known_by
        WHERE identifier IN (SELECT identifier FROM known_by WHERE registrant_id = $1)
            GROUP BY identifier""",
        [registrant_id],
    ).fetchall()
    # An identity code that the register also knows somebody else by is only theirs when it is the
    # one in force.
    row = connection.execute(
        "SELECT any_value(identity_code) FROM registrants WHERE registrant_id = $1", [registrant_id]
    ).fetchone()
    theirs = {
        text
        for text, alone in rows
        if alone
        or not text.startswith("identity_code:")
        or text == f"identity_code:{row and row[0]}"
    }
    alone = {identifier for identifier, alone in rows if alone}
    connection.execute(
        f"""{OWN_KEYS.create} AS
        SELECT person_key FROM membership WHERE registrant_id = $1
        UNION SELECT md5(identifier) FROM (SELECT unnest($2::VARCHAR[]) AS identifier)
            WHERE md5(identifier) NOT IN (SELECT person_key FROM membership)""",
        [registrant_id, sorted(text for text in alone if not text.startswith("business_id:"))],
    )
    return Own(
        registrant_id, frozenset(theirs | _once_theirs(data_root, connection)), frozenset(alone)
    )


def _once_theirs(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Addresses, phones and numbers that a source has stated of the registrant and the register no
    longer holds; nobody else's numbers.
    """
    identifiers: set[str] = set()
    for model, identifier, unless in (
        (ContactPoints, "kind || ':' || match_key", "false"),
        (
            Identifiers,
            "type || ':' || value",
            "type || ':' || value IN (SELECT identifier FROM known_by)",
        ),
    ):
        create_staged_view(data_root, connection, model)
        rows = connection.execute(
            f"""SELECT DISTINCT {identifier} FROM staged_{table_name(model)}
            WHERE person_key IN (SELECT person_key FROM own_keys)
                AND NOT coalesce({unless}, true)"""
        ).fetchall()
        identifiers |= {text for (text,) in rows if text}
    return identifiers


def records(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, mine: Own
) -> list[Delivered]:
    """The registrant's records, by delivery. Cost: one look at the keys and identifiers of every
    delivery.
    """
    delivered = []
    for entry in deliveries.ledger(data_root):
        keyed = _by_key(data_root, connection, entry)
        unstaged, mentions = _by_identifier(data_root, connection, entry, mine, keyed)
        if keyed or unstaged or mentions:
            delivered.append(
                Delivered(entry, tuple(sorted(keyed | unstaged)), tuple(sorted(mentions)))
            )
    return delivered


def _by_key(data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry) -> set[int]:
    paths = [
        path
        for path in (
            *lake_rewrite.staged_files(data_root, entry),
            quarantine_path(data_root, entry),
        )
        if path.exists() and path.stem != "records"
    ]
    each = " UNION ".join(
        (
            f"SELECT record_no FROM {parquet(path)} WHERE person_key IN (SELECT person_key FROM "
            "own_keys)"
        )
        for path in paths
    )
    return {number for (number,) in connection.execute(each).fetchall()} if paths else set()


def _by_identifier(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    entry: Entry,
    mine: Own,
    keyed: set[int],
) -> tuple[set[int], set[int]]:
    """Records of which nothing is staged and that are theirs alone; and those that carry something
    besides that they alone are known by.
    """
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if not raw.exists() or not mine.alone:
        return set(), set()
    index = staged_folder(data_root, entry) / "records.parquet"
    staged = (
        f"SELECT record_no FROM {parquet(index)} WHERE outcome = 'staged'"
        if index.exists()
        else "SELECT 0::BIGINT AS record_no WHERE false"
    )
    strong = f"""list_filter(identifiers,
        lambda named: named[:strpos(named, ':') - 1] IN {record_matching.STRONG})"""
    rows = connection.execute(
        f"""SELECT record_no,
            record_no NOT IN ({staged}) AND len(faults) = 0
                AND len(list_filter(CASE WHEN len({strong}) > 0 THEN {strong}
                    ELSE identifiers END, lambda one: NOT list_contains($known::VARCHAR[],
                    one))) = 0
        FROM {parquet(raw)} WHERE list_has_any(identifiers, $alone::VARCHAR[])""",
        {"known": sorted(mine.known_by), "alone": sorted(mine.alone)},
    ).fetchall()
    unstaged = {number for number, theirs in rows if theirs and number not in keyed}
    return unstaged, {
        number for number, _ in rows if number not in keyed and number not in unstaged
    }
