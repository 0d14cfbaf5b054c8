"""What a DuckDB file keeps besides its rows: deleted rows, unused blocks, an older header, a log,
ENUM values.

Each of these gave an erased person back when tried (tests/characterisation,
deleted-data-in-storage-engines.md), out of an encrypted file as well, for who has its key. A mart
is always rebuilt and never changed, so none may be there; and its bytes are searched in a copy that
is neither compressed nor encrypted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from assets.erasure.proof.findings import Finding
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import MartKeyError, attach, opened
from assets.storage.queries import count
from assets.storage.quoting import literal
from assets.storage.sessions import connect

HEADERS = (4096, 8192)
HEADER_BYTES = 4096


def check(data_root: DataRoot, path: Path, where: str) -> list[Finding]:
    """Return the faults in how the file is built; empty is right. Cost: two copies of the file, for
    the older header.
    """
    counts = {"PROOF-WAL": int(Path(f"{path}.wal").exists())}
    try:
        with opened(data_root, path) as connection:
            counts |= {
                "PROOF-STORED-ROWS": _rows_too_many(connection),
                "PROOF-FREE-BLOCKS": count(
                    connection,
                    """SELECT free_blocks
                    FROM pragma_database_size()
                    WHERE database_name = current_database()""",
                ),
                "PROOF-ENUM": count(
                    connection, "SELECT count(*) FROM duckdb_columns() WHERE data_type LIKE 'ENUM%'"
                )
                + count(
                    connection,
                    (
                        "SELECT count(*) FROM duckdb_types() WHERE logical_type = 'ENUM' AND NOT "
                        "internal"
                    ),
                ),
            }
        counts["PROOF-OLDER-HEADER"] = _under_older_header(data_root, path)
    except (duckdb.Error, OSError, MartKeyError):
        counts["PROOF-UNREADABLE"] = 1
    return [Finding(code, where, count) for code, count in counts.items() if count]


def _rows_too_many(connection: duckdb.DuckDBPyConnection) -> int:
    """Return how many more rows the file stores than its tables have, in the worst column."""
    too_many = 0
    for (table,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal"
    ).fetchall():
        stored = count(
            connection,
            f"""SELECT coalesce(max(rows), 0) FROM (SELECT sum(count) AS rows
                FROM pragma_storage_info('{table}')
            WHERE segment_type <> 'VALIDITY' AND NOT contains(column_path, ',')
                GROUP BY column_id)""",
        )
        too_many += max(0, stored - count(connection, f'SELECT count(*) FROM "{table}"'))
    return too_many


def _under_older_header(data_root: DataRoot, path: Path) -> int:
    """Return how many tables copies show when each header is overwritten by the other one.

    Under the newer one they show what the file has, under the older one of a fresh file none. Which
    is newer an encrypted file does not say; the fewer of both are the older one's.
    """
    shown = []
    for newer_at, older_at in (HEADERS, HEADERS[::-1]):
        # The name is the mart's, by which its key is found.
        with scratch(data_root, path.name) as copy:
            shutil.copyfile(path, copy)
            with copy.open("r+b") as file:
                file.seek(older_at)
                older = file.read(HEADER_BYTES)
                file.seek(newer_at)
                file.write(older)
            try:
                with opened(data_root, copy) as connection:
                    shown.append(
                        count(connection, "SELECT count(*) FROM duckdb_tables() WHERE NOT internal")
                    )
            except (duckdb.Error, MartKeyError):
                shown.append(0)
    return min(shown)


@contextmanager
def uncompressed(data_root: DataRoot, path: Path) -> Iterator[Path]:
    """Yield a copy of the file with every value uncompressed, for a search of its bytes; it is
    removed afterwards.
    """
    with scratch(data_root, "plain.duckdb") as copy, connect(data_root) as connection:
        connection.execute("SET force_compression = 'uncompressed'")
        attach(data_root, connection, path, "published")
        connection.execute(f"ATTACH {literal(copy)} AS plain")
        connection.execute("COPY FROM DATABASE published TO plain")
        connection.execute("DETACH plain")
        connection.execute("DETACH published; RESET force_compression")
        yield copy


@contextmanager
def scratch(data_root: DataRoot, name: str) -> Iterator[Path]:
    """Yield a path in this process's spill folder, swept with it; removed afterwards."""
    path = data_root.spill / str(os.getpid()) / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in (path, Path(f"{path}.wal")):
        leftover.unlink(missing_ok=True)
    try:
        yield path
    finally:
        for leftover in (path, Path(f"{path}.wal")):
            leftover.unlink(missing_ok=True)
