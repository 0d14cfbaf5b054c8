"""Bringing a data root from an older layout to the current one, step by step.

Each step is repeatable when it is killed, and ends by noting the version that it has reached.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from assets.backup.repairing import record_all
from assets.storage import layout
from assets.storage.data_root import DataRoot


@dataclass(frozen=True)
class Step:
    """What brings a data root to the next version.

    Attributes:
        what: One sentence.
        carry_out: Does it, and returns how many files it concerned.
    """

    what: str
    carry_out: Callable[[DataRoot], int]


STEPS: Mapping[int, Step] = {
    1: Step("record size and hash of every file of the layers", record_all),
}
"""By the version that a step begins with."""


def plan(data_root: DataRoot) -> list[Step]:
    """Return the steps to the current layout, in order; none for a data root that has it.

    Raises:
        LayoutError: The data root is newer than this version.
    """
    present = layout.version(data_root.lake)
    if present > layout.CURRENT:
        layout.check(data_root.lake)
    return [STEPS[number] for number in range(present, layout.CURRENT)]


def migrate(data_root: DataRoot) -> list[tuple[Step, int]]:
    """Carry out the steps. Only under the writer's lock.

    Returns:
        Each step, with the number of files that it concerned.
    """
    return [(step, step.carry_out(data_root)) for step in plan(data_root)]
