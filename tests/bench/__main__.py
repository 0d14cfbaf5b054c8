"""`python -m tests.bench`: how long a refresh takes and how much memory, against a bare DuckDB load
of the same files.

The two take turns (A B A B …), each in processes of its own, on files that have been read once
before; medians are reported.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

from pipelines.cli.output import table
from tests.bench import floor
from tests.bench.measuring import BenchError, Measured, machine, measure, warm
from tests.bench.steps import register_seconds, step_seconds

REGISTER = str(Path(sys.executable).with_name("register"))
MIB = 1 << 20


def main() -> int:
    asked = _arguments()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=asked.folder))
    try:
        return _bench(folder, asked)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--registrants", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repetitions", type=int, default=2, help="how often each side runs")
    parser.add_argument("--folder", help="where to work; default: the system's temporary folder")
    parser.add_argument(
        "--keep", action="store_true", help="leave the data roots and databases there"
    )
    return parser.parse_args()


def _bench(folder: Path, asked: argparse.Namespace) -> int:
    sampled = folder / "sampled"
    made = measure(
        [
            REGISTER,
            "sample",
            "--registrants",
            str(asked.registrants),
            "--seed",
            str(asked.seed),
            "--days",
            str(asked.days),
        ],
        {"REGISTER_HOME": str(sampled)},
        folder / "sample.out",
    )
    size = warm(sampled / "inbox")
    planned = folder / "floor.json"
    planned.write_text(json.dumps(floor.plan(sampled / "inbox", folder)))
    print(f"{made.out.strip()}; {size / MIB:,.0f} MiB in {made.seconds:.0f} s\n", flush=True)
    floors: list[Measured] = []
    refreshes: list[Measured] = []
    steps: list[dict[str, float]] = []
    parts: list[dict[str, float]] = []
    for number in range(asked.repetitions):
        floors.append(_floor(folder, planned, number, keep=asked.keep))
        root = folder / f"refreshed-{number}"
        refreshes.append(_refresh(folder, sampled, root))
        steps.append(step_seconds(root))
        parts.append(register_seconds(root))
        print(
            (
                f"run {number + 1}: load {floors[-1].seconds:.1f} s, refresh "
                f"{refreshes[-1].seconds:.1f} s"
            ),
            flush=True,
        )
        if not asked.keep:
            shutil.rmtree(root)
    _report(floors, refreshes, steps, parts)
    return 0


def _floor(folder: Path, planned: Path, number: int, *, keep: bool) -> Measured:
    database = folder / f"floor-{number}.duckdb"
    done = measure(
        [sys.executable, str(floor.__file__), str(planned), str(database)],
        {},
        folder / f"floor-{number}.out",
    )
    if not keep:
        database.unlink()
    return done


def _refresh(folder: Path, sampled: Path, root: Path) -> Measured:
    """Refresh a data root of its own, with links to the sampled files in its inbox, so that
    ingestion removes the links only.
    """
    root.mkdir(mode=0o700)
    shutil.copytree(sampled / "inbox", root / "inbox", copy_function=os.link)
    return measure(
        [REGISTER, "refresh", "--json"], {"REGISTER_HOME": str(root)}, folder / f"{root.name}.out"
    )


def _report(
    floors: list[Measured],
    refreshes: list[Measured],
    steps: list[dict[str, float]],
    parts: list[dict[str, float]],
) -> None:
    load, refresh = (
        median(loaded.seconds for loaded in floors),
        median(run.seconds for run in refreshes),
    )
    print("\nSteps of the refresh, seconds\n" + _seconds(_medians(steps), refresh))
    print("\nOf which the register, seconds\n" + _seconds(_medians(parts)))
    print(
        "\nThe bare load, seconds\n"
        + _seconds(_medians([json.loads(loaded.out)["seconds"] for loaded in floors]))
    )
    rows = [_measured("bare DuckDB load", floors), _measured("register refresh", refreshes)]
    print("\n" + table(["what", "seconds", "processor seconds", "peak memory"], rows))
    print(
        f"\nratio refresh / load: {refresh / load:.1f}   (spread of the refreshes: "
        f"{_spread(refreshes)}, of the loads: {_spread(floors)})"
    )
    busy = median(run.processor for run in refreshes) / median(
        loaded.processor for loaded in floors
    )
    print(
        f"ratio in processor seconds: {busy:.1f}   (trust this one when the machine had other work)"
    )


def _measured(name: str, runs: list[Measured]) -> list[str]:
    seconds, processor = median(run.seconds for run in runs), median(run.processor for run in runs)
    return [
        name,
        f"{seconds:,.1f}",
        f"{processor:,.1f}",
        f"{median(run.peak for run in runs) / MIB:,.0f} MiB",
    ]


def _spread(runs: list[Measured]) -> str:
    return f"{min(run.seconds for run in runs):.1f}-{max(run.seconds for run in runs):.1f} s"


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: median(run.get(name, 0.0) for run in runs) for name in names}


def _seconds(seconds_by_step: Mapping[str, float], whole: float | None = None) -> str:
    rows: list[list[object]] = [
        [name, f"{seconds:.1f}"] for name, seconds in _longest_first(seconds_by_step)
    ]
    total = sum(seconds_by_step.values())
    rows.append(["together", f"{total:.1f}"])
    if whole is not None:
        rows += [["starting up and in between", f"{whole - total:.1f}"], ["whole", f"{whole:.1f}"]]
    return table(["step", "seconds"], rows)


def _longest_first(seconds_by_step: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    return sorted(seconds_by_step.items(), key=lambda item: -item[1])


if __name__ == "__main__":
    sys.exit(main())
