"""Average linkage of weighted pairs inside connected components, with vetoes that nothing
outweighs.

Records are integers, arrays stand for tables. Two groups merge if their mean weight is not clearly
negative, one of their links is strong, and there is no veto between them: not two identity codes,
not two records of one source where sources are free of duplicates, not a decision. In each round,
all pairs of groups that are each other's best merge, in all components at once; with average
linkage that gives the same as merging one pair at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.value_hashes import run_starts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

STRONG = 0.0
"""Bits: the least weight of a link that merges two groups; odds of four to one."""
MIN_MEAN = -1.5
"""Bits: groups of a lower mean weight stay apart, whatever their best link."""
BOUNDS = (-12.0, 16.0)
"""Weights are clipped to this in a mean: one field's accident must not outvote everything else."""
UNCOMPARED = -3.0
"""Bits: the weight of a pair that was not compared."""
RIVAL_MARGIN = 1.0
"""Bits: a group this near to two people who may not be one merges with neither."""


def components(count: int, left: Ints, right: Ints) -> Ints:
    """The smallest member of each node's connected component.

    Args:
        count: The number of nodes.
        left: One end of each edge; `right` the other.
    """
    label = np.arange(count, dtype=np.int64)
    while True:
        left, right = label[left], label[right]
        different = left != right
        if not different.any():
            return label
        left, right = left[different], right[different]
        np.minimum.at(label, np.maximum(left, right), np.minimum(left, right))
        label = _roots(label)


@dataclass
class _Edges:
    """One row per pair of groups, `left` < `right`.

    `total` and `known` are the sum and number of the known weights, `best` the highest of them.
    """

    left: Ints
    right: Ints
    total: Floats
    known: Floats
    best: Floats
    vetoed: Mask

    def where(self, mask: Mask) -> _Edges:
        return _Edges(
            self.left[mask],
            self.right[mask],
            self.total[mask],
            self.known[mask],
            self.best[mask],
            self.vetoed[mask],
        )

    def ends(self, count: int) -> Mask:
        """Mask of the nodes that have an edge."""
        mask = np.zeros(count, np.bool_)
        mask[self.left] = mask[self.right] = True
        return mask

    def renumbered(self, present: Mask) -> _Edges:
        """With node numbers that count only the present nodes."""
        number = np.cumsum(present) - 1
        return _Edges(
            number[self.left], number[self.right], self.total, self.known, self.best, self.vetoed
        )

    def relabelled(self, label: Ints) -> _Edges:
        """Between the groups of the labels; parallel edges are combined."""
        left, right = label[self.left], label[self.right]
        between = left != right
        low, high = np.minimum(left, right)[between], np.maximum(left, right)[between]
        order = np.lexsort((high, low))
        low, high = low[order], high[order]
        if not len(low):
            nothing = np.zeros(0)
            return _Edges(low, high, nothing, nothing, nothing, np.zeros(0, np.bool_))
        starts = np.flatnonzero(run_starts(low) | run_starts(high))
        rest = self.where(between)
        return _Edges(
            low[starts],
            high[starts],
            np.add.reduceat(rest.total[order], starts),
            np.add.reduceat(rest.known[order], starts),
            np.maximum.reduceat(rest.best[order], starts),
            np.logical_or.reduceat(rest.vetoed[order], starts),
        )


def average_linkage(
    count: int,
    left: Ints,
    right: Ints,
    weight: Floats,
    vetoed: Mask,
    code: Ints,
    source: Ints | None = None,
    size: Floats | None = None,
    strong: float = STRONG,
    least_mean: float = MIN_MEAN,
) -> Ints:
    """The smallest member of each node's cluster; the order of the pairs does not matter.

    Args:
        count: The number of nodes.
        left: One node of each pair; `right` the other.
        weight: Bits, per pair.
        vetoed: Pairs that may not be in one cluster.
        code: The number of each node's identity code, or -1.
        source: The number of each node's source, of which a cluster has one record at most, or -1.
        size: How many records each node is.
        strong: Bits: the least weight of a link that merges two groups.
        least_mean: Bits: the least mean weight of two groups that merge.
    """
    label = node = np.arange(count, dtype=np.int64)
    size = np.ones(count) if size is None else np.maximum(size, 1.0)
    sources = _source_bits(source) if source is not None else np.zeros((count, 1), np.uint64)
    edges = _Edges(
        left, right, np.clip(weight, *BOUNDS), np.ones(len(left)), weight.astype(np.float64), vetoed
    ).relabelled(label)
    while True:
        # Most nodes are settled soon: each round renumbers those that still have a link.
        linked = edges.ends(len(node))
        node, size, code, sources = node[linked], size[linked], code[linked], sources[linked]
        edges = edges.renumbered(linked)
        vetoes = np.sort((edges.left * len(node) + edges.right)[edges.vetoed])
        edges.vetoed |= (
            (code[edges.left] >= 0)
            & (code[edges.right] >= 0)
            & (code[edges.left] != code[edges.right])
        )
        edges.vetoed |= (sources[edges.left] & sources[edges.right]).any(axis=1)
        merged, into = _mutual_best(edges, size, code, vetoes, strong, least_mean)
        if not len(merged):
            return _roots(label)
        # `into` is the smaller of the two; no node is in two pairs.
        size[into] += size[merged]
        code[into] = np.maximum(code[into], code[merged])
        sources[into] |= sources[merged]
        current = np.arange(len(node), dtype=np.int64)
        current[merged] = into
        label[node[merged]] = node[into]
        edges = edges.relabelled(current)


