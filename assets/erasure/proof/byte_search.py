"""While a request is open: its registrant's identifiers, searched in the bytes of files, whatever
their format.

Parquet is decoded column by column, a DuckDB file is searched in an uncompressed copy, a compressed
value in an SQLite database is unpacked; all other files are searched as they are. Memory is bounded
by a batch. The time does not depend on the number of identifiers: eight bytes at a time are
looked up in a table of how identifiers begin, and only a match is compared.

Left out, and listed in the certificate: values of fewer than eight characters, which coincide with
other people's data, and contacts that records about somebody else have too. Both are searched as
identifiers (`identifiers`).
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

from assets.erasure.proof.findings import Finding
from assets.erasure.proof.mart_files import uncompressed
from assets.requests.ledger import Request
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import MartKeyError
from schemas.unusual_spellings import former_forms

SHORTEST = 8
CHUNK = 16 * 1024 * 1024
PARQUET_ROWS = 65_536
_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ZLIB = b"\x78"


class Windows:
    """Lookup of eight bytes at a time in a table of the beginnings of values. Built once."""

    def __init__(self, starts: Iterable[int]) -> None:
        self._table = np.zeros(1 << _BITS, dtype=bool)
        self._table[_slots(np.array(list(starts), dtype=np.uint64))] = True

    def places(self, content: bytes) -> Iterator[int]:
        """Yield the offsets where a value may begin, and few others."""
        for offset in range(min(SHORTEST, max(0, len(content) - SHORTEST + 1))):
            windows = np.frombuffer(
                content, dtype="<u8", offset=offset, count=(len(content) - offset) // SHORTEST
            )
            yield from (np.flatnonzero(self._table[_slots(windows)]) * SHORTEST + offset).tolist()


class RequestedIdentifiers:
    """The identifiers of open requests, in each form in which they are written. Built once, for any
    number of files.
    """

    def __init__(self, requests: Iterable[Request], leaving_out: Iterable[str] = ()) -> None:
        aside = set(leaving_out)
        # By how they begin and how long they are: many numbers and addresses begin alike.
        self._by_start: dict[int, dict[int, dict[bytes, list[str]]]] = {}
        self.left_out: Counter[str] = Counter()
        self.searched: Counter[str] = Counter()
        for request in requests:
            for identifier in {*request.given, *request.resolved}:
                written = forms(identifier) if identifier not in aside else []
                (self.searched if written else self.left_out)[request.request_id] += 1
                for form in written:
                    alike = self._by_start.setdefault(
                        int.from_bytes(form[:SHORTEST], "little"), {}
                    ).setdefault(len(form), {})
                    alike.setdefault(form, []).append(request.request_id)
        self._windows = Windows(self._by_start)
        self.longest = max(
            (length for alike in self._by_start.values() for length in alike), default=SHORTEST
        )

    def __bool__(self) -> bool:
        return bool(self._by_start)

    def find(self, content: bytes) -> Counter[str]:
        """Return how often the bytes contain an identifier, by request. Letters A to Z are taken as
        a to z.
        """
        counts: Counter[str] = Counter()
        if not self._by_start:
            return counts
        content = content.lower()
        for at in self._windows.places(content):
            for length, alike in self._by_start.get(
                int.from_bytes(content[at : at + SHORTEST], "little"), {}
            ).items():
                counts.update(alike.get(content[at : at + length], ()))
        return counts


def _slots(
    windows: np.ndarray[tuple[int], np.dtype[np.uint64]],
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    with np.errstate(over="ignore"):
        return (windows * _SPREAD) >> np.uint64(64 - _BITS)


def forms(identifier: str) -> list[bytes]:
    """Return the written forms of the value of `<type>:<value>`: as it is, in a URL; a phone also
    without the plus sign, a contact as advertising platforms take it.
    """
    kind, value = identifier.split(":", 1)
    written = {value, value.replace("@", "%40"), value.replace("+", "%2b")}
    written |= {form.split(":", 1)[1] for form in former_forms(identifier)}
    if kind in ("email", "phone"):
        written.add(hashlib.sha256(value.encode()).hexdigest())
    if kind == "phone":
        written.add(value.lstrip("+"))
        written.add(re.sub(r"^\+358", "0", value))
    return sorted(form for text in written if len(form := text.lower().encode()) >= SHORTEST)


def in_duckdb(data_root: DataRoot, requested: RequestedIdentifiers, path: Path) -> Counter[str]:
    """Search the file as it is, and a copy in which nothing is compressed or encrypted."""
    with uncompressed(data_root, path) as copy:
        return in_bytes(requested, path) + in_bytes(requested, copy)


def in_sqlite(requested: RequestedIdentifiers, path: Path) -> Counter[str]:
    """Search the pages as they are, free ones too, and values that are packed with zlib."""
    counts = in_bytes(requested, path)
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
                        counts.update(requested.find(_unpacked(value)))
    finally:
        connection.close()
    return counts


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def in_bytes(requested: RequestedIdentifiers, path: Path) -> Counter[str]:
    """Search the file's bytes as they are."""
    counts: Counter[str] = Counter()
    with path.open("rb") as file:
        kept = b""
        while content := file.read(CHUNK):
            # What was kept is shorter than the longest form, so nothing is counted whole twice
            # unless it is short: any count is one too many.
            counts.update(requested.find(kept + content))
            kept = (kept + content)[-(requested.longest - 1) :]
    return counts


def in_file(
    data_root: DataRoot, requested: RequestedIdentifiers, path: Path, where: str
) -> list[Finding]:
    """Return the findings of one file, by its format; a file that cannot be read to its end is a
    finding of its own.
    """
    try:
        counts = _in_any(data_root, requested, path)
    except (duckdb.Error, sqlite3.Error, OSError, MartKeyError):
        return [Finding("PROOF-UNREADABLE", where, 1)] if path.exists() else []
    return [
        Finding("PROOF-BYTES", where, count, request_id)
        for request_id, count in sorted(counts.items())
    ]


def _in_any(data_root: DataRoot, requested: RequestedIdentifiers, path: Path) -> Counter[str]:
    with path.open("rb") as file:
        start = file.read(16)
    if start[8:12] == b"DUCK":
        return in_duckdb(data_root, requested, path)
    if start.startswith(b"SQLite format 3"):
        return in_sqlite(requested, path)
    return in_bytes(requested, path)
