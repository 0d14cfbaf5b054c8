"""Data roots and the `register` command as an operator has them: real processes on real folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from assets.deliveries import Entry
from assets.quoting import parquet

COMMAND = str(Path(sys.executable).with_name("register"))
LAST_DAY = "2026-11-20"
AS_OF = ("--as-of", LAST_DAY)
LONGEST = 240


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def told(self) -> dict[str, Any]:
        """What it printed for machines."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def environment(root: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DAGSTER_", "REGISTER_"))
    }
    return {**kept, "REGISTER_HOME": str(root), "REGISTER_MEMORY": "1GB"}


def start(root: Path, *arguments: str, **told: str) -> subprocess.Popen[str]:
    """Start the command, in a process group of its own so that it can be killed as a whole."""
    return subprocess.Popen(
        [COMMAND, *arguments],
        env={**environment(root), **told},
        cwd=root.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def register(root: Path, *arguments: str) -> Ended:
    """Run the command to its end."""
    started = time.monotonic()
    process = start(root, *arguments)
    out, err = process.communicate(timeout=LONGEST)
    return Ended(process.returncode, out, err, time.monotonic() - started)


def refresh(root: Path, *arguments: str) -> Ended:
    return register(root, "refresh", *AS_OF, *arguments)


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


def book(root: Path) -> list[Entry]:
    return [
        Entry(**json.loads(path.read_text()))
        for path in sorted((root / "lake" / "deliveries").rglob("*.json"))
    ]


def parquet_rows(path: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f"SELECT COLUMNS(*)::VARCHAR FROM {parquet(path)} ORDER BY ALL"
        ).fetchall()


def mart_tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a mart, as text."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        return {
            name: connection.execute(
                f"SELECT COLUMNS(*)::VARCHAR FROM {name} ORDER BY ALL"
            ).fetchall()
            for name in names
        }


def contents(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of every table of the register and of every mart."""
    found = {
        f"register/{path.stem}": parquet_rows(path)
        for path in sorted((root / "lake" / "register").glob("*.parquet"))
    }
    for mart in sorted((root / "marts").glob("*.duckdb")):
        found |= {f"{mart.stem}/{name}": rows for name, rows in mart_tables(mart).items()}
    return found


def differing(
    one: dict[str, list[tuple[Any, ...]]], other: dict[str, list[tuple[Any, ...]]]
) -> list[str]:
    """Names of the tables that do not hold the same rows in both: short enough to read in a failed test."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


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
    for path in sorted(root.rglob("*.parquet")):
        yield path, [str(value) for row in parquet_rows(path) for value in row if value is not None]
