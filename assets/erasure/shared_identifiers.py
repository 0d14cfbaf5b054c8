"""Identifiers that registrants to be erased share with others: mailboxes, telephones, browsers,
customer numbers.

They are not erased by such an identifier, and it suppresses nothing. But those who remain would be
its only owner, and the consents that the erased gave under it would become theirs: so it is
recorded (`suppression.find_consents_of_erased`).
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope

SHARED = Relation(
    name="shared",
    summary="Identifiers of a request's registrants that others have or had, too.",
    columns={"identifier": "VARCHAR", "request_id": "VARCHAR"},
    reads=("identifiers", "contact_points"),
    scope=Scope.COMPONENT,
)


def find_shared(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, erasures: Iterable[Request]
) -> None:
    """Make `shared(identifier, request_id)`: what a registrant of the requests has now, and another
    has or has had.

    A contact that they have given up is not included: its consents already count for its present
    owner.
    """
    pairs = [
        (request.request_id, registrant)
        for request in erasures
        for registrant in request.registrants
    ]
    for table in ("identifiers", "contact_points"):
        read_register(data_root, connection, table, TABLES[table])
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE registrants_of_requests AS
        SELECT unnest($1::VARCHAR[]) AS request_id, unnest($2::VARCHAR[]) AS registrant_id""",
        [[request_id for request_id, _ in pairs], [registrant for _, registrant in pairs]],
    )
    connection.execute(
        f"""{SHARED.create} AS
        WITH known AS (
            SELECT registrant_id, type || ':' || value AS identifier, true AS now FROM identifiers
            UNION ALL
            SELECT registrant_id, kind || ':' || match_key, is_current FROM contact_points),
        mine AS (
            SELECT DISTINCT request_id, registrant_id, identifier FROM known
            JOIN registrants_of_requests USING (registrant_id) WHERE now)
        SELECT DISTINCT mine.identifier, mine.request_id
        FROM mine JOIN known AS other ON other.identifier = mine.identifier
            AND other.registrant_id <> mine.registrant_id"""
    )
