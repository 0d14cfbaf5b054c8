"""Matching a delivery's records with the registrants of requests. Set-wise, for any number of
requests.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from assets.erasure import mentions
from assets.erasure.mentions import DECIDED_REDACTIONS
from assets.ingest import deliveries, record_matching, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.requests.ledger import Request
from assets.staging import lake_rewrite
from assets.staging.lake_rewrite import MATCHED_RECORDS
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view, create_view
from assets.storage.quoting import parquet
from assets.storage.relations import Relation, Scope
from schemas.columns import table_name
from schemas.quarantine import Quarantine
from schemas.raw import Raw
from schemas.staged import CANONICAL, Visits
from schemas.unusual_spellings import former_forms

# Raw is kept for less long than staged.
_ON_SHARED_BROWSER = f"""user_id IS NULL AND '{record_matching.OWN_BROWSER}:' || visitor_id IN (
    SELECT identifier FROM matching_identifiers)"""

REQUESTED_REGISTRANTS = Relation(
    name="requested_registrants",
    summary="Registrants of the requests that are erased.",
    columns={"registrant_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)
REQUESTED_IDENTIFIERS = Relation(
    name="requested_identifiers",
    summary="Identifiers of theirs alone, in all their forms.",
    columns={"identifier": "VARCHAR", "request_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)
MATCHING_IDENTIFIERS = Relation(
    name="matching_identifiers",
    summary="These, and their accounts that others' records name, too, as their own.",
    columns={"identifier": "VARCHAR", "request_id": "VARCHAR"},
    scope=Scope.COMPONENT,
)
MENTIONED_IDENTIFIERS = Relation(
    name="mentioned_identifiers",
    summary="These, with such accounts as texts may mention them.",
    columns={"identifier": "VARCHAR", "request_id": "VARCHAR"},
    reads=("requested_identifiers",),
    scope=Scope.COMPONENT,
)


def load_requests(connection: duckdb.DuckDBPyConnection, requests: Iterable[Request]) -> None:
    """Make `requested_identifiers(identifier, request_id)` of the identifiers to which the requests
    were resolved, in today's form and that of older files.

    Also make, of the same shape, `matching_identifiers`: with the accounts that others' records
    name, too, as those of the records that they own (`record_matching.OWN`); and
    `mentioned_identifiers`: with these accounts as texts may mention them. And
    `requested_registrants(registrant_id)`, the requests' registrants.
    """
    asked = list(requests)
    connection.execute(
        (f"{REQUESTED_REGISTRANTS.create} AS SELECT unnest($1::VARCHAR[]) AS registrant_id"),
        [sorted({registrant for request in asked for registrant in request.registrants})],
    )
    pairs = sorted(
        {
            (form, request.request_id)
            for request in asked
            for identifier in request.resolved
            for form in (identifier, *former_forms(identifier))
        }
    )
    # `decided_redactions(delivery_id, record_no)`: records of others that somebody decided to
    # redact.
    decided = sorted(
        {
            (near["reference"].split("/")[2], int(near["reference"].split("/")[3]))
            for request in asked
            for near in request.near
            if near["decision"] == "redact"
        }
    )
    connection.execute(
        f"""{DECIDED_REDACTIONS.create} AS SELECT
            unnest($1::VARCHAR[]) AS delivery_id, unnest($2::BIGINT[]) AS record_no""",
        [[delivery for delivery, _ in decided], [number for _, number in decided]],
    )
    own = sorted({(account, request.request_id) for request in asked for account in request.own})
    owned = [(f"own_{account}", request_id) for account, request_id in own]
    for relation, listed in (
        (REQUESTED_IDENTIFIERS, pairs),
        (MATCHING_IDENTIFIERS, pairs + owned),
        (MENTIONED_IDENTIFIERS, sorted({*pairs, *own})),
    ):
        connection.execute(
            f"{relation.create} AS SELECT unnest($1::VARCHAR[]) AS identifier, "
            "unnest($2::VARCHAR[]) AS request_id",
            [[identifier for identifier, _ in listed], [request_id for _, request_id in listed]],
        )


def concerned(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> list[Entry]:
    """Return the deliveries that may contain records about the requests' registrants or mentions.

    One scan of the identifiers and keys of every layer, and one of all texts in raw and staged.
    """
    registrants = connection.execute("FROM requested_registrants").fetchall()
    mentions.scan(data_root, connection, [registrant for (registrant,) in registrants])
    create_view(data_root, connection, "raw", Raw, data_root.files("raw"))
    create_view(data_root, connection, "quarantine", Quarantine, data_root.files("quarantine"))
    for model in CANONICAL.values():
        create_staged_view(data_root, connection, model)
    queries = [
        (
            "SELECT delivery_id FROM (SELECT delivery_id, unnest(identifiers) AS identifier FROM "
            "raw) SEMI JOIN requested_identifiers USING (identifier)"
        ),
        """SELECT delivery_id FROM (SELECT delivery_id, 'own_' || unnest(identifiers) AS identifier
            FROM raw)
        SEMI JOIN matching_identifiers USING (identifier)""",
        f"SELECT delivery_id FROM staged_visits WHERE {_ON_SHARED_BROWSER}",
        "SELECT delivery_id FROM worth_reading",
    ]
    tables = ("quarantine", *(f"staged_{table}" for table in CANONICAL))
    queries += [
        f"""SELECT delivery_id FROM {table}
        WHERE person_key IN (SELECT md5(identifier) FROM requested_identifiers)"""
        for table in tables
    ]
    delivery_ids = {
        delivery_id for (delivery_id,) in connection.execute(" UNION ".join(queries)).fetchall()
    }
    return [entry for entry in deliveries.ledger(data_root) if entry.delivery_id in delivery_ids]


def find_matched_records(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, entry: Entry
) -> bool:
    """Make `matched_records(record_no)`: the delivery's records about the requests' registrants;
    and `redactions`, where others mention them.

    A record is theirs by the rule of the suppression list (`record_matching.find_matches`), or by
    its text (`mentions.attribution`). `concerned` comes first. Returns whether the delivery has
    either.
    """
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    mentions.find_mentions(data_root, connection, entry)
    queries = ["FROM theirs"]
    if raw.exists():
        suppression.know_register(data_root, connection)
        record_matching.find_matches(connection, parquet(raw), "matching_identifiers")
        queries.append("SELECT record_no FROM matches")
    visits = staged_folder(data_root, entry) / f"{table_name(Visits)}.parquet"
    if visits.exists():
        queries.append(f"SELECT record_no FROM {parquet(visits)} WHERE {_ON_SHARED_BROWSER}")
    for path in (*lake_rewrite.staged_files(data_root, entry), quarantine_path(data_root, entry)):
        if path.exists() and path.stem != "records":
            queries.append(
                f"SELECT record_no FROM {parquet(path)} WHERE person_key IN (SELECT "
                "md5(identifier) FROM requested_identifiers)"
            )
    connection.execute(
        f"{MATCHED_RECORDS.create} AS SELECT DISTINCT record_no FROM ("
        f"{' UNION ALL '.join(queries)})"
    )
    mentioned = mentions.find_redactions(connection)
    return (
        mentioned
        or connection.execute("SELECT 1 FROM matched_records LIMIT 1").fetchone() is not None
    )
