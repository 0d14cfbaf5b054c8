"""A registrant takes a consent back: one record for the consent log, delivered like any other and
never replaced.

The record is put into the inbox as a delivery of the source `consents`, of our own making, so that
it goes the way of all data: raw keeps it, the register's log shows it, and every later build of a
mart heeds it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from assets.ingest import deliveries, delivering, suppression
from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests.ledger import RequestError
from assets.storage.data_root import DataRoot
from assets.storage.queries import count
from assets.storage.sessions import connect
from schemas.identifiers import RECOGNISABLE_TYPES
from schemas.requests import CODES

# The origin that such a record states.
ORIGIN = "self-service"
# The register's word for a kind of identifier -> the consent log's.
KEYS = {
    "identity_code": "henkilotunnus",
    "customer_number": "customer_number",
    "contact_id": "contact_id",
    "email": "email",
    "phone": "phone",
    "visitor_id": "cookie",
}
# Why nothing is written for somebody who has been erased.
ERASED = f"REQ-ERASED: {CODES['REQ-ERASED']}"
_FIELDS = (
    "event_ts",
    "subject_key_type",
    "subject_key",
    "purpose",
    "channel",
    "status",
    "source",
    "evidence",
    "text_version",
    "language",
)


@dataclass(frozen=True)
class Word:
    """What a registrant states: about which identifier, for which purpose and channel, and what (a
    status of the consent log).
    """

    identifier: str
    purpose: str
    channel: str
    status: str = "withdrawn"
    evidence: str = ""


def deliver(data_root: DataRoot, identifier: str, purpose: str, channel: str, now: datetime) -> str:
    """Put the withdrawal of `<type>:<value>` into the inbox, durably, and return the delivery's
    SHA-256.
    """
    return deliver_words(data_root, [Word(identifier, purpose, channel)], now)


def deliver_words(
    data_root: DataRoot, words: Sequence[Word], now: datetime, origin: str = ORIGIN
) -> str:
    """Put statements of registrants into the inbox as one delivery, durably; return its SHA-256.

    Raises RequestError, and writes nothing, when one is about somebody who has been erased: that
    would make the register know them again.
    """
    if suppression.erased_among(data_root, [word.identifier for word in words]):
        raise RequestError(ERASED)
    text = io.StringIO()
    writer = csv.DictWriter(text, _FIELDS, restval="", quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    for word in words:
        kind, _, value = word.identifier.partition(":")
        common = {
            "event_ts": now.isoformat(),
            "purpose": word.purpose,
            "channel": word.channel,
            "status": word.status,
            "source": origin,
        }
        writer.writerow(
            {
                **common,
                "evidence": word.evidence,
                "subject_key_type": KEYS[kind],
                "subject_key": value,
            }
        )
    return delivering.put(
        data_root,
        "consents",
        "consent_log",
        text.getvalue().encode(),
        records=len(words),
        day=now.date(),
        purpose="direct_marketing",
    )


def recognise(data_root: DataRoot, text: str) -> str:
    """The identifier `<type>:<value>` that is meant by a value, or by a registrant's id.

    Whatever kind the register knows it as; the form of a value that it does not know must show what
    it is. Raises RequestError, without the value, when it may be several things or none.
    """
    with connect(data_root) as connection:
        known, valid = _candidates(data_root, connection, text)
    if len(identifiers := known or valid) == 1:
        return identifiers[0]
    if identifiers:
        raise RequestError(
            "what was given is several kinds of identifier: say which with "
            "--customer-number, --contact-id, --email …"
        )
    raise RequestError(
        "the register knows nobody by what was given, and its form does not tell what it is: "
        "say so with --email, --phone, --customer-number …"
    )


def _candidates(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, text: str
) -> tuple[list[str], list[str]]:
    """What the register knows by the value, and what it is by its form."""
    for table in ("registrants", "identifiers", "contact_points"):
        read_register(data_root, connection, table, TABLES[table])
    # The form of a text alone determines only some kinds. Each macro is expanded once: within each
    # other, and for each kind, they took seconds to plan.
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE typed_values AS
        WITH typed AS MATERIALIZED (
            SELECT type, identifier_canonical(type, $1::VARCHAR) AS value
            FROM (SELECT unnest({list(KEYS)}) AS type))
        SELECT type, value,
            type IN {RECOGNISABLE_TYPES} AND identifier_valid(type, value) AS valid
        FROM typed""",
        [text],
    )
    # Of a registrant named by id, an identifier that is theirs alone.
    rank = f"list_position({list(KEYS)}, type)"
    known = connection.execute(
        f"""WITH known_values AS (SELECT registrant_id, type, value FROM identifiers UNION
            SELECT registrant_id, kind, match_key FROM contact_points)
        SELECT type || ':' || value FROM known_values
        SEMI JOIN typed_values USING (type, value)
        GROUP BY ALL
        UNION
        (SELECT type || ':' || value FROM known_values
        WHERE type IN {tuple(KEYS)}
        GROUP BY type, value
        HAVING count(DISTINCT registrant_id) = 1 AND any_value(registrant_id) = trim(?)
            ORDER BY {rank} LIMIT 1)""",
        [text],
    ).fetchall()
    valid = connection.execute(
        "SELECT type || ':' || value FROM typed_values WHERE valid"
    ).fetchall()
    return [row[0] for row in known], [row[0] for row in valid]


def concerned(data_root: DataRoot, digest: str) -> int:
    """How many registrants the withdrawal with this SHA-256 concerns, by the last built
    register.
    """
    taken = {
        entry.delivery_id
        for entry in deliveries.ledger(data_root, "consents")
        if deliveries.is_of(data_root, entry, digest)
    }
    with connect(data_root) as connection:
        read_register(data_root, connection, "choice_log", TABLES["choice_log"])
        return count(
            connection,
            """SELECT count(DISTINCT registrant_id) FROM choice_log
            WHERE list_contains(?::VARCHAR[], delivery_id)""",
            [sorted(taken)],
        )


def taken_in(data_root: DataRoot, digest: str) -> bool:
    """Whether the delivery with this SHA-256 has become part of the lake."""
    return any(
        deliveries.is_of(data_root, entry, digest)
        for entry in deliveries.ledger(data_root, "consents")
    )
