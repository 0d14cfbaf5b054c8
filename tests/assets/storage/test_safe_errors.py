"""An error of the system says what is wrong with which file of ours, and never shows a delivered
file's name.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from assets.storage.canonical_json import NotCanonicalError, parse_canonical
from assets.storage.safe_errors import (
    DAMAGED_HISTORY,
    describe,
    interruption,
    own_path,
    places,
)

ID = "0123456789abcdef0123"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "Matti's data"
    root.mkdir()
    monkeypatch.setenv("REGISTER_HOME", str(root))
    return root


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"lake/raw/crm/2026-11-24/{ID}.parquet", f"lake/raw/crm/2026-11-24/{ID}.parquet"),
        ("lake/register/registrants.parquet", "lake/register/registrants.parquet"),
        ("marts/customer_care.duckdb", "marts/customer_care.duckdb"),
        ("lake/raw/crm/2026-11-24/.unfinished-12-ab-parquet",) * 2,
        ("inbox/crm/2026-11-24", "inbox/crm/2026-11-24"),
        ("inbox/crm/2026-11-24/matti.csv", "inbox/crm/2026-11-24/..."),
        ("inbox/crm/2026-11-24/matti.json", "inbox/crm/2026-11-24/..."),
        ("inbox/matti/2026-11-24/x", "inbox/..."),
        ("requests/inbox/matti.json", "requests/inbox/..."),
        ("../elsewhere/matti.csv", "a file outside the data root"),
        ("/etc/passwd", "a file outside the data root"),
        ("", "the data root"),
    ],
)
def test_a_path_is_shown_as_far_as_it_is_ours(root: Path, path: str, shown: str) -> None:
    assert own_path(Path(os.path.normpath(root / path))) == shown


@pytest.mark.parametrize(
    ("number", "what", "to_do"),
    [
        (errno.ENOSPC, "no space left on device", "free space"),
        (errno.EACCES, "permission denied", "must belong to the user"),
        (errno.EROFS, "read-only file system", "mount"),
        (errno.EIO, "input/output error", "check the disk"),
        (errno.ENOENT, "no such file or directory", ""),
    ],
)
def test_the_system_s_word_and_what_to_do_are_shown(
    root: Path, number: int, what: str, to_do: str
) -> None:
    message = describe(OSError(number, "Matti", str(root / "lake" / "raw" / "Matti")))
    assert f"{what}: lake/raw/..." in message
    assert to_do in message
    assert "Matti" not in message


def test_a_full_disk_is_shown_whatever_finds_it(root: Path) -> None:
    """DuckDB and Arrow say so in messages of their own."""
    arrow = OSError(errno.ENOSPC, "Error writing bytes to file. Detail: Matti")
    assert describe(arrow).startswith("no space left on device; free space")
    elsewhere = 'IO Error: Could not write file "/dev/full": No space left on device'
    assert describe(duckdb.IOException(elsewhere)).startswith(
        "no space left on device: a file outside the data root; free space"
    )
    path = root / "spill" / "12" / "duckdb_temp_storage-0.tmp"
    error = duckdb.IOException(f'IO Error: Could not write file "{path}": No space left on device')
    assert describe(error).startswith("no space left on device: spill/12/...; free space")


def test_what_memory_lacks_is_shown() -> None:
    assert "REGISTER_MEMORY" in describe(duckdb.OutOfMemoryException("Out of Memory Error: Matti"))


def test_how_much_memory_lacks_is_shown() -> None:
    with (
        duckdb.connect(config={"memory_limit": "40MB", "temp_directory": ""}) as connection,
        pytest.raises(duckdb.OutOfMemoryException) as raised,
    ):
        connection.execute("CREATE TABLE t AS SELECT random()::VARCHAR FROM range(10000000)")
    assert "more than the 38.1 MiB that it may use" in describe(raised.value)
    assert "ulimit" in describe(MemoryError("Matti"))


def parquet(path: Path, *, cut: bool) -> Path:
    path.parent.mkdir(parents=True)
    duckdb.sql("SELECT 'Matti' AS name FROM range(100)").write_parquet(str(path))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if cut else content[:5])
    return path


@pytest.mark.parametrize("cut", [True, False])
def test_a_file_that_is_not_whole_is_named(root: Path, cut: bool) -> None:
    path = parquet(root / "lake" / "staged" / "crm" / "2026-11-24" / "persons.parquet", cut=cut)
    quoted = str(path).replace("'", "''")
    with pytest.raises(duckdb.Error) as by_duckdb:
        duckdb.sql(f"FROM '{quoted}'").fetchall()
    with pytest.raises(ValueError, match="Parquet") as by_arrow:
        pq.read_table(path)
    for raised in (by_duckdb, by_arrow):
        assert describe(raised.value).startswith(
            "cannot read lake/staged/crm/2026-11-24/persons.parquet: truncated"
        )


def test_values_that_look_like_a_damaged_file_are_not_shown() -> None:
    error = ValueError("No magic bytes found at end of file '/home/Matti/x' Matti")
    assert describe(error).startswith("cannot read a file outside the data root: truncated")
    assert "Matti" not in describe(error)


def test_a_disk_without_inodes_is_not_reported_as_full(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimpleNamespace(f_files=100, f_favail=2, f_bavail=10, f_blocks=100)
    monkeypatch.setattr(os, "statvfs", lambda _: disk)
    full = OSError(errno.ENOSPC, "Matti")
    assert describe(full).startswith("no inode is free on the device; remove files")
    disk.f_favail = 50
    assert describe(full).startswith("no space left on device")


@pytest.mark.parametrize("content", [b"", b"Matti" * 1000])
def test_a_damaged_database_of_dagster_is_named_without_statements(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "index.db"
    file.write_bytes(content)
    with (
        pytest.raises(DatabaseError) as raised,
        create_engine(f"sqlite:///{file}").connect() as connection,
    ):
        connection.execute(text("INSERT INTO event_logs VALUES (:value)"), {"value": "Matti"})
    assert describe(raised.value).startswith(DAMAGED_HISTORY)
    assert "Matti" not in describe(raised.value)
    assert "INSERT" not in describe(raised.value)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (sqlite3.SQLITE_FULL, "no space left on device: dagster; free space"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "no space left on device: dagster; free space"),
        (sqlite3.SQLITE_READONLY, "read-only file system: dagster"),
        (sqlite3.SQLITE_IOERR, "input/output error: dagster"),
        (sqlite3.SQLITE_BUSY, "Dagster's database is in use"),
        (sqlite3.SQLITE_CORRUPT, DAMAGED_HISTORY),
    ],
)
def test_what_keeps_dagster_s_database_from_its_work_is_named(code: int, shown: str) -> None:
    error = sqlite3.OperationalError("Matti")
    error.sqlite_errorcode = code
    assert describe(error).startswith(shown)


def test_an_interrupt_during_a_query_is_recognised() -> None:
    """DuckDB ends the query by a RuntimeError, with the interrupt as its cause."""
    error = RuntimeError("Query interrupted")
    error.__cause__ = KeyboardInterrupt()
    assert isinstance(interruption(error), KeyboardInterrupt)
    assert interruption(ValueError("Matti")) is None


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Matti"),
        OSError("Matti"),
        duckdb.IOException("IO Error: Matti"),
        KeyError("Matti"),
    ],
)
def test_any_other_message_is_withheld(error: Exception) -> None:
    assert "Matti" not in describe(error)
    assert "withheld" in describe(error)


def test_a_place_is_a_path_in_the_repository() -> None:
    with pytest.raises(NotCanonicalError) as raised:
        parse_canonical(b"{ }")
    assert places(raised.value)[-1].startswith("assets/storage/canonical_json.py:")
