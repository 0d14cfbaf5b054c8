"""`python -m tests.bench.peers`: our engine and Splink 5 on the same people, with a table of
quality and one of cost.

Our engine is `register link`, given only the roles, the same way for every set; Splink is
configured by splink_settings.py, and joins from a probability of 0.95. On each set the two take
turns, each in a process of its own: first learning, then with the model that was learned, as often
as there are repetitions. Seconds are of whole processes, starting included; medians are reported.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import yaml

from pipelines.cli.output import table
from tests.bench.measuring import BenchError, Measured, machine, measure
from tests.bench.peers.quality import Quality
from tests.bench.peers.sets import BESIDE_THE_HOUSE, HOUSE, KIND_SETS, PUBLIC, SAMPLED, PeopleSet

REGISTER = str(Path(sys.executable).with_name("register"))
BY_PATH = {"PYTHONPATH": str(HOUSE)}
MIB = 1 << 20
OURS, SPLINK = "ours", "Splink"
ENGINES = (OURS, SPLINK)


@dataclass
class Side:
    """What one engine did on one set."""

    learning: list[Measured] = field(default_factory=list)
    modelled: list[Measured] = field(default_factory=list)
    quality: Quality | None = None
    hindsight: str = ""


def main() -> int:
    asked = _arguments()
    print(machine(), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="peers-", dir=asked.folder)).resolve()
    results: list[tuple[str, dict[str, Side]]] = []
    try:
        for name, people_set, people in _sets(folder, asked):
            results.append((name, _both(folder, people_set, people, asked.repetitions)))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _report(results)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.peers", description=__doc__)
    parser.add_argument(
        "--registrants",
        type=int,
        nargs="*",
        default=[100_000, 1_000_000],
        help=(
            "of each sample; a million takes 5 GB of disk and a quarter of an hour; Splink "
            "cannot learn from 2000"
        ),
    )
    parser.add_argument(
        "--invented",
        type=int,
        nargs="*",
        default=[1_000_000],
        help="records of invented people: fewer have nothing in common but a name",
    )
    parser.add_argument(
        "--kinds", type=int, default=8000, help="records of each invented kind of table; 0: none"
    )
    parser.add_argument(
        "--repetitions", type=int, default=1, help="how often each side runs on each set"
    )
    parser.add_argument(
        "--people",
        type=Path,
        default=BESIDE_THE_HOUSE,
        help="where the public sets lie; those that are not there are left out",
    )
    parser.add_argument("--folder", help="where to work; default: the system's temporary folder")
    return parser.parse_args()


def _sets(folder: Path, asked: argparse.Namespace) -> Iterator[tuple[str, PeopleSet, Path]]:
    """What to call it, what it is, and where its people lie."""
    missing = []
    for people_set in PUBLIC:
        people = asked.people.resolve() / f"{people_set.name}.parquet"
        if people.exists():
            yield people_set.name, people_set, people
        else:
            missing.append(people_set.name)
    if missing:
        print(f"left out, as they are not in {asked.people.name}: {', '.join(missing)}", flush=True)
    for people_set in KIND_SETS if asked.kinds else ():
        people = folder / "kind.parquet"
        measure(
            [
                sys.executable,
                "-m",
                "tests.bench.peers.kinds",
                people_set.name,
                str(asked.kinds),
                "1",
                str(people),
            ],
            BY_PATH,
            folder / "kind.out",
        )
        yield people_set.name, people_set, people
    for registrants in asked.registrants:
        people = _sampled(folder, registrants)
        for people_set in SAMPLED:
            yield f"sample of {registrants:,}, {people_set.name}", people_set, people
    for records in asked.invented:
        people = folder / "invented.parquet"
        measure(
            [sys.executable, "-m", "tests.bench.peers.invented", str(records), str(people)],
            BY_PATH,
            folder / "invented.out",
        )
        for people_set in SAMPLED:
            yield f"invented {records:,}, {people_set.name}", people_set, people


def _sampled(folder: Path, registrants: int) -> Path:
    home, people = folder / "sampled", folder / "people.parquet"
    measure(
        [REGISTER, "sample", "--registrants", str(registrants), "--seed", "1", "--days", "3"],
        {"REGISTER_HOME": str(home)},
        folder / "sample.out",
    )
    made = measure(
        [sys.executable, "-m", "tests.bench.peers.sampled", str(home), str(people)],
        BY_PATH,
        folder / "sampled.out",
    )
    shutil.rmtree(home)
    print(
        f"{int(made.out):,} people of sources in a sample of {registrants:,} registrants",
        flush=True,
    )
    return people


def _both(folder: Path, people_set: PeopleSet, people: Path, repetitions: int) -> dict[str, Side]:
    sides = {engine: Side() for engine in ENGINES}
    roles = folder / "roles.yaml"
    roles.write_text(yaml.safe_dump({**people_set.roles, "uid": "key"}), encoding="utf-8")
    for number in range(repetitions):
        for engine in ENGINES:
            _model(folder, engine).unlink(missing_ok=True)
        for kind in ("learning", "modelled"):
            for engine in ENGINES:
                out = folder / f"{engine}-{kind}.parquet"
                getattr(sides[engine], kind).append(_link(folder, engine, people_set, people, out))
                print(
                    (
                        f"{people_set.name}, {engine}, {kind}, {number + 1}: "
                        f"{getattr(sides[engine], kind)[-1].processor:.1f} processor seconds"
                    ),
                    flush=True,
                )
    for engine in ENGINES:
        sides[engine].quality = _judge(folder, people, folder / f"{engine}-learning.parquet")
    sides[SPLINK].hindsight = _with_hindsight(folder, people_set, people)
    return sides


def _model(folder: Path, engine: str) -> Path:
    return folder / f"{engine}-model.json"


def _link(folder: Path, engine: str, people_set: PeopleSet, people: Path, out: Path) -> Measured:
    model = str(_model(folder, engine))
    if engine == OURS:
        command = [
            REGISTER,
            "link",
            str(people),
            "--roles",
            str(folder / "roles.yaml"),
            "--out",
            str(out),
            "--model",
            model,
            "--json",
        ]
        return measure(command, {}, folder / "ours.out")
    return measure(
        [
            sys.executable,
            "-m",
            "tests.bench.peers.splink_run",
            people_set.peer,
            str(people),
            str(out),
            "--model",
            model,
        ],
        BY_PATH,
        folder / "splink.out",
    )


def _judge(folder: Path, people: Path, clusters: Path) -> Quality:
    """In a process of its own: what this one has used would be counted as the next engine's peak
    memory.
    """
    command = [sys.executable, "-m", "tests.bench.peers.quality", str(people), str(clusters)]
    return Quality(**json.loads(measure(command, BY_PATH, folder / "quality.out").out))


def _with_hindsight(folder: Path, people_set: PeopleSet, people: Path) -> str:
    """Splink's best F1 at any threshold, and that threshold: nobody knows it beforehand."""
    several = folder / "thresholds"
    several.mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.bench.peers.splink_run",
        people_set.peer,
        str(people),
        str(several),
        "--model",
        str(_model(folder, SPLINK)),
    ]
    measure([*command, "--thresholds"], BY_PATH, folder / "thresholds.out")
    scores = [(_judge(folder, people, path).f1, path.stem) for path in sorted(several.iterdir())]
    shutil.rmtree(several)
    best, threshold = max(scores)
    return f"{best:.4f} at {threshold}"


