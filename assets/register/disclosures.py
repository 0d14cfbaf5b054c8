"""Disclosures: per export the mart, the recipient, the day, and a keyed hash of each row's key.

    requests/disclosures/<day>-<mart>-<recipient>-<random>.parquet   token

They have no value; a registrant's are matched by the registrant's contacts. They are removed by the
retention rule of requests, when every claim about them is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb

from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.quoting import parquet
from assets.storage.recorded_files import remove
from assets.storage.sessions import connect, create_keyed_hash


def folder(data_root: DataRoot) -> Path:
    """Return the folder of the disclosures."""
    return data_root.requests / "disclosures"


def note(data_root: DataRoot, mart: str, recipient: str, keys: Iterable[str], day: date) -> None:
    """Record that the rows with these keys are being disclosed.

    Called before the file appears: a record of what was not disclosed after all harms nobody.
    """
    with connect(data_root) as connection:
        create_keyed_hash(data_root, connection)
        connection.execute(
            "CREATE TEMP TABLE disclosed AS SELECT unnest($1::VARCHAR[]) AS key",
            [sorted(set(keys))],
        )
        copy_parquet(
            connection,
            "SELECT keyed_hash('disclosed|' || key) AS token FROM disclosed ORDER BY ALL",
            folder(data_root) / f"{day}-{mart}-{recipient}-{secrets.token_hex(4)}.parquet",
        )


def received(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, keys: str
) -> list[tuple[str, str, str, str, str]]:
    """Return the request, recipient, mart, day and key of what was disclosed.

    Args:
        data_root: The data root.
        connection: Has the tables that `keys` reads.
        keys: A query of (request_id, key).
    """
    files = sorted(folder(data_root).glob("*.parquet"))
    if not files:
        return []
    create_keyed_hash(data_root, connection)
    rows = connection.execute(
        f"""SELECT DISTINCT request_id, parse_filename(filename, true) AS name, key
        FROM {parquet(*files, filename=True)}
        JOIN (
            SELECT request_id, key, keyed_hash('disclosed|' || key) AS token FROM ({keys})
        ) USING (token)
        ORDER BY ALL"""
    ).fetchall()
    disclosed = []
    for request_id, name, key in rows:
        mart, recipient = name[11:].rsplit("-", 1)[0].split("-", 1)
        disclosed.append((request_id, recipient, mart, name[:10], key))
    return disclosed


def forget(data_root: DataRoot, before: date) -> int:
    """Remove the records of exports on `before` or earlier; return how many."""
    old = [path for path in folder(data_root).glob("*.parquet") if path.name[:10] <= str(before)]
    for path in old:
        remove(path)
    return len(old)
