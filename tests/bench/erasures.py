"""`python -m tests.bench.erasures`: what an erasure costs, of one request and of many, and in a
lake with a longer history.

- **many**: `register erase` of one request, of many with records in the same deliveries as
  the first one's, and of as many of anybody. The first is the registrant in the most deliveries, so
  that the pass over many opens no partition that the pass over one does not.
- **history**: the steps of the erasure, without the rebuild of register and marts, in a lake and in
  one with the same deliveries and ten times as many days in all, the earlier of other people.

Each run is a process of its own on a copy of one data root; they take turns, and medians are
reported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from assets.register.building import TABLES
from assets.register.published_tables import read_register
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import create_staged_view
from assets.storage.sessions import connect
from pipelines.cli.output import table
from schemas.staged import CANONICAL
from tests.bench.__main__ import REGISTER
from tests.bench.measuring import BenchError, Measured, machine, measure
from tests.bench.steps import step_seconds
from tests.support.erasing import cleared

LAST_DAY = date(2026, 11, 20)
LONGER = 10


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.erasures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", choices=["many", "history", "both"], default="both")
    parser.add_argument("--registrants", type=int, default=3_000)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--folder", help="where to work; default: the system's temporary folder")
    asked = parser.parse_args()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-erasures-", dir=asked.folder))
    try:
        _bench(folder, asked)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _bench(folder: Path, asked: argparse.Namespace) -> None:
    root = folder / "refreshed"
    _sample(root, asked.registrants, asked.days, LAST_DAY, seed=9)
    if asked.what != "many":
        longer = folder / "longer"
        shutil.copytree(root, longer)
        _sample(
            folder / "before",
            asked.registrants,
            (LONGER - 1) * asked.days,
            LAST_DAY - timedelta(days=asked.days),
            seed=10,
        )
        shutil.copytree(folder / "before" / "inbox", longer / "inbox", dirs_exist_ok=True)
        _register(longer, "refresh")
    _register(root, "refresh")
    known = _deliveries(DataRoot(root))
    shared = max(sorted(known), key=lambda code: len(known[code]))
    same = [
        shared,
        *(code for code in sorted(known) if code != shared and known[code] <= known[shared]),
    ][: asked.requests]
    if asked.what != "history":
        cases = {
            "1 request": (root, [shared]),
            f"{len(same)} in the same deliveries": (root, same),
            f"{asked.requests} of anybody": (root, _spread(known, asked.requests)),
        }
        _report(cases, asked.repetitions, folder, steps="")
    if asked.what != "many":
        print(f"\nthe history: {_files(root)} and {_files(longer)} files of raw")
        _report(
            {
                f"{asked.days} days": (root, [shared]),
                f"{LONGER * asked.days} days": (longer, [shared]),
            },
            asked.repetitions,
            folder,
            steps="erasure__",
        )


def _sample(root: Path, registrants: int, days: int, last: date, *, seed: int) -> None:
    parameters = {"registrants": registrants, "seed": seed, "days": days, "last-day": last}
    _register(
        root,
        "sample",
        *(word for name, value in parameters.items() for word in (f"--{name}", str(value))),
    )


def _register(root: Path, *arguments: str) -> Measured:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return measure(
        [REGISTER, *arguments], {"REGISTER_HOME": str(root)}, root.parent / f"{root.name}.out"
    )


def _deliveries(data_root: DataRoot) -> dict[str, frozenset[str]]:
    """In which deliveries each registrant with an identity code has records, by that."""
    with connect(data_root) as connection:
        for name in ("registrants", "membership"):
            read_register(data_root, connection, name, TABLES[name])
        for model in CANONICAL.values():
            create_staged_view(data_root, connection, model)
        relations = " UNION ".join(
            f"SELECT person_key, delivery_id FROM staged_{name}" for name in CANONICAL
        )
        rows = connection.execute(
            f"""SELECT identity_code, list(DISTINCT delivery_id) FROM ({relations})
                JOIN membership USING (person_key) JOIN registrants USING (registrant_id)
            WHERE identity_code IS NOT NULL AND NOT protected GROUP BY identity_code"""
        ).fetchall()
    return {code: frozenset(deliveries) for code, deliveries in rows}


def _spread(known: dict[str, frozenset[str]], number: int) -> list[str]:
    """Return so many of them, from among all: the end of a code is independent of its delivery."""
    return sorted(known, key=lambda code: code[::-1])[:number]


def _files(root: Path) -> int:
    return sum(1 for _ in (root / "lake" / "raw").rglob("*.parquet"))


def _report(
    cases: dict[str, tuple[Path, list[str]]], repetitions: int, folder: Path, steps: str
) -> None:
    """Run the cases in turns and print seconds, processor seconds, and ratios to the first.

    Seconds are of the `steps` of that name, else of the whole command.
    """
    measured: dict[str, list[tuple[float, float, int]]] = {name: [] for name in cases}
    for _ in range(repetitions):
        for name, (root, codes) in cases.items():
            measured[name].append(_erased(root, codes, folder / "erased", steps))
            print(
                f"{name}: {measured[name][-1][0]:.1f} s, processor {measured[name][-1][1]:.1f} s",
                flush=True,
            )
    rows: list[list[object]] = []
    first = [median(run[side] for run in next(iter(measured.values()))) for side in (0, 1)]
    for name, runs in measured.items():
        middle = [median(run[side] for run in runs) for side in (0, 1)]
        ratios = [
            f"{seconds / of_first:.2f}" for seconds, of_first in zip(middle, first, strict=True)
        ]
        rows.append(
            [name, runs[0][2], f"{middle[0]:.1f}", ratios[0], f"{middle[1]:.1f}", ratios[1]]
        )
    print(
        "\n"
        + table(
            ["erased", "files rewritten", "seconds", "ratio", "processor seconds of all", "ratio"],
            rows,
        )
    )


def _erased(root: Path, codes: list[str], copy: Path, steps: str) -> tuple[float, float, int]:
    """Erase registrants in a copy of the data root: seconds, processor seconds, files of the lake
    that were rewritten.
    """
    shutil.copytree(root, copy)
    for number, code in enumerate(codes):
        asked = {"right": "erasure", "channel": "written", "identifiers": {"identity_code": code}}
        (copy / "requests" / "inbox" / f"{number}.json").write_text(json.dumps(asked))
    _register(copy, "request", "inbox")
    data_root = DataRoot(copy)
    cleared(data_root, ledger.pending(data_root))
    done = _register(copy, "erase")
    certificates = [
        json.loads(path.read_bytes())["certificate"]
        for path in (copy / "requests" / "certificates").glob("Q*.json")
    ]
    files = {
        rewritten["file"] for certificate in certificates for rewritten in certificate["files"]
    }
    seconds = (
        sum(taken for step, taken in step_seconds(copy).items() if step.startswith(steps))
        if steps
        else done.seconds
    )
    shutil.rmtree(copy)
    if len(certificates) != len(codes):
        raise BenchError(f"{len(certificates)} of {len(codes)} erasures have their certificate")
    return seconds, done.processor, len(files)


if __name__ == "__main__":
    sys.exit(main())