def _roots(label: Ints) -> Ints:
    """The last label of each chain of labels."""
    while not np.array_equal(shorter := label[label], label):
        label = shorter
    return label


def _source_bits(source: Ints) -> NDArray[np.uint64]:
    """(nodes, words): the bit of each node's source, 64 of them in a word."""
    bits = np.zeros((len(source), int(source.max(initial=0)) // 64 + 1), np.uint64)
    known = np.flatnonzero(source >= 0)
    source = source[known]
    bits[known, source // 64] = np.uint64(1) << (source % 64).astype(np.uint64)
    return bits


def _mutual_best(
    edges: _Edges, size: Floats, code: Ints, vetoes: Ints, strong: float, least_mean: float
) -> tuple[Ints, Ints]:
    """The pairs of groups that are each other's best and may merge: (larger, smaller).

    Args:
        vetoes: Sorted vetoed pairs, as left * number of nodes + right.
    """
    count = len(size)
    pairs = size[edges.left] * size[edges.right]
    mean = (edges.total + UNCOMPARED * (pairs - edges.known)) / pairs
    fit = ~edges.vetoed & (mean >= least_mean) & (edges.best >= strong)
    contested = _contested(edges.left[fit], edges.right[fit], mean[fit], code, count)
    fit &= ~(contested[edges.left] & (code[edges.right] >= 0)) & ~(
        contested[edges.right] & (code[edges.left] >= 0)
    )
    torn = _torn(edges.left[fit], edges.right[fit], mean[fit], vetoes, count)
    fit &= ~torn[edges.left] & ~torn[edges.right]
    if not fit.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    left, right = edges.left[fit], edges.right[fit]
    # Weights to two decimals: the order of a sum must not decide.
    group, neighbour, near = _both_ways(left, right, np.round(mean[fit], 2))
    several = np.bincount(group, minlength=count)[group] > 1
    best = np.full(count, -1, np.int64)
    best[group[~several]] = neighbour[~several]
    group, neighbour, near = group[several], neighbour[several], near[several]
    order = np.lexsort((neighbour, -near, group))
    first = order[run_starts(group[order])]
    best[group[first]] = neighbour[first]
    mutual = (best[left] == right) & (best[right] == left)
    return right[mutual], left[mutual]


def _both_ways(left: Ints, right: Ints, mean: Floats) -> tuple[Ints, Ints, Floats]:
    """Each pair from either side: group, neighbour and mean weight."""
    return (
        np.concatenate([left, right]),
        np.concatenate([right, left]),
        np.concatenate([mean, mean]),
    )


def _contested(left: Ints, right: Ints, mean: Floats, code: Ints, count: int) -> Mask:
    """Mask of the groups without a code that are about as near to one code as to another."""
    contested = np.zeros(count, np.bool_)
    group, coded, near = _both_ways(left, right, mean)
    inside = (code[group] < 0) & (code[coded] >= 0)
    if not inside.any():
        return contested
    group, near, codes = group[inside], near[inside], code[coded[inside]]
    order = np.lexsort((-near, group))
    group, near, codes = group[order], near[order], codes[order]
    starts = np.flatnonzero(run_starts(group))
    lengths = np.diff(np.append(starts, len(group)))
    rival = (codes != np.repeat(codes[starts], lengths)) & (
        near >= np.repeat(near[starts], lengths) - RIVAL_MARGIN
    )
    contested[group[rival]] = True
    return contested


def _torn(left: Ints, right: Ints, mean: Floats, vetoes: Ints, count: int) -> Mask:
    """Mask of the groups that are about as near to one neighbour as to another, with a veto between
    those two."""
    torn = np.zeros(count, np.bool_)
    if not len(vetoes) or not len(left):
        return torn
    group, neighbour, near = _both_ways(left, right, mean)
    # A group with one neighbour is not torn.
    several = np.bincount(group, minlength=count)[group] > 1
    if not several.any():
        return torn
    group, neighbour, near = group[several], neighbour[several], near[several]
    order = np.lexsort((neighbour, -near, group))
    group, neighbour, near = group[order], neighbour[order], near[order]
    starts = np.flatnonzero(run_starts(group))
    lengths = np.diff(np.append(starts, len(group)))
    best, nearest = np.repeat(neighbour[starts], lengths), np.repeat(near[starts], lengths)
    pair = np.minimum(best, neighbour) * count + np.maximum(best, neighbour)
    nearest_veto = np.minimum(np.searchsorted(vetoes, pair), len(vetoes) - 1)
    torn[group[(vetoes[nearest_veto] == pair) & (near >= nearest - RIVAL_MARGIN)]] = True
    return torn
