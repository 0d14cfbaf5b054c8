"""Which records break an invariant, by halving."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.fuzz.mutations import Mutation
from tests.fuzz.trial import Failure

Probe = Callable[[list[Mutation]], list[Failure]]


def culprits(
    items: list[Mutation], probe: Probe, failures_of_all: list[Failure]
) -> Iterator[tuple[list[Mutation], Failure]]:
    """Sets of items that halving makes no smaller, each with what fails.

    Args:
        items: those among which the culprits are.
        probe: returns what fails with some of them.
        failures_of_all: what fails with all of them.
    """
    if not items or not failures_of_all:
        return
    if len(items) == 1:
        for failure in failures_of_all:
            yield items, failure
        return
    middle = len(items) // 2
    halves = [(half, probe(half)) for half in (items[:middle], items[middle:])]
    if not any(failures for _, failures in halves):
        yield items, failures_of_all[0]
        return
    for half, failures in halves:
        yield from culprits(half, probe, failures)
