"""`python -m tests.fuzz`: odd values in every field of every dataset, each failure printed once.

Every round tries other records: some of the catalogue, some with random values, and some values in
every identifying field of several persons. The same seed tries the same ones.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from itertools import chain, islice
from pathlib import Path

from tests.fuzz import values
from tests.fuzz.findings import Findings
from tests.fuzz.mutations import Mutation, every_mutation, random_mutations, shared_mutations
from tests.fuzz.rounds import Rounds
from tests.fuzz.trial import FIRST_ODD

_ALONE = 20
_SHARED = 8


def main() -> int:
    asked = _arguments()
    started = time.monotonic()
    until = started + 60 * asked.minutes
    findings = Findings()
    rng = random.Random(asked.seed)
    catalogue = list(every_mutation())
    rng.shuffle(catalogue)
    waiting = iter(catalogue)
    cells = [odd for odd in values.catalogue() if odd.cell and len(odd.cell) < 100]
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=asked.folder) as folder:
        rounds = Rounds(Path(folder), findings, lambda text: _tell(started, text), until=until)
        while time.monotonic() < until:
            chosen = list(islice(waiting, asked.records // 2))
            chosen += random_mutations(rng, asked.records - len(chosen))
            shared = [item for odd in rng.sample(cells, _SHARED) for item in shared_mutations(odd)]
            items = rounds.numbered([*shared, *_few_alone(chosen)])
            good = rounds.take_in(items)
            rng.shuffle(good)
            good.sort(key=lambda item: item.number >= FIRST_ODD + len(shared))
            rounds.refresh(good[: asked.together + len(shared)])
            if asked.findings:
                asked.findings.write_text(findings.text(), encoding="utf-8")
            print(
                f"{time.monotonic() - started:6.0f} s: {rounds.tried} records,"
                f" {len(findings)} kinds of failure",
                flush=True,
            )
    print(f"\n{findings.text()}" if len(findings) else "Every invariant holds.")
    return 1 if len(findings) else 0


def _few_alone(mutations: list[Mutation]) -> list[Mutation]:
    """No more records that need a file of their own than a round can read quickly."""
    alone = [mutation for mutation in mutations if mutation.alone]
    return list(chain((mutation for mutation in mutations if not mutation.alone), alone[:_ALONE]))


def _tell(started: float, text: str) -> None:
    print(f"{time.monotonic() - started:6.0f} s: {text}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--records", type=int, default=2_000, help="odd records a round")
    parser.add_argument("--together", type=int, default=500, help="of them, how many are refreshed")
    parser.add_argument("--folder", help="where to work; default: the system's temporary folder")
    parser.add_argument("--findings", type=Path, help="a file for what was found, as Markdown")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
