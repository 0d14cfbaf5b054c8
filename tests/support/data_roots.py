"""What is in a data root, read as a person with a shell would; and copies of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from assets.ingest.deliveries import Entry
from assets.storage.quoting import parquet


def copied(root: Path, to: Path) -> Path:
    """Another data root with everything that this one has, secrets too."""
    shutil.copytree(root, to, symlinks=True)
    return to


def inbox_files(root: Path) -> list[Path]:
    return sorted(
        path for path in (root / "inbox").rglob("*") if not path.is_dir() or path.is_symlink()
    )


def delivery_days(root: Path) -> list[str]:
    return sorted({path.parent.name for path in inbox_files(root)})


def ledger_entries(root: Path) -> list[Entry]:
    return [
        Entry(**json.loads(path.read_text()))
        for path in sorted((root / "lake" / "deliveries").rglob("*.json"))
    ]


def parquet_rows(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return _rows(connection, parquet(path))


def _rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[Any, ...]]:
    connection.execute("SET TimeZone = 'UTC'")
    return connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {relation} ORDER BY ALL").fetchall()


def mart_tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a mart, as text."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        return {name: _rows(connection, name) for name in names}


def contents(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every table of the register and of every mart."""
    with duckdb.connect() as connection:
        tables = {
            f"register/{path.stem}": _rows(connection, parquet(path))
            for path in sorted((root / "lake" / "register").glob("*.parquet"))
        }
    for mart in sorted((root / "marts").glob("*.duckdb")):
        tables |= {f"{mart.stem}/{name}": rows for name, rows in mart_tables(mart).items()}
    return tables


def differing(
    before: dict[str, list[tuple[Any, ...]]], other: dict[str, list[tuple[Any, ...]]]
) -> list[str]:
    """Names of the tables that do not hold the same rows in both: short enough to read in a failed
    test.
    """
    return sorted(name for name in {*before, *other} if before.get(name) != other.get(name))


def leftovers(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in root.rglob(".unfinished-*")]


def unfinished_runs(root: Path) -> list[str]:
    """Runs that Dagster takes for running although no process is."""
    running = (
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.CANCELING,
    )
    with dg.DagsterInstance.from_config(str(root / "dagster")) as instance:
        return [
            f"{run.job_name} {run.status.value}"
            for run in instance.get_runs(dg.RunsFilter(statuses=list(running)))
        ]


def texts_of_parquet(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every Parquet file under the root with every value of every column as text."""
    with duckdb.connect() as connection:
        for path in sorted(root.rglob("*.parquet")):
            values = [value for row in _rows(connection, parquet(path)) for value in row]
            yield path, [str(value) for value in values if value is not None]


def files_containing(root: Path, values: list[str]) -> list[str]:
    """Which files under the root, the inbox aside, hold one of the values: tables read as text, all
    else as bytes.
    """
    files = set()
    for path, texts in texts_of_parquet(root):
        files |= {
            str(path.relative_to(root)) for value in values if any(value in text for text in texts)
        }
    for path in (root / "marts").glob("*.duckdb"):
        cells = [str(value) for rows in mart_tables(path).values() for row in rows for value in row]
        files |= {
            str(path.relative_to(root)) for value in values if any(value in text for text in cells)
        }
    for path in root.rglob("*"):
        if path.is_file() and path.relative_to(root).parts[0] != "inbox":
            bytes_ = path.read_bytes()
            files |= {str(path.relative_to(root)) for value in values if value.encode() in bytes_}
    return sorted(files)


def rows_of(root: Path, registrant_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of register and marts that is under one registrant."""
    tables = {
        table: [row for row in rows if registrant_id in row]
        for table, rows in contents(root).items()
    }
    return {table: rows for table, rows in tables.items() if rows}


def registrant_of(root: Path, identity_code: str) -> str:
    ids = {
        row[0]
        for row in parquet_rows(root / "lake/register/identifiers.parquet")
        if identity_code in row
    }
    assert len(ids) == 1, f"{len(ids)} registrants"
    return str(ids.pop())
