"""Bystanders of an erasure: records that would go and are somebody else's own. There must be none.

A record of the erased person that merely names somebody else is the erased person's own, and goes.
A record belongs to the person with the valid identity code in it, else to the person it was
staged or quarantined for. A record with neither that names another registrant as well is
counted, too: a person must look at it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb

from assets.erasure.matching import concerned, find_matched_records, load_requests
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.ingest.record_matching import PARTY, STRONG, WITH_OWN
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests.ledger import Request
from assets.sources import statement_macros
from assets.staging.lake_rewrite import staged_files
from assets.staging.staged import quarantine_path
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from assets.storage.sessions import connect

ERASED = "erase"
CHOICE = "bystanders"

ERASED_PERSONS = Relation(
    name="erased_persons",
    summary="Source persons of the requests.",
    columns={"person_key": "VARCHAR"},
    reads=("matching_identifiers",),
    scope=Scope.COMPONENT,
)
ERASED_REGISTRANTS = Relation(
    name="erased_registrants",
    summary="Registrants of the requests.",
    columns={"registrant_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)
OF_REGISTRANTS = Relation(
    name="of_registrants",
    summary="What identifies registrants besides them.",
    columns={"identifier": "VARCHAR"},
    reads=("identifiers", "contact_points", "erased_registrants"),
    scope=Scope.COMPONENT,
)
MATCHED = Relation(
    name="matched",
    summary="Matched records of one delivery, and which request matches them.",
    columns={"record_no": "BIGINT", "request_id": "VARCHAR"},
    reads=("matched_records", "matching_identifiers"),
    scope=Scope.COMPONENT,
)
FOREIGN_NAMED = Relation(
    name="foreign_named",
    summary="Those that name an identifier that no request has.",
    columns={
        "record_no": "BIGINT",
        "by_code": "BOOLEAN",
        "code_requested": "BOOLEAN",
        "names_registrant": "BOOLEAN",
    },
    reads=("matched_records", "matching_identifiers", "of_registrants"),
    scope=Scope.COMPONENT,
)


def count(data_root: DataRoot, erasures: Sequence[Request]) -> dict[str, int]:
    """Return how many bystanders each erasure would touch; those without any are left out.

    Changes nothing. Cost: one look at the identifiers of every delivery, and a closer one at those
    that match.
    """
    counts: Counter[str] = Counter()
    with connect(data_root) as connection:
        statement_macros.create(connection)
        prepare(data_root, connection, erasures)
        for entry in concerned(data_root, connection):
            if find_matched_records(data_root, connection, entry):
                counts.update(count_in(data_root, connection, entry))
    return dict(counts)


def prepare(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, erasures: Sequence[Request]
) -> None:
    """Make `requested_identifiers`, `matching_identifiers`, `erased_persons(person_key)`,
    `erased_registrants(registrant_id)` and `of_registrants`.
    """
    load_requests(connection, erasures)
    for table in ("identifiers", "membership", "contact_points"):
        read_register(data_root, connection, table, TABLES[table])
    connection.execute(
        f"""{ERASED_PERSONS.create} AS
        SELECT DISTINCT md5(regexp_replace(identifier, '^own_', '')) AS person_key
            FROM matching_identifiers"""
    )
    registrants = sorted({registrant for each in erasures for registrant in each.registrants})
    connection.execute(
        f"{ERASED_REGISTRANTS.create} AS SELECT unnest($1::VARCHAR[]) AS registrant_id",
        [registrants],
    )
    connection.execute(
        f"""{OF_REGISTRANTS.create} AS
        SELECT DISTINCT type || ':' || value AS identifier FROM identifiers
        ANTI JOIN erased_registrants USING (registrant_id) WHERE type IN {STRONG}
        UNION (
            SELECT kind || ':' || match_key FROM contact_points
            ANTI JOIN erased_registrants USING (registrant_id)
            EXCEPT SELECT kind || ':' || match_key FROM contact_points
            SEMI JOIN erased_registrants USING (registrant_id))"""
    )


def count_in(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry
) -> dict[str, int]:
    """Return how many bystanders are among `matched_records` of the delivery, per request.

    `prepare` comes first.
    """
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if not raw.exists() or not _find_foreign(connection, raw):
        return {}
    owners = [
        f"SELECT record_no, person_key FROM {parquet(path)} SEMI JOIN foreign_named USING "
        "(record_no)"
        for path in (*staged_files(data_root, entry), quarantine_path(data_root, entry))
        if path.exists() and path.stem != "records"
    ]
    none = "SELECT 0::BIGINT AS record_no, NULL::VARCHAR AS person_key WHERE false"
    rows = connection.execute(
        f"""WITH owned AS (
            SELECT record_no, bool_or(person_key IN (SELECT person_key FROM erased_persons)
                    OR registrant_id IN (SELECT registrant_id FROM erased_registrants)) AS theirs,
                bool_or(registrant_id IS NOT NULL) AS of_somebody
            FROM ({" UNION ALL ".join(owners) or none}) LEFT JOIN membership USING (person_key)
            WHERE person_key IS NOT NULL GROUP BY record_no),
        bystanders AS (
            SELECT record_no FROM foreign_named LEFT JOIN owned USING (record_no)
            WHERE CASE WHEN by_code THEN NOT code_requested
                WHEN theirs THEN false
                WHEN of_somebody THEN true
                ELSE names_registrant END)
        SELECT request_id, count(DISTINCT record_no) FROM matched
            SEMI JOIN bystanders USING (record_no)
        GROUP BY request_id"""
    ).fetchall()
    return dict(rows)


def _find_foreign(connection: duckdb.DuckDBPyConnection, raw: Path) -> bool:
    """Make `matched(record_no, request_id)` of `matched_records`, and `foreign_named`: which of
    these name an identifier that no request has.
    """
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE going AS
        SELECT record_no, identifiers, {PARTY} AS party FROM {parquet(raw)}
            SEMI JOIN matched_records USING (record_no)"""
    )
    connection.execute(
        f"""{MATCHED.create} AS
        SELECT DISTINCT record_no, request_id
        FROM (SELECT record_no, unnest({WITH_OWN}) AS identifier FROM going)
            JOIN matching_identifiers USING (identifier)"""
    )
    connection.execute(
        f"""{FOREIGN_NAMED.create} AS
        WITH named AS (SELECT record_no, party, unnest(identifiers) AS identifier FROM going),
        wanted AS (SELECT DISTINCT regexp_replace(identifier, '^own_', '') AS identifier
            FROM matching_identifiers)
        SELECT record_no, bool_or(starts_with(party[1], 'identity_code:')) AS by_code,
            bool_or(list_contains(party, wanted.identifier)) AS code_requested,
            bool_or(of_registrants.identifier IS NOT NULL AND wanted.identifier IS NULL)
                AS names_registrant
        FROM named LEFT JOIN wanted USING (identifier) LEFT JOIN of_registrants USING (identifier)
        WHERE split_part(identifier, ':', 1) IN {(*STRONG, "email", "phone")}
        GROUP BY record_no HAVING bool_or(wanted.identifier IS NULL)"""
    )
    row = connection.execute("SELECT count(*) FROM foreign_named").fetchone()
    return bool(row and row[0])
