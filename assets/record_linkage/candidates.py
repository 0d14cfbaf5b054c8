"""The pairs that are compared: records that share a pass's key, each pass bounded, each pair once.

A key of more than `CAP` records is split by the pass's second key; what is oversized still is dropped and counted. So
the pairs are at most passes x CAP x records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.blocking_rules import OVERSIZED, Pass
from assets.record_linkage.value_hashes import (
    Hashed,
    Hashes,
    Places,
    begins,
    shared_in_order,
    side_by_side,
)

CAP = OVERSIZED
Allowed = Callable[[Places, Places], NDArray[np.bool_]]
"""Which pairs of ids may be compared at all."""


@dataclass
class Opened:
    """What one pass found: pairs (before other passes' are taken off), and keys that were split or, if nothing splits them, dropped as oversized."""

    name: str
    pairs: int = 0
    split: int = 0
    dropped: int = 0


def open_passes(
    connection: duckdb.DuckDBPyConnection, hashes: Hashes, passes: list[Pass], allowed: Allowed
) -> list[Opened]:
    """Make `linkage_candidates(one, other, passes)`, one < other and in order; bit i of `passes` is set if pass i found the pair."""
    atoms = [
        atom for one in passes for atom in (*one.atoms, *((one.second,) if one.second else ()))
    ]
    hashes.read(
        [atom.sql for atom in atoms if not atom.every], {atom.sql for atom in atoms if atom.every}
    )
    found = side_by_side(lambda one: _open(hashes, one, allowed), passes)
    pairs, bits = _once([pairs for pairs, _ in found])
    table = pa.table(
        {
            "one": hashes.ids[(pairs >> np.uint64(32)).astype(np.int64)].astype(np.int32),
            "other": hashes.ids[(pairs & LOW).astype(np.int64)].astype(np.int32),
            "passes": bits,
        }
    )
    connection.register("linkage_found", table)
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_candidates AS FROM linkage_found")
    connection.unregister("linkage_found")
    return [opened for _, opened in found]


LOW = np.uint64(0xFFFFFFFF)


def _once(several: list[Hashed]) -> tuple[Hashed, NDArray[np.uint32]]:
    """Each pair once, in order, with the bits of the lists that have it."""
    pairs = np.concatenate([np.zeros(0, np.uint64), *several])
    bits = np.concatenate(
        [
            np.zeros(0, np.uint32),
            *(np.full(len(one), 1 << number, np.uint32) for number, one in enumerate(several)),
        ]
    )
    order = np.argsort(pairs)
    pairs, bits = pairs[order], bits[order]
    starts = np.flatnonzero(begins(pairs))
    return pairs[starts], np.bitwise_or.reduceat(bits, starts) if len(starts) else bits


def _open(hashes: Hashes, one: Pass, allowed: Allowed) -> tuple[Hashed, Opened]:
    """The pairs of a pass that may be compared, each once, as two places in one number."""
    opened = Opened(one.name)
    pairs = _keyed(hashes, one, opened) if one.atoms else _packed(*np.triu_indices(len(hashes), 1))
    pairs = pairs[
        allowed(
            hashes.ids[(pairs >> np.uint64(32)).astype(np.int64)],
            hashes.ids[(pairs & LOW).astype(np.int64)],
        )
    ]
    opened.pairs = len(pairs)
    return pairs, opened


def _keyed(hashes: Hashes, one: Pass, opened: Opened) -> Hashed:
    """The pairs that share a key; what had to be split or dropped is told in `opened`."""
    blocks = _Blocks(*one.keys(hashes))
    found = [blocks.pairs()]
    if blocks.oversized and one.second:
        opened.split = blocks.oversized
        places, keys = one.keys(hashes, split=True)
        crowded = np.zeros(len(hashes), np.bool_)
        crowded[blocks.crowded] = True
        inside = crowded[places]
        parts = _Blocks(places[inside], keys[inside])
        found.append(parts.pairs())
        opened.dropped = parts.oversized + blocks.without(parts.all)
    else:
        opened.dropped = blocks.oversized
    pairs = np.sort(np.concatenate(found))
    return pairs[begins(pairs)]


def _packed(left: Places, right: Places) -> Hashed:
    answer: Hashed = np.minimum(left, right).astype(np.uint64) << np.uint64(32) | np.maximum(
        left, right
    ).astype(np.uint64)
    return answer


class _Blocks:
    """Records by key. Only keys of several records are kept; those of more than `CAP` are `crowded`."""

    def __init__(self, places: Places, keys: Hashed) -> None:
        self.all = places
        order, _, sizes = shared_in_order(keys)
        several = np.repeat((sizes > 1) & (sizes <= CAP), sizes)
        self.members = places[order[several]]
        fit = sizes[(sizes > 1) & (sizes <= CAP)]
        self.left = np.repeat(np.cumsum(fit), fit) - np.arange(len(self.members))
        self.oversized = int(np.count_nonzero(sizes > CAP))
        crowd = np.repeat(sizes > CAP, sizes)
        self.crowded, self.crowds = (
            places[order[crowd]],
            np.repeat(np.arange(self.oversized), sizes[sizes > CAP]),
        )

    def pairs(self) -> Hashed:
        """The pairs of all blocks that are not oversized; a record that is twice in a block is no pair."""
        found: list[Hashed] = [np.zeros(0, np.uint64)]
        at = np.arange(len(self.members))
        for step in range(1, CAP):
            # `left`: members of the block from here on.
            at = at[self.left[at] > step]
            if not len(at):
                break
            one, other = self.members[at], self.members[at + step]
            unlike = one != other
            found.append(_packed(one[unlike], other[unlike]))
        return np.concatenate(found)

    def without(self, places: Places) -> int:
        """Of how many oversized blocks no record is among these."""
        there = np.isin(self.crowded, places)
        return self.oversized - len(np.unique(self.crowds[there]))
