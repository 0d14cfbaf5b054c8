"""Rounds of trials: odd records are tried together, and by halves where something fails."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from assets.storage.data_root import DataRoot
from tests.fuzz.culprits import Probe, culprits
from tests.fuzz.findings import Findings
from tests.fuzz.mutations import Mutation
from tests.fuzz.trial import (
    FIRST_ODD,
    Failure,
    Rows,
    control_rows,
    refresh,
    registrant_rows,
    take_in,
)
from tests.fuzz.whole_records import KINDS

# So many culprits are looked for before the rest is tried again without them and their like.
_AT_ONCE = 3
_HANDED_OUT = 4
# More records than these that fail only together are left alone.
_MOST = 4
Tell = Callable[[str], None]


class _SearchOver(Exception):  # noqa: N818
    """The culprits are too many, or fail only together."""


class Rounds:
    """Trials in `folder`, with what is true of the ordinary records alone as the measure."""

    def __init__(
        self,
        folder: Path,
        findings: Findings,
        tell: Tell,
        *,
        halvings: int = 200,
        until: float = float("inf"),
    ) -> None:
        """`halvings`: trials spent on looking for one round's culprits; `until`: when that ends."""
        self.folder = folder
        self.findings = findings
        self.tell = tell
        self.halvings = halvings
        self.until = until
        self.tried = 0
        self._staged: dict[tuple[str, str], Rows] = {}
        for source, dataset in KINDS:
            assert take_in(folder / "home", source, dataset, [], None) == []
            self._staged[source, dataset] = control_rows(DataRoot(folder / "home"), source, dataset)
        assert refresh(folder / "home", [], None, 0) == []
        self._expected = registrant_rows(DataRoot(folder / "home"))

    def numbered(self, mutations: Iterable[Mutation]) -> list[Mutation]:
        """Each mutation about a person of its own."""
        return [item.about(FIRST_ODD + place) for place, item in enumerate(mutations)]

    def take_in(self, items: list[Mutation]) -> list[Mutation]:
        """Try the items dataset by dataset; returns those with which the rest can be tried."""
        per_dataset: dict[tuple[str, str], list[Mutation]] = defaultdict(list)
        for item in items:
            per_dataset[item.source, item.dataset].append(item)
        return [
            item
            for (source, dataset), theirs in per_dataset.items()
            for item in self._take_in(source, dataset, theirs)
        ]

    def _take_in(self, source: str, dataset: str, items: list[Mutation]) -> list[Mutation]:
        def probe(some: list[Mutation]) -> list[Failure]:
            staged = self._staged[source, dataset]
            return take_in(self.folder / "home", source, dataset, some, staged)

        self.tried += len(items)
        return self._without_culprits(items, probe)

    def refresh(self, items: list[Mutation]) -> None:
        """Try the items of all datasets together, through to what is handed out."""

        def probe(some: list[Mutation]) -> list[Failure]:
            # What is handed out names its person, and need not be found by halving.
            access = _HANDED_OUT if len(some) == len(items) else 0
            return refresh(self.folder / "home", some, self._expected, access)

        self._without_culprits(items, probe)

    def _without_culprits(self, items: list[Mutation], probe: Probe) -> list[Mutation]:
        """The items but those by which nothing of the others can be tried."""
        located: dict[Mutation, None] = {}
        left = self.halvings

        def limited(some: list[Mutation]) -> list[Failure]:
            nonlocal left
            left -= 1
            if left < 0 or time.monotonic() > self.until:
                raise _SearchOver
            return probe(some)

        while failures := probe(items):
            unlocated = [failure for failure in failures if not failure.numbers]
            broken: set[Mutation] = set()
            for failure in failures:
                if some := [item for item in items if item.number in failure.numbers]:
                    self._add(some, failure)
                    located.update(dict.fromkeys(some))
                    broken.update(some)
            if not unlocated:
                break
            try:
                broken = broken or self._search(items, limited, unlocated)
            except _SearchOver:
                self._add(items, unlocated[0])
                return []
            items = [item for item in items if item not in broken]
        return [*items, *(item for item in located if item not in items)]

    def _search(
        self, items: list[Mutation], probe: Probe, failures: list[Failure]
    ) -> set[Mutation]:
        """Some culprits, and the items with their values: in other fields those do the same."""
        self.tell(f"looking for who it is: {failures[0].invariant}: {failures[0].detail}")
        broken: set[Mutation] = set()
        for some, failure in islice(culprits(items, probe, failures), _AT_ONCE):
            if len(some) > _MOST:
                raise _SearchOver
            self._add(some, failure)
            broken.update(some)
            if len(some) == 1:
                broken.update(item for item in items if item.what == some[0].what)
        return broken

    def _add(self, items: list[Mutation], failure: Failure) -> None:
        if self.findings.add(items, failure):
            shown = ", with ".join(f"{item.kind} {item.field}: {item.what}" for item in items[:3])
            self.tell(f"{failure.invariant}: {failure.detail}\n    {len(items)} records: {shown}")
