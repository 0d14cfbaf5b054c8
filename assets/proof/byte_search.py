"""While a request is open: its registrant's identifiers, searched in the bytes of files, whatever their format.

Parquet is decoded column by column, a DuckDB file is searched in an uncompressed copy, a compressed value in an SQLite
database is unpacked; all other files are searched as they are. Memory is bounded by a batch. The time does not depend on how many identifiers
are sought: eight bytes at a time are looked up in a table of how identifiers begin, and only a match is compared.

Left out, and told in the certificate: values of fewer than eight characters, which stand in other people's data by
chance, and contacts that records about somebody else have too. Both are searched as identifiers (`identifiers`).
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets import suppression
from assets.home import Home
from assets.proof.findings import Finding
from assets.proof.mart_files import uncompressed
from assets.quoting import parquet
from assets.rights.requests import Request
from schemas.unusual_spellings import former_forms

SHORTEST = 8
CHUNK = 16 * 1024 * 1024
PARQUET_ROWS = 65_536
_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ZLIB = b"\x78"


class Sought:
    """The identifiers of open requests, in each form in which they are written. Built once, for any number of files."""

    def __init__(self, requests: Iterable[Request], leaving_out: Iterable[str] = ()) -> None:
        aside = set(leaving_out)
        # By how they begin and how long they are: many numbers and addresses begin alike.
        self._by_start: dict[int, dict[int, dict[bytes, list[str]]]] = {}
        self.left_out: Counter[str] = Counter()
        self.searched: Counter[str] = Counter()
        for request in requests:
            for identifier in {*request.given, *request.resolved}:
                spelled = forms(identifier) if identifier not in aside else []
                (self.searched if spelled else self.left_out)[request.request_id] += 1
                for form in spelled:
                    alike = self._by_start.setdefault(
                        int.from_bytes(form[:SHORTEST], "little"), {}
                    ).setdefault(len(form), {})
                    alike.setdefault(form, []).append(request.request_id)
        self._table = np.zeros(1 << _BITS, dtype=bool)
        self._table[_slots(np.array(list(self._by_start), dtype=np.uint64))] = True
        self.longest = max(
            (length for alike in self._by_start.values() for length in alike), default=SHORTEST
        )

    def __bool__(self) -> bool:
        return bool(self._by_start)

    def find(self, content: bytes) -> Counter[str]:
        """How often the bytes hold an identifier, by request. Letters A to Z are taken as a to z."""
        found: Counter[str] = Counter()
        if len(content) < SHORTEST or not self._by_start:
            return found
        content = content.lower()
        for at in self._places(content):
            for length, alike in self._by_start.get(
                int.from_bytes(content[at : at + SHORTEST], "little"), {}
            ).items():
                found.update(alike.get(content[at : at + length], ()))
        return found

    def _places(self, content: bytes) -> Iterator[int]:
        for offset in range(SHORTEST):
            windows = np.frombuffer(
                content, dtype="<u8", offset=offset, count=(len(content) - offset) // SHORTEST
            )
            yield from (np.flatnonzero(self._table[_slots(windows)]) * SHORTEST + offset).tolist()


def _slots(
    windows: np.ndarray[tuple[int], np.dtype[np.uint64]],
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    with np.errstate(over="ignore"):
        return (windows * _SPREAD) >> np.uint64(64 - _BITS)


def forms(identifier: str) -> list[bytes]:
    """How the value of `<type>:<value>` is written: as it is, in a URL; a phone also without the plus sign, a contact as advertising platforms take it."""
    kind, value = identifier.split(":", 1)
    spelled = {value, value.replace("@", "%40"), value.replace("+", "%2b")}
    spelled |= {form.split(":", 1)[1] for form in former_forms(identifier)}
    if kind in ("email", "phone"):
        spelled.add(hashlib.sha256(value.encode()).hexdigest())
    if kind == "phone":
        spelled.add(value.lstrip("+"))
        spelled.add(re.sub(r"^\+358", "0", value))
    return sorted(form for one in spelled if len(form := one.lower().encode()) >= SHORTEST)


def reached_by_others(
    home: Home, connection: duckdb.DuckDBPyConnection, requests: Iterable[Request]
) -> set[str]:
    """The contacts and devices among the requests' identifiers that are in records about somebody else: those stay, and may."""
    known = sorted(
        {identifier for request in requests for identifier in (*request.given, *request.resolved)}
    )
    return _contacts_of_others(home, connection, known) | _devices_of_others(
        home, connection, known
    )


