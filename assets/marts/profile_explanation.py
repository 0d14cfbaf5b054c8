"""Profiles in the published analytics mart: of a registrant (GDPR 15 and 22), and segment sizes.

Read from the mart itself and not computed again, so that what is disclosed is what is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from assets.marts.analytics import PSEUDONYM
from assets.marts.building import mart_path, over_register
from assets.marts.profiles import WITHHELD, subjects
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach
from assets.storage.safe_errors import PlainError
from assets.storage.sessions import connect, create_keyed_hash
from schemas.columns import table_name
from schemas.profiles import CODES, VALUES

_FIELDS = "attribute, value, rule, inputs, as_of"


class NotPublishedError(PlainError):
    """There is no analytics mart yet."""


class UnknownRegistrantError(PlainError):
    """The register has no registrant of that id; the message does not repeat it."""


@dataclass(frozen=True)
class Value:
    """An attribute's value, with the code and text of its rule, its inputs, and the day."""

    attribute: str
    value: str
    rule: str
    meaning: str
    inputs: str
    as_of: date


def profile(data_root: DataRoot, registrant_id: str) -> list[Value] | None:
    """Return the registrant's values in the published mart; None if they may not be profiled.

    Raises:
        NotPublishedError: There is no published mart.
        UnknownRegistrantError: The register has no registrant of that id.
    """
    path = mart_path(data_root, "analytics")
    if not path.exists():
        raise NotPublishedError(
            "the analytics mart has not been published yet; run `register refresh`"
        )
    with connect(data_root) as connection:
        create_keyed_hash(data_root, connection)
        attach(data_root, connection, path, "mart", "analytics")
        over_register(
            data_root, connection, "analytics", _value(connection, "SELECT as_of FROM mart.about")
        )
        if not _value(
            connection, "SELECT count(*) FROM registrants WHERE registrant_id = ?", registrant_id
        ):
            raise UnknownRegistrantError(
                "the register has no registrant of that id; `register sql customer_care` shows "
                "the ids that there are"
            )
        if not _value(
            connection,
            "SELECT count(*) FROM eligible_analytics WHERE registrant_id = ?",
            registrant_id,
        ):
            return None
        every = " UNION ALL ".join(
            f"SELECT pseudonym, {_FIELDS} FROM mart.{table_name(model)}" for model in VALUES
        )
        values = connection.execute(
            f"""SELECT {_FIELDS}
            FROM ({every})
            WHERE pseudonym IN (
                SELECT {PSEUDONYM}
                FROM (SELECT ? AS registrant_id), (SELECT unnest(?::VARCHAR[]) AS subject))
            ORDER BY ALL""",
            [registrant_id, subjects(data_root.policy)],
        ).fetchall()
    return [
        Value(attribute, value, rule, CODES[rule], inputs, as_of)
        for attribute, value, rule, inputs, as_of in values
    ]


def sizes(data_root: DataRoot, path: Path) -> tuple[list[tuple[str, str, int]], int]:
    """Return each segment's attribute, value and registrants, and how many are withheld.

    Args:
        data_root: The data root.
        path: The mart's file.
    """
    with connect(data_root) as connection:
        attach(data_root, connection, path, "mart", "analytics")
        segments = connection.execute(
            """SELECT attribute, value, registrants
            FROM mart.segments
            ORDER BY attribute, registrants DESC, value"""
        ).fetchall()
        over_register(
            data_root, connection, "analytics", _value(connection, "SELECT as_of FROM mart.about")
        )
        return segments, _value(connection, WITHHELD)


def _value(connection: duckdb.DuckDBPyConnection, query: str, *values: str) -> Any:
    return (connection.execute(query, list(values)).fetchone() or (None,))[0]
