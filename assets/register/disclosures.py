"""What was handed to whom, and when: per export the mart, the recipient, the day, and a keyed hash of each row's key; no value.

    requests/disclosures/<day>-<mart>-<recipient>-<random>.parquet   token

Found again from what the registrant is reached by. Goes by the retention rule of requests, by which every claim of it is over.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb

from assets.storage.atomic_files import remove
from assets.storage.data_root import Home, copy_parquet
from assets.storage.quoting import parquet


def folder(home: Home) -> Path:
    """Where the notes lie."""
    return home.requests / "disclosures"


def note(home: Home, mart: str, recipient: str, keys: Iterable[str], day: date) -> None:
    """Note that the rows with these keys are being handed over. Before the file appears: what is noted and was not handed over harms nobody."""
    with home.connect() as connection:
        home.keyed_hash(connection)
        connection.execute(
            "CREATE TEMP TABLE handed AS SELECT unnest($1::VARCHAR[]) AS key", [sorted(set(keys))]
        )
        copy_parquet(
            connection,
            "SELECT keyed_hash('disclosed|' || key) AS token FROM handed ORDER BY ALL",
            folder(home) / f"{day}-{mart}-{recipient}-{secrets.token_hex(4)}.parquet",
        )


def received(
    home: Home, connection: duckdb.DuckDBPyConnection, keys: str
) -> list[tuple[str, str, str, str, str]]:
    """Request, recipient, mart, day and key of what was handed over, of the query `keys` (request_id, key)."""
    files = sorted(folder(home).glob("*.parquet"))
    if not files:
        return []
    home.keyed_hash(connection)
    rows = connection.execute(
        f"""SELECT DISTINCT request_id, parse_filename(filename, true) AS name, key FROM {parquet(*files, filename=True)}
        JOIN (SELECT request_id, key, keyed_hash('disclosed|' || key) AS token FROM ({keys})) USING (token) ORDER BY ALL"""
    ).fetchall()
    found = []
    for request_id, name, key in rows:
        mart, recipient = name[11:].rsplit("-", 1)[0].split("-", 1)
        found.append((request_id, recipient, mart, name[:10], key))
    return found


def forget(home: Home, before: date) -> int:
    """Remove notes of exports on `before` or earlier; answers how many."""
    old = [path for path in folder(home).glob("*.parquet") if path.name[:10] <= str(before)]
    for path in old:
        remove(path)
    return len(old)