def _devices_of_others(
    home: Home, connection: duckdb.DuckDBPyConnection, known: list[str]
) -> set[str]:
    """Visitor ids that visits under another cookie have as the device's id: a website without cookies tells visitors by their device."""
    visitors = [one for one in known if one.startswith("visitor_id:")]
    files = home.files("staged", name="*/visits")
    if not visitors or not files:
        return set()
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE sought_visitors AS SELECT unnest($1::VARCHAR[]) AS identifier, unnest($2::VARCHAR[]) AS fingerprint",
        [visitors, [one.split(":", 1)[1] for one in visitors]],
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE sought_keys AS SELECT md5(unnest($1::VARCHAR[])) AS person_key",
        [known],
    )
    rows = connection.execute(
        f"""SELECT DISTINCT identifier FROM {parquet(*files)} JOIN sought_visitors USING (fingerprint)
        WHERE person_key IS NULL OR person_key NOT IN (SELECT person_key FROM sought_keys)"""
    ).fetchall()
    return {row[0] for row in rows}


def _contacts_of_others(
    home: Home, connection: duckdb.DuckDBPyConnection, known: list[str]
) -> set[str]:
    contacts = [one for one in known if one.split(":")[0] in ("email", "phone")]
    files = home.files("raw")
    if not contacts or not files:
        return set()
    for name, listed in (("sought_contacts", contacts), ("sought_identifiers", known)):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT unnest($1::VARCHAR[]) AS identifier",
            [listed],
        )
    held = parquet(*files, filename=True)
    suppression.know_register(home, connection)
    suppression.find_matches(connection, held, "sought_identifiers", "filename, record_no")
    rows = connection.execute(
        f"""SELECT DISTINCT identifier
        FROM (SELECT filename, record_no, unnest(identifiers) AS identifier FROM {held}) AS near
        SEMI JOIN sought_contacts USING (identifier)
        ANTI JOIN matches USING (filename, record_no)"""
    ).fetchall()
    return {row[0] for row in rows}


def in_parquet(sought: Sought, path: Path) -> Counter[str]:
    """In every value of the file, and in its bytes as they are: statistics and metadata are not compressed."""
    found = in_bytes(sought, path)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PARQUET_ROWS):
            for column in batch.columns:
                for content in _texts(column):
                    found.update(sought.find(content))
    return found


def _texts(column: pa.Array) -> Iterator[bytes]:
    """The bytes of a column's texts, one after the other, also of those within lists and structures."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _texts(column.dictionary)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _texts(column.flatten())
    elif pa.types.is_struct(kind):
        for child in column.flatten():
            yield from _texts(child)
    elif (
        pa.types.is_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
    ):
        yield pc.binary_join(
            pa.ListArray.from_arrays(
                pa.array([0, len(column)], pa.int32()), column.cast(pa.binary()).fill_null(b"")
            ),
            b"\n",
        )[0].as_py()
    elif pa.types.is_integer(kind):
        yield from _texts(column.cast(pa.string()))


def in_duckdb(home: Home, sought: Sought, path: Path) -> Counter[str]:
    """In the file as it is, and in a copy in which nothing is compressed."""
    with uncompressed(home, path) as copy:
        return in_bytes(sought, path) + in_bytes(sought, copy)


def in_sqlite(sought: Sought, path: Path) -> Counter[str]:
    """In the pages as they are, free ones too, and in values that are packed with zlib."""
    found = in_bytes(sought, path)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        connection.text_factory = bytes
        tables = [
            row[0].decode()
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes) and value.startswith(_ZLIB):
                        found.update(sought.find(_unpacked(value)))
    finally:
        connection.close()
    return found


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def in_bytes(sought: Sought, path: Path) -> Counter[str]:
    """In the file's bytes as they are."""
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        kept = b""
        while content := file.read(CHUNK):
            # What was kept is shorter than the longest form, so nothing is counted whole twice unless it is short: any count is one too many.
            found.update(sought.find(kept + content))
            kept = (kept + content)[-(sought.longest - 1) :]
    return found


def in_file(home: Home, sought: Sought, path: Path, where: str) -> list[Finding]:
    """What is found in one file, by its format; a file that cannot be read to its end is a finding of its own."""
    try:
        found = _in_any(home, sought, path)
    except (duckdb.Error, pa.ArrowException, sqlite3.Error, OSError):
        return [Finding("PROOF-UNREADABLE", where, 1)] if path.exists() else []
    return [
        Finding("PROOF-BYTES", where, count, request_id)
        for request_id, count in sorted(found.items())
    ]


def _in_any(home: Home, sought: Sought, path: Path) -> Counter[str]:
    with path.open("rb") as file:
        start = file.read(16)
    if path.suffix == ".parquet":
        return in_parquet(sought, path)
    if start[8:12] == b"DUCK":
        return in_duckdb(home, sought, path)
    if start.startswith(b"SQLite format 3"):
        return in_sqlite(sought, path)
    return in_bytes(sought, path)
