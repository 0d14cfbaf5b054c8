"""Why an erasure that seems to mean somebody, or nobody, needs a second look: look-alike
characters, two people's codes.
"""

from __future__ import annotations

import duckdb

from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view
from schemas.look_alikes import ASCII_ALIKE
from schemas.staged import CANONICAL


def alike(connection: duckdb.DuckDBPyConnection, nobody: set[str]) -> dict[str, list[str]]:
    """Per request the kinds of which one is known that differs from the one given in look-alike
    characters only.
    """
    if not nobody:
        return {}
    read_as = f"translate(lower(value), '{ASCII_ALIKE[0]}', '{ASCII_ALIKE[1]}')"
    rows = connection.execute(
        f"""SELECT DISTINCT request_id, type
        FROM (SELECT request_id, type, {read_as} AS read_as FROM asked
            WHERE type = kind AND list_contains($1::VARCHAR[], request_id))
        JOIN (SELECT type, {read_as} AS read_as FROM known) USING (type, read_as) ORDER BY ALL""",
        [sorted(nobody)],
    ).fetchall()
    kinds: dict[str, list[str]] = {}
    for request_id, kind in rows:
        kinds.setdefault(request_id, []).append(kind)
    return kinds


def nobody(request_id: str, kinds: list[str]) -> str:
    """Why a request waits that nobody is known by; `kinds` are those of which one that is known
    looks alike.
    """
    differs = "".join(
        f"; a {kind.replace('_', ' ')} is known that differs from the one given only in characters "
        "that look alike, "
        "such as O and 0"
        for kind in kinds
    )
    return (
        f"request {request_id}: nobody in the register, raw or quarantine is known by what was "
        f"given{differs}; correct it "
        "with `register request correct`, or answer that nobody was found with `register request "
        "close`"
    )


def with_two_codes(
    data_root: DataRoot,
    connection: duckdb.DuckDBPyConnection,
    asked: list[Request],
    meant: dict[str, tuple[tuple[str, ...], str]],
) -> dict[str, tuple[tuple[str, ...], str]]:
    """The erasures that mean a registrant with two identity codes, neither a correction of the
    other, that nobody chose.
    """
    erasures = [
        (request.request_id, registrant_id)
        for request in asked
        for registrant_id in meant[request.request_id][0]
        if request.right == "erasure" and not _decided(request)
    ]
    if not erasures:
        return {}
    create_staged_view(data_root, connection, CANONICAL["identifiers"])
    rows = connection.execute(
        """SELECT registrant_id, count(DISTINCT value) FROM identifiers
        WHERE type = 'identity_code' AND list_contains($1::VARCHAR[], registrant_id)
            AND identity_code_valid(value) AND value NOT IN (
                SELECT value FROM staged_identifiers WHERE type = 'identity_code'
                    AND replaced_by IS NOT NULL)
        GROUP BY registrant_id HAVING count(DISTINCT value) > 1""",
        [sorted({registrant_id for _, registrant_id in erasures})],
    ).fetchall()
    codes = dict(rows)
    return {
        request_id: (
            (),
            f"request {request_id}: the registrant {registrant_id} has {codes[registrant_id]} "
            "people's identity codes; "
            "see `register review contradictions`, and if both are one person say so with "
            "`register request decide "
            "--registrant`",
        )
        for request_id, registrant_id in erasures
        if registrant_id in codes
    }


def _decided(request: Request) -> bool:
    return any(event["what"] == "registrant_decided" for event in request.events)