def _report(results: list[tuple[str, dict[str, Side]]]) -> None:
    judged = [
        [name, engine, *_measures(side)]
        for name, sides in results
        for engine, side in sides.items()
    ]
    print(
        "\n"
        + table(
            [
                "set",
                "engine",
                "precision",
                "recall",
                "F1",
                "B-cubed",
                "two codes",
                "with hindsight",
            ],
            judged,
        )
    )
    cost = [[name, *row] for name, sides in results for row in _cost(sides)]
    print(
        "\n"
        + table(
            [
                "set",
                "engine",
                "learning, s",
                "processor s",
                "with a model, s",
                "processor s",
                "peak MiB",
            ],
            cost,
        )
    )


def _measures(side: Side) -> list[object]:
    quality = side.quality
    assert quality is not None
    return [
        f"{quality.precision:.4f}",
        f"{quality.recall:.4f}",
        f"{quality.f1:.4f}",
        f"{quality.bcubed:.4f}",
        quality.two_codes,
        side.hindsight,
    ]


def _cost(sides: dict[str, Side]) -> Iterator[list[object]]:
    figures = {engine: _figures(side) for engine, side in sides.items()}
    for engine, values in figures.items():
        yield [engine, *(f"{figure:,.1f}" for figure in values[:4]), f"{values[4]:,.0f}"]
    yield [
        "ours / Splink",
        *(
            f"{ours / other:.2f}"
            for ours, other in zip(figures[OURS], figures[SPLINK], strict=True)
        ),
    ]


def _figures(side: Side) -> list[float]:
    return [
        median(run.seconds for run in side.learning),
        median(run.processor for run in side.learning),
        median(run.seconds for run in side.modelled),
        median(run.processor for run in side.modelled),
        max(run.peak for run in (*side.learning, *side.modelled)) / MIB,
    ]


if __name__ == "__main__":
    sys.exit(main())
