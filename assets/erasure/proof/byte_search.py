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
from schemas.unusual_spellings import former_forms

SHORTEST = 8
CHUNK = 16 * 1024 * 1024
PARQUET_ROWS = 65_536
_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ZLIB = b"\x78"


class Windows:
    """Lookup of eight bytes at a time in a table of the beginnings of values. Built once."""

    def __init__(self, sought: Iterable[int]) -> None:
        self._table = np.zeros(1 << _BITS, dtype=bool)
        self._table[_slots(np.array(list(sought), dtype=np.uint64))] = True

    def places(self, content: bytes) -> Iterator[int]:
        """Yield the offsets where a value may begin, and few others."""
        for offset in range(min(SHORTEST, max(0, len(content) - SHORTEST + 1))):
            windows = np.frombuffer(
                content, dtype="<u8", offset=offset, count=(len(content) - offset) // SHORTEST
            )
            yield from (np.flatnonzero(self._table[_slots(windows)]) * SHORTEST + offset).tolist()


class Sought:
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
                spelled = forms(identifier) if identifier not in aside else []
                (self.searched if spelled else self.left_out)[request.request_id] += 1
                for form in spelled:
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
        found: Counter[str] = Counter()
        if not self._by_start:
            return found
        content = content.lower()
        for at in self._windows.places(content):
            for length, alike in self._by_start.get(
                int.from_bytes(content[at : at + SHORTEST], "little"), {}
            ).items():
                found.update(alike.get(content[at : at + length], ()))
        return found


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
    spelled = {value, value.replace("@", "%40"), value.replace("+", "%2b")}
    spelled |= {form.split(":", 1)[1] for form in former_forms(identifier)}
    if kind in ("email", "phone"):
        spelled.add(hashlib.sha256(value.encode()).hexdigest())
    if kind == "phone":
        spelled.add(value.lstrip("+"))
        spelled.add(re.sub(r"^\+358", "0", value))
    return sorted(form for text in spelled if len(form := text.lower().encode()) >= SHORTEST)


def in_duckdb(data_root: DataRoot, sought: Sought, path: Path) -> Counter[str]:
    """In the file as it is, and in a copy in which nothing is compressed."""
    with uncompressed(data_root, path) as copy:
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
            # What was kept is shorter than the longest form, so nothing is counted whole twice
            # unless it is short: any count is one too many.
            found.update(sought.find(kept + content))
            kept = (kept + content)[-(sought.longest - 1) :]
    return found


def in_file(data_root: DataRoot, sought: Sought, path: Path, where: str) -> list[Finding]:
    """What is found in one file, by its format; a file that cannot be read to its end is a finding
    of its own.
    """
    try:
        found = _in_any(data_root, sought, path)
    except (duckdb.Error, sqlite3.Error, OSError):
        return [Finding("PROOF-UNREADABLE", where, 1)] if path.exists() else []
    return [
        Finding("PROOF-BYTES", where, count, request_id)
        for request_id, count in sorted(found.items())
    ]


def _in_any(data_root: DataRoot, sought: Sought, path: Path) -> Counter[str]:
    with path.open("rb") as file:
        start = file.read(16)
    if start[8:12] == b"DUCK":
        return in_duckdb(data_root, sought, path)
    if start.startswith(b"SQLite format 3"):
        return in_sqlite(sought, path)
    return in_bytes(sought, path)
