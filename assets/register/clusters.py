"""Clusters of records that are one person: connected components that keep different people apart.

Records are integers; arrays stand for tables. Joining is set-based. Only components in which two
people who are known to be different would meet are split and joined again link by link, in Python:
they are few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]
Apart = Callable[[Ints], tuple[Ints, Ints]]
"""Given the cluster proposed for every record, the pairs of present clusters that must stay
apart.
"""

RIVAL_MARGIN = 1.0
"""Bits: of links of a record that are nearly as strong to two people who are known to be different,
neither is followed."""


def components(count: int, left: Ints, right: Ints) -> Ints:
    """Return the smallest member of each node's component.

    Every root hooks onto its smallest neighbouring root, then all paths are shortened. A root that
    survives two rounds has absorbed another (or has none left), so the rounds are at most
    2 log2(count), for chains too; each costs the edges left.

    Args:
        count: The number of nodes.
        left: One end of each edge.
        right: The other end.
    """
    label = np.arange(count, dtype=np.int32)
    while True:
        left, right = label[left], label[right]
        open_edges = left != right
        if not open_edges.any():
            return label
        left, right = left[open_edges], right[open_edges]
        np.minimum.at(label, np.maximum(left, right), np.minimum(left, right))
        while True:
            shorter = label[label]
            if np.array_equal(shorter, label):
                break
            label = shorter


class Clusters:
    """The partition of the records so far.

    Attributes:
        label: Of each record the cluster: the smallest record in it.
        code: Of each record the number of its identity code (-1: none); two codes never join.
    """

    def __init__(self, code: Ints) -> None:
        self.label = np.arange(len(code), dtype=np.int32)
        self.code = code.copy()

    def join(
        self, left: Ints, right: Ints, weight: NDArray[np.float64], apart: Apart | None = None
    ) -> Mask:
        """Join records along weighted links, as far as nothing forbids it.

        The order of the links does not matter.

        Returns:
            Of each link, whether it holds in the end.
        """
        before = self.label
        left_base, right_base = before[left], before[right]
        proposed = components(len(before), left_base, right_base)
        cluster = proposed[before]
        conflicts = self._conflicts(cluster)
        if apart is not None:
            pairs = np.stack(apart(cluster), axis=1)
            conflicts = np.concatenate(
                [conflicts, pairs[cluster[pairs[:, 0]] == cluster[pairs[:, 1]]]]
            )
        if len(conflicts):
            # Two coded clusters of a component need not touch: one conflict splits all of it.
            split = np.zeros(len(before), np.bool_)
            split[proposed[conflicts[:, 0]]] = True
            links = split[proposed[left_base]]
            nodes = np.flatnonzero(split[proposed]).astype(np.int32)
            proposed[nodes] = nodes
            for node, group in self._regroup(
                left_base[links], right_base[links], weight[links], conflicts
            ).items():
                proposed[node] = group
        coded = np.flatnonzero(self.code >= 0)
        self.label = proposed[before]
        self.code[self.label[coded]] = self.code[coded]
        return self.label[left] == self.label[right]

    def _conflicts(self, cluster: Ints) -> NDArray[np.int32]:
        """Return a pair of differently coded clusters of each component that has some: (k, 2)."""
        coded = np.flatnonzero(
            (self.code >= 0) & (self.label == np.arange(len(self.label)))
        ).astype(np.int32)
        coded = coded[np.lexsort((coded, cluster[coded]))]
        meets = (cluster[coded[1:]] == cluster[coded[:-1]]) & (
            self.code[coded[1:]] != self.code[coded[:-1]]
        )
        return np.stack([coded[:-1][meets], coded[1:][meets]], axis=1)

    def _regroup(
        self, left: Ints, right: Ints, weight: NDArray[np.float64], conflicts: NDArray[np.int32]
    ) -> dict[int, int]:
        """Join split components again, the strongest link first, never across a conflict or a code.

        Returns:
            Node -> its group.
        """
        strength: dict[int, dict[int, float]] = defaultdict(dict)
        enemies: dict[int, set[int]] = defaultdict(set)
        for x, y in conflicts.tolist():
            enemies[x].add(y)
            enemies[y].add(x)
        for x, y, bits in zip(left.tolist(), right.tolist(), weight.tolist(), strict=True):
            if x != y:
                strength[x][y] = strength[y][x] = max(bits, strength[x].get(y, bits))
        code = {node: int(self.code[node]) for node in strength}
        codes = {node: {number} - {-1} for node, number in code.items()}

        def opposed(x: int, y: int) -> bool:
            return y in enemies[x] or -1 != code[x] != code[y] != -1

        def doubtful(x: int, y: int, bits: float) -> bool:
            if code[y] < 0 and not enemies[y]:
                return False
            return any(
                z != y and rival > bits - RIVAL_MARGIN and opposed(y, z)
                for z, rival in strength[x].items()
            )

        group = {node: node for node in strength}
        members = {node: [node] for node in strength}
        links = sorted(
            (-bits, x, y) for x, others in strength.items() for y, bits in others.items() if x < y
        )
        for minus_bits, x, y in links:
            root_x, root_y = group[x], group[y]
            if (
                root_x == root_y
                or opposed(x, y)
                or doubtful(x, y, -minus_bits)
                or doubtful(y, x, -minus_bits)
            ):
                continue
            if len(codes[root_x] | codes[root_y]) > 1:
                continue
            small, large = sorted((root_x, root_y), key=lambda root: (len(members[root]), root))
            if any(group.get(enemy) == large for node in members[small] for enemy in enemies[node]):
                continue
            for node in members[small]:
                group[node] = large
            members[large] += members.pop(small)
            codes[large] |= codes.pop(small)
        smallest = {root: min(nodes) for root, nodes in members.items()}
        return {node: smallest[root] for node, root in group.items()}
