"""`python -m tests.campaign`: commands killed, interrupted and run on full disks, at random.

Each trial disturbs one command once, runs it again to its end and compares every table with those
of an undisturbed run. The same seed chooses the same commands, kinds and shares of their time and
growth. Full disks are small disks in memory; where mounting needs more rights than the user has,
the campaign runs in a user namespace of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.campaign import trial
from tests.campaign.disturbances import Kind, may_mount
from tests.campaign.steps import NAMES, Step, prepare
from tests.campaign.trial import Trial

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
IN_NAMESPACE = "CAMPAIGN_IN_NAMESPACE"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=arguments.folder) as name:
        folder = Path(name)
        mounting = may_mount(folder / "disk")
        if not mounting and shutil.which(NAMESPACE[0]) and IN_NAMESPACE not in os.environ:
            os.environ[IN_NAMESPACE] = "1"
            command = [sys.executable, "-m", "tests.campaign", *sys.argv[1:]]
            os.execvp(NAMESPACE[0], [*NAMESPACE, *command])  # noqa: S606  (no shell is needed)
        if not mounting:
            print("Full disks are left out: nothing may be mounted here.", flush=True)
        kinds = [kind for kind in arguments.kinds if mounting or kind is not Kind.FULL_DISK]
        return _report(list(_trials(arguments, kinds, folder)))


def _trials(arguments: argparse.Namespace, kinds: list[Kind], folder: Path) -> Iterator[Trial]:
    """Every command with every kind in turn, in a random order, until the time is over."""
    until = time.monotonic() + 60 * arguments.minutes
    rng = random.Random(arguments.seed)
    steps = prepare(folder, arguments.registrants, arguments.steps)
    for step, kind in islice(_pairs(steps, kinds, rng), arguments.trials):
        if time.monotonic() > until:
            return
        done = trial.run(step, kind, folder, rng)
        print(done, flush=True)
        yield done


def _pairs(steps: list[Step], kinds: list[Kind], rng: random.Random) -> Iterator[tuple[Step, Kind]]:
    pairs = [(step, kind) for step in steps for kind in kinds]
    while True:
        yield from rng.sample(pairs, len(pairs))


def _report(trials: list[Trial]) -> int:
    wrong = [done for done in trials if done.wrong]
    disturbed = Counter(str(done.kind) for done in trials if done.disturbed)
    counts = ", ".join(f"{count} by {kind}" for kind, count in sorted(disturbed.items()))
    print(f"{len(trials)} trials, disturbed: {counts or 'none'}; with differences: {len(wrong)}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--trials", type=int, help="at most so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--registrants", type=int, default=300)
    parser.add_argument("--steps", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--kinds", nargs="+", type=Kind, choices=list(Kind), default=list(Kind))
    parser.add_argument("--folder", type=Path, help="where data roots are made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
