"""Corrections on request (GDPR 16): how one gets into the register, and how what was wrong gets out
of the files.

A correction is delivered by `self` like an edit, so raw, staged, erasure, proof and backups treat
it as all data. When the time of the value that was wrong is over, staged is rewritten without it,
and raw drops the records that stated it, because their payload would reveal it, and those that
repeat such a record word for word in later deliveries. Never in place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from assets.ingest import deliveries, delivering, suppression
from assets.register.building import TABLES
from assets.register.corrections import FORM, PLACES, TOKEN
from assets.register.published_tables import read_register
from assets.sources.self_service import SUBJECTS
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect, create_keyed_hash
from schemas.requests import OF_THE_ERASED
from schemas.sources.self_service import CODES
from schemas.vocabulary import RECTIFIABLE

ORIGIN = "rectification"


class RectificationError(PlainError):
    """What was requested cannot be corrected; the message gives the reason, without any value."""


@dataclass(frozen=True)
class _Now:
    """What the register states of an attribute: the keyed hash of the value, and its source."""

    form: str | None
    token: str | None
    source: str | None


def deliver(
    data_root: DataRoot,
    registrant_id: str,
    request_id: str,
    values: Mapping[str, str],
    now: datetime,
) -> str:
    """Put the corrections into the inbox, durably, and return the delivery's SHA-256. Raises
    RectificationError.

    Each names the registrant by what they alone are known by, the source that it overrides, and the
    keyed hash of what it replaces.
    """
    records = []
    with connect(data_root) as connection:
        kind, key = _subject(data_root, connection, registrant_id)
        if suppression.erased_among(data_root, [f"{kind}:{key}"]):
            raise RectificationError(f"REQ-ERASED: {OF_THE_ERASED['REQ-ERASED']}")
        for attribute, value in values.items():
            was = _now(data_root, connection, registrant_id, attribute)
            form = _checked(connection, attribute, value)
            if form == was.form:
                raise RectificationError(
                    f"the register already says that of {attribute}: there is nothing to correct"
                )
            common = {
                "made_at": now.isoformat(),
                "request_id": request_id,
                "subject_key_type": kind,
                "subject_key": key,
                "attribute": attribute,
            }
            records.append(
                {**common, "value": value.strip(), "overrides": was.source, "replaces": was.token}
            )
    data = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    return delivering.put(
        data_root,
        "self",
        "corrections",
        data,
        records=len(records),
        day=now.date(),
        purpose="customer_care",
    )


def staged(data_root: DataRoot, digest: str) -> int:
    """How many corrections of the delivery with this SHA-256 have been staged."""
    entries = deliveries.ledger(data_root, "self")
    return sum(entry.staged for entry in entries if deliveries.is_of(data_root, entry, digest))


def _subject(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, registrant_id: str
) -> tuple[str, str]:
    """What the registrant alone is known by, the strongest first; raises RectificationError when
    there is nothing.
    """
    for table in ("identifiers", "contact_points"):
        read_register(data_root, connection, table, TABLES[table])
    subject = connection.execute(
        f"""WITH known AS (SELECT registrant_id, type, value FROM identifiers UNION
            SELECT registrant_id, kind, match_key FROM contact_points)
        SELECT type, value FROM known WHERE type IN {SUBJECTS} GROUP BY type, value
        HAVING count(DISTINCT registrant_id) = 1 AND any_value(registrant_id) = $1
            ORDER BY list_position({list(SUBJECTS)}, type), value LIMIT 1""",
        [registrant_id],
    ).fetchone()
    if not subject:
        raise RectificationError(
            "the registrant is known by nothing that is theirs alone: a correction could not "
            "be kept apart from others"
        )
    return str(subject[0]), str(subject[1])


def _now(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, registrant_id: str, attribute: str
) -> _Now:
    """What the golden record states, and the source of it; of a corrected attribute, the source
    that the correction overrides.
    """
    if attribute not in PLACES:
        raise RectificationError(
            f"{attribute!r} is nothing that can be corrected; these are: {', '.join(RECTIFIABLE)}"
        )
    create_keyed_hash(data_root, connection)
    for table in ("registrants", "provenance", "corrections"):
        read_register(data_root, connection, table, TABLES[table])
    row = connection.execute(
        f"""SELECT {FORM.format(f"'{attribute}'", f"{attribute}::VARCHAR")},
            {TOKEN.format(f"'{attribute}'", f"{attribute}::VARCHAR")},
            coalesce((SELECT any_value(overrides) FROM corrections WHERE registrant_id = $1
                AND attribute = $2 AND stands),
                (SELECT any_value(source) FROM provenance WHERE registrant_id = $1
                    AND attribute = $3 AND NOT rectified))
        FROM registrants WHERE registrant_id = $1""",
        [registrant_id, attribute, PLACES[attribute].group or attribute],
    ).fetchone()
    return _Now(*row) if row else _Now(None, None, None)


def _checked(connection: duckdb.DuckDBPyConnection, attribute: str, value: str) -> str | None:
    """The value in the form in which values are compared; raises RectificationError for one that is
    not of the attribute.
    """
    from assets.sources.self_service import SOURCE
    from assets.sources.source import STATEMENT_MACROS

    for statement in (STATEMENT_MACROS, *SOURCE.datasets[1].prepare[:-1]):
        connection.execute(statement)
    form, fits = connection.execute(
        (
            f"SELECT {FORM.format('$1', '$2')}, filled_value IS NOT NULL AND fits($1, "
            "filled_value) FROM (SELECT nullif(trim($2), '') AS filled_value)"
        ),
        [attribute, value],
    ).fetchone() or (None, False)
    if not fits:
        raise RectificationError(
            f"SELF-VALUE: what was given for {attribute} is not valid: {CODES['SELF-VALUE']}"
        )
    return str(form)
