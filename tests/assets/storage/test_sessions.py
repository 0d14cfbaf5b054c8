"""A session hashes under the pepper, and runs batches side by side without changing their order."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pytest

from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError, interruption
from assets.storage.secrets import pepper
from assets.storage.sessions import (
    connect,
    create_keyed_hash,
    in_turn,
    memory_limit,
    not_used_again,
)


def test_the_keyed_hash_is_hmac_sha256_under_the_pepper(data_root: DataRoot) -> None:
    text = "pseudonym|analytics|Åsa"
    with connect(data_root) as connection:
        create_keyed_hash(data_root, connection)
        [(digest,)] = connection.execute("SELECT keyed_hash(?)", [text]).fetchall()
    assert digest == hmac.new(pepper(data_root), text.encode(), hashlib.sha256).hexdigest()


def test_a_session_counts_in_utc_and_spills_into_the_data_root(data_root: DataRoot) -> None:
    with connect(data_root, side_by_side=True) as connection:
        settings = [
            connection.execute(f"SELECT current_setting('{name}')").fetchall()[0][0]
            for name in ("TimeZone", "threads", "temp_directory")
        ]
    assert settings[:2] == ["UTC", 1]
    assert settings[2].startswith(str(data_root.spill))


def test_a_session_finds_nothing_of_the_one_before(data_root: DataRoot) -> None:
    with connect(data_root) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS x; CREATE VIEW of_kept AS FROM kept")
        connection.execute("CREATE TEMP TABLE passing AS SELECT 2 AS x")
        connection.execute("CREATE TEMP MACRO doubled(x) AS 2 * x")
        connection.register("registered", pa.table({"x": [3]}))
    with connect(data_root) as connection:
        assert connection.execute("SHOW ALL TABLES").fetchall() == []
        with pytest.raises(duckdb.CatalogException):
            connection.execute("SELECT doubled(1)")


def returning(answer: int) -> Callable[[], int]:
    return lambda: answer


def test_a_database_that_has_been_given_a_function_ends_with_its_session(
    data_root: DataRoot,
) -> None:
    for answer in (1, 2):
        with connect(data_root) as connection:
            not_used_again(connection)
            connection.create_function("answer", returning(answer), [], "INTEGER")
            assert connection.execute("SELECT answer()").fetchall() == [(answer,)]


def test_a_failed_session_leaves_nothing_to_the_next(data_root: DataRoot) -> None:
    with pytest.raises(duckdb.ConversionException), connect(data_root) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS x; BEGIN; SELECT 'x'::INTEGER")
    with connect(data_root) as connection:
        assert connection.execute("SHOW ALL TABLES").fetchall() == []


def test_sessions_that_are_open_at_once_share_nothing(data_root: DataRoot) -> None:
    with connect(data_root) as outer, connect(data_root) as inner:
        outer.execute("CREATE TABLE ours (x INTEGER)")
        assert inner.execute("SHOW ALL TABLES").fetchall() == []


def test_a_forked_process_makes_a_database_of_its_own(data_root: DataRoot) -> None:
    with connect(data_root) as connection:
        connection.execute("SELECT 1")
    pid = os.fork()
    if pid == 0:
        with connect(data_root) as connection:
            os._exit(connection.execute("SELECT 7").fetchall()[0][0])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_results_come_in_the_order_of_the_batches() -> None:
    def work(cursor: duckdb.DuckDBPyConnection, batch: int) -> tuple[int, ...]:
        time.sleep(0.01 * (4 - batch))
        return cursor.execute("SELECT ?", [batch]).fetchall()[0]

    with duckdb.connect() as connection:
        assert list(in_turn(connection, range(4), work)) == [(0,), (1,), (2,), (3,)]


def test_no_more_batches_are_taken_than_run_at_once() -> None:
    taken = []

    def batches():
        for batch in range(100):
            taken.append(batch)
            yield batch

    with duckdb.connect() as connection:
        results = in_turn(connection, batches(), lambda _, batch: batch)
        assert next(results) == 0
        assert len(taken) < 100
        assert list(results) == list(range(1, 100))


@pytest.mark.parametrize("given", ["nonsense", "", "-1", "4", "12%", "4GB; SET x", "1e9GB", "GB"])
def test_what_is_no_amount_of_memory_is_named(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTER_MEMORY", given)
    with pytest.raises(PlainError, match=r"REGISTER_MEMORY=.* is no amount of memory"):
        memory_limit()


@pytest.mark.parametrize("given", ["1KB", "100MB", "0GB", "0.01 gb"])
def test_too_little_memory_says_how_much_is_needed(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_MEMORY", given)
    with pytest.raises(PlainError, match=r"too little: at least \d+MB"):
        memory_limit()


@pytest.mark.parametrize("given", ["4GB", "1.5GiB", "512 MB", "2gb", "1T"])
def test_what_duckdb_takes_is_taken(
    data_root: DataRoot, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_MEMORY", given)
    with connect(data_root) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


# A join of one chunk with many rows: the thread that has it is at it for minutes.
LONG = """SELECT max(hash(few.x || '-' || many.x))
    FROM (SELECT 1 AS k, range AS x FROM range(2048)) AS few
    JOIN (SELECT 1 AS k, range AS x FROM range(200000)) AS many USING (k)"""


class Asked(BaseException):
    """Raised by the handler of a signal, as KeyboardInterrupt is."""


@contextmanager
def signalled_within(seconds: float) -> Iterator[None]:
    def handle(*_: object) -> None:
        raise Asked

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_signal_ends_a_statement_in_all_of_its_threads(data_root: DataRoot) -> None:
    """DuckDB alone ends it in the one that has heard the signal, and closing waits for the rest."""
    started = time.monotonic()
    with (
        pytest.raises((Asked, RuntimeError)) as ended,
        signalled_within(0.3),
        connect(data_root) as connection,
    ):
        connection.execute(f"SET threads = 2; {LONG}").fetchall()
    assert isinstance(interruption(ended.value), Asked)
    assert time.monotonic() - started < 10


def test_a_signal_ends_the_statements_of_batches_side_by_side(data_root: DataRoot) -> None:
    """The signal reaches the main thread, which only waits for them."""

    def work(cursor: duckdb.DuckDBPyConnection, _batch: int) -> object:
        return cursor.execute(LONG).fetchall()

    started = time.monotonic()
    with (
        pytest.raises(Asked),
        signalled_within(0.3),
        connect(data_root, side_by_side=True) as connection,
    ):
        list(in_turn(connection, range(4), work))
    assert time.monotonic() - started < 10
