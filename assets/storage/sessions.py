"""DuckDB sessions: in memory, with the schemas' macros, bounded memory and a place to spill."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb

from assets.storage import mart_encryption
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError
from assets.storage.secrets import pepper
from schemas.identifiers import install

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT](?:I?B)?)", re.IGNORECASE)
_UNITS = {
    f"{letter}{unit}": base**power
    for power, letter in enumerate("KMGT", 1)
    for unit, base in (("", 1000), ("B", 1000), ("IB", 1024))
}
LEAST_MEMORY = 280 * 10**6
"""Bytes. Measured with 200 registrants on two cores: 280 MB build the register, 200 MB do not."""

# Seconds between two interrupts of the statements of other threads.
_REPEATED_EVERY = 0.05

Batch = TypeVar("Batch")
Result = TypeVar("Result")


@contextmanager
def connect(
    data_root: DataRoot, *, side_by_side: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that spills into a folder of this process in the data root.

    Args:
        data_root: Its policy decides the country and the time zone of the macros.
        side_by_side: For work done batch by batch in threads of ours: each statement keeps to its
            own thread, because for so few rows DuckDB's own threads cost more than they give.
    """
    spill = spill_folder(data_root)
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ending(
        duckdb.connect(
            config={
                "temp_directory": str(spill),
                "memory_limit": memory_limit(),
                "preserve_insertion_order": True,
                **({"threads": 1} if side_by_side else {}),
            }
        )
    ) as connection:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        if mart_encryption.is_on(data_root):
            mart_encryption.load_cipher(connection)
            connection.execute("SET temp_file_encryption = true")
        policy = data_root.policy
        install(connection, policy.country, policy.time_zone, policy.own_contacts)
        yield connection


def spill_folder(data_root: DataRoot) -> Path:
    """Return the folder into which this process's sessions spill."""
    return data_root.spill / str(os.getpid())


@contextmanager
def ending(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the connection or cursor, and close it; after an error, without what is going on in it.

    DuckDB ends a statement where a signal's handler raises, but its other threads go on with their
    parts of it, and closing waits for them: for as long as the statement would have taken.
    """
    with connection:
        try:
            yield connection
        except BaseException:
            with suppress(duckdb.ConnectionException):  # it was closed before
                connection.interrupt()
            raise


def memory_limit() -> str:
    """Return DuckDB's bound on memory: REGISTER_MEMORY, or 4 GB.

    Raises:
        PlainError: It is no amount, or less than any build needs.
    """
    given = os.environ.get("REGISTER_MEMORY", "4GB")
    amount = _AMOUNT.fullmatch(given.strip())
    if amount is None:
        raise PlainError(f"REGISTER_MEMORY={given[:40]!r} is no amount of memory: write it as 4GB")
    if float(amount[1]) * _UNITS[amount[2].upper()] < LEAST_MEMORY:
        raise PlainError(
            f"REGISTER_MEMORY={given} is too little: at least {LEAST_MEMORY // 10**6}MB are needed "
            "whatever the size of the register, and 4GB is the default"
        )
    return given


def create_keyed_hash(data_root: DataRoot, connection: duckdb.DuckDBPyConnection) -> None:
    """Create the macro `keyed_hash(text)`: HMAC-SHA256 under the pepper, as hex digits.

    A caller puts the domain of the hash in the text, as in `'pseudonym|analytics|' || id`.
    """
    key = pepper(data_root).ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in key).hex() for pad in (0x36, 0x5C))
    connection.execute(
        f"""CREATE OR REPLACE TEMP MACRO keyed_hash(text) AS sha256(
            unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(text)))
        )"""
    )


def in_turn(
    connection: duckdb.DuckDBPyConnection,
    batches: Iterable[Batch],
    work: Callable[[duckdb.DuckDBPyConnection, Batch], Result],
) -> Iterator[Result]:
    """Yield `work(cursor, batch)` of every batch, a thread per processor, in the batches' order.

    A cursor shares the connection's database and its bound on memory, but not its temporary tables.
    No more batches are taken than there are threads, so memory stays flat.
    """

    cursors: set[duckdb.DuckDBPyConnection] = set()

    def run(batch: Batch) -> Result:
        with ending(connection.cursor()) as cursor:
            cursors.add(cursor)
            try:
                return work(cursor, batch)
            finally:
                cursors.discard(cursor)

    processors = os.cpu_count() or 1
    running: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(processors) as threads:
        try:
            for batch in batches:
                running.append(threads.submit(run, batch))
                if len(running) == processors:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        except BaseException:
            # Signals reach this thread only. A statement that is just beginning forgets an
            # interrupt, so it is repeated.
            while wait(running, timeout=_REPEATED_EVERY).not_done or cursors:
                for cursor in tuple(cursors):
                    with suppress(duckdb.ConnectionException):  # it was closed meanwhile
                        cursor.interrupt()
            raise
