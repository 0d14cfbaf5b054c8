"""One trial: a command is disturbed and then run to its end; nothing may differ from a run that
nothing disturbed.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.disturbances import ENOUGH, Kind, resize, signalled, small_disk
from tests.campaign.steps import Outcome, Step, outcome, size
from tests.support.commands import Ended, register
from tests.support.data_roots import copied, differing, leftovers, unfinished_runs


@dataclass(frozen=True)
class Trial:
    """What was disturbed, how, and what was wrong afterwards: nothing, in a good trial.

    Attributes:
        at: After how many seconds, or with how many bytes of free space.
        disturbed: Whether the command had not simply ended before.
    """

    step: str
    kind: Kind
    at: float
    disturbed: bool
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        unit = "bytes free" if self.kind is Kind.FULL_DISK else "s"
        result = "; ".join(self.wrong) or ("as undisturbed" if self.disturbed else "had ended")
        return f"{self.step}, {self.kind} at {self.at:.0f} {unit}: {result}"


def run(step: Step, kind: Kind, folder: Path, rng: random.Random) -> Trial:
    """Disturb the step once, at a random moment or with random room; finish it, and compare."""
    if kind is Kind.FULL_DISK:
        return _on_full_disk(step, folder, int(rng.uniform(0, 1.2) * step.room))
    seconds = rng.uniform(0.02, 1) * step.seconds
    with tempfile.TemporaryDirectory(dir=folder) as place:
        root = copied(step.ready, Path(place) / "data")
        first = signalled(root, kind, seconds, *step.arguments)
        return Trial(step.name, kind, seconds, first.code != 0, _wrong(step, kind, root, first))


def _on_full_disk(step: Step, folder: Path, room: int) -> Trial:
    disk = folder / "disk"
    with small_disk(disk, size(step.ready) + 100_000_000):
        root = copied(step.ready, disk / "data")
        resize(disk, shutil.disk_usage(disk).used + room)
        first = register(root, *step.arguments)
        resize(disk, ENOUGH)
        wrong = _wrong(step, Kind.FULL_DISK, root, first)
    return Trial(step.name, Kind.FULL_DISK, room, first.code != 0, wrong)


def _wrong(step: Step, kind: Kind, root: Path, first: Ended) -> tuple[str, ...]:
    """What is not as it should be after the disturbed run, and after a second one to the end."""
    return (*_unclear_end(kind, first), *_after_another_run(step, root))


def _unclear_end(kind: Kind, first: Ended) -> list[str]:
    if kind is Kind.KILLED or not first.code:
        return []
    wrong = []
    if "Traceback" in first.err:
        wrong.append("it ended with a traceback")
    if kind is Kind.FULL_DISK and "no space left on device" not in first.err.lower():
        wrong.append(f"it does not name the full disk: {first.err.strip()[-300:]}")
    return wrong


def _after_another_run(step: Step, root: Path) -> list[str]:
    second = register(root, *step.arguments)
    if second.code:
        return [f"the next run ended with {second.code}: {second.err.strip()}"]
    return [
        *_different(step.outcome, outcome(root)),
        *(f"left behind: {path}" for path in leftovers(root)),
        *(f"taken for running: {run}" for run in unfinished_runs(root)),
    ]


def _different(expected: Outcome, actual: Outcome) -> list[str]:
    tables = differing(actual.contents, expected.contents)
    wrong = [f"other rows: {', '.join(tables)}"] if tables else []
    if actual.ledger != expected.ledger:
        wrong.append("another ledger of deliveries")
    return wrong
