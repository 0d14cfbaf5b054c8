"""`python -m tests.bench.marts REGISTER_HOME`: rebuilding every mart, against copying the same
register tables bare.

The floor attaches one DuckDB file for each mart and copies into it, unsorted and unchecked, the
register tables that the mart's queries read. Both run in this process on files that have been read
before; the median of the repetitions is reported.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

import duckdb
import sqlglot
from sqlglot import exp

from assets.marts import building
from assets.marts.eligibility_explanation import as_of
from assets.marts.queries import QUERIES
from assets.register.building import TABLES
from assets.storage.data_root import DataRoot
from pipelines.cli.output import table
from tests.support.registers import evaluate_eligibility


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.marts", description=__doc__)
    parser.add_argument(
        "home",
        type=Path,
        help=(
            "a data root with a built register; its candidates of marts are built anew, nothing "
            "is published"
        ),
    )
    parser.add_argument("--repetitions", type=int, default=3)
    asked = parser.parse_args()
    data_root = DataRoot(asked.home)
    today = date.fromisoformat(as_of(data_root) or "2026-11-20")
    runs: list[tuple[dict[str, float], dict[str, float]]] = []
    for number in range(asked.repetitions + 1):
        pair = (_marts(data_root, today), _bare(data_root))
        # The first run pays for a cold disk.
        runs += [pair] if number else []
    names = ("eligibility", *QUERIES, "check")
    rows = [
        [name, *(f"{median(pair[side].get(name, 0.0) for pair in runs):.2f}" for side in (0, 1))]
        for name in names
    ]
    ours, floor = (median(sum(pair[side].values()) for pair in runs) for side in (0, 1))
    print(
        table(
            ["what", "seconds", "bare copy"], [*rows, ["together", f"{ours:.2f}", f"{floor:.2f}"]]
        )
    )
    print(f"\nratio marts / bare copy: {ours / floor:.1f}")


def _marts(data_root: DataRoot, today: date) -> dict[str, float]:
    """Seconds for eligibility, each mart, and checking them all."""
    seconds = {"eligibility": _timed(lambda: evaluate_eligibility(data_root, today))}
    for purpose in QUERIES:
        seconds[purpose] = _timed(partial(building.build, data_root, purpose, today))
    seconds["check"] = _timed(lambda: [building.check(data_root, purpose) for purpose in QUERIES])
    return seconds


def _bare(data_root: DataRoot) -> dict[str, float]:
    """Seconds per mart for copying the register tables that its queries read."""
    seconds = {}
    with (
        tempfile.TemporaryDirectory(dir=data_root.spill.parent) as folder,
        duckdb.connect() as connection,
    ):
        for purpose, queries in QUERIES.items():
            read = {
                column.name
                for query in queries.values()
                for column in sqlglot.parse_one(query, dialect="duckdb").find_all(exp.Table)
            } & set(TABLES)

            def copy(purpose: str = purpose, read: frozenset[str] = frozenset(read)) -> None:
                connection.execute(f"ATTACH '{folder}/{purpose}.duckdb' AS bare")
                for name in sorted(read):
                    connection.execute(
                        f"CREATE TABLE bare.{name} AS SELECT * FROM read_parquet('"
                        f"{data_root.register(name)}')"
                    )
                connection.execute("DETACH bare")

            seconds[purpose] = _timed(copy)
    return seconds


def _timed(step: Callable[[], object]) -> float:
    started = time.monotonic()
    step()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
