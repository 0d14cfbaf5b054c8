"""DuckDB sessions: in memory, with the schemas' macros, bounded memory and a place to spill.

A database with its macros costs 30 ms to make, which is more than most sessions compute: a process
keeps the last ones for its next sessions, without anything of the session before. What a session
makes is temporary, as a rule, and ends with it; its tables and views that are not are dropped.
"""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary

import duckdb

from assets.storage import mart_encryption
from assets.storage.data_root import DataRoot
from assets.storage.quoting import name as quoted
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

# Databases that wait for a session: one for each of two that are open at once, in either form.
_MOST_IDLE = 3
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
    policy = data_root.policy
    made_with = (
        *(str(spill), memory_limit(), side_by_side, mart_encryption.is_on(data_root)),
        *(policy.country, policy.time_zone, tuple(policy.own_contacts)),
    )
    database = _IDLE.take(made_with) or _made(*made_with)
    clean = False
    try:
        with ending(database.cursor()) as connection:
            _DEFINED[connection] = _DEFINED.setdefault(database, set())
            yield connection
        clean = _cleared(database)
    finally:
        if clean:
            _IDLE.keep(made_with, database)
        else:
            database.close()


def define(connection: duckdb.DuckDBPyConnection, macros: str) -> None:
    """Create macros, unless the session's database has these already from a session before."""
    defined = _DEFINED.get(connection)
    if defined is None or macros not in defined:
        connection.execute(macros)
    if defined is not None:
        defined.add(macros)


def not_used_again(connection: duckdb.DuckDBPyConnection) -> None:
    """End the database with this session, as it gets a function or a setting that outlasts it."""
    connection.execute("ATTACH IF NOT EXISTS ':memory:' AS not_used_again")


def _made(
    spill: str,
    memory: str,
    side_by_side: bool,
    is_encrypted: bool,
    country: str,
    time_zone: str,
    own_contacts: tuple[str, ...],
) -> duckdb.DuckDBPyConnection:
    """Make a database with its macros."""
    database = duckdb.connect(
        config={
            "temp_directory": spill,
            "memory_limit": memory,
            "preserve_insertion_order": True,
            **({"threads": 1} if side_by_side else {}),
        }
    )
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    if is_encrypted:
        mart_encryption.load_cipher(database)
        database.execute("SET GLOBAL temp_file_encryption = true")
    install(database, country, time_zone, own_contacts)
    return database


def _cleared(database: duckdb.DuckDBPyConnection) -> bool:
    """Drop what a session has left; return whether the database can serve another one."""
    left = database.execute(
        """SELECT 'TABLE', table_name FROM duckdb_tables() WHERE NOT temporary
        UNION ALL SELECT 'VIEW', view_name FROM duckdb_views() WHERE NOT internal AND NOT temporary
        UNION ALL SELECT 'DATABASE', database_name
        FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"""
    ).fetchall()
    if any(kind == "DATABASE" for kind, _ in left):
        return False
    for kind, made in left:
        database.execute(f"DROP {kind} {quoted(made)}")
    return True


class _Idle:
    """The databases that were used last and are in no session, with what they were made with."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._databases: list[tuple[tuple[object, ...], duckdb.DuckDBPyConnection]] = []

    def take(self, made_with: tuple[object, ...]) -> duckdb.DuckDBPyConnection | None:
        with self._turn:
            for place, (settings, database) in enumerate(self._databases):
                if settings == made_with:
                    del self._databases[place]
                    return database
        return None

    def keep(self, made_with: tuple[object, ...], database: duckdb.DuckDBPyConnection) -> None:
        with self._turn:
            self._databases.append((made_with, database))
            surplus = self._databases[:-_MOST_IDLE]
            del self._databases[:-_MOST_IDLE]
        for _, unused in surplus:
            unused.close()

    def close(self) -> None:
        with self._turn:
            while self._databases:
                self._databases.pop()[1].close()


_IDLE = _Idle()
# Databases and sessions in them -> the macros that `define` has created in the database.
_DEFINED: WeakKeyDictionary[duckdb.DuckDBPyConnection, set[str]] = WeakKeyDictionary()
# A forked process has the databases, but not the threads that they wait for.
os.register_at_fork(before=_IDLE.close)


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
