"""Clusters of weighted pairs: average linkage inside connected components, with vetoes that nothing outweighs.

Records are integers, arrays stand for tables. Two groups become one if their mean weight is not clearly against it, one
of their links is strong, and no veto lies between them: not two identity codes, not two records of one source where
sources hold everybody once, not a person's decision. In each round, every two groups that are each other's best become
one, in all components at once; with average linkage that gives what joining one pair at a time would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.value_hashes import begins

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

STRONG = 2.0
"""Bits: a link that can join two groups; odds of four to one."""
CLEARLY_AGAINST = -2.5
"""Bits: the mean weight below which two groups stay apart, whatever their best link."""
BOUNDS = (-12.0, 16.0)
"""Weights count no further than this in a mean: one field's accident must not outvote everything else."""
UNSEEN = -3.0
"""What a pair weighs that nobody compared."""
RIVAL_MARGIN = 1.0
"""Bits: who is this near to two people who may not be one is joined to neither."""


def components(count: int, one: Ints, other: Ints) -> Ints:
    """The smallest member of each node's component, in a graph of `count` nodes and the edges `one`-`other`."""
    label = np.arange(count, dtype=np.int64)
    while True:
        one, other = label[one], label[other]
        unlike = one != other
        if not unlike.any():
            return label
        one, other = one[unlike], other[unlike]
        np.minimum.at(label, np.maximum(one, other), np.minimum(one, other))
        label = _roots(label)


@dataclass
class _Edges:
    """Between groups, one row per pair of them, `one` < `other`: sum and number of known weights, the best, a veto."""

    one: Ints
    other: Ints
    total: Floats
    known: Floats
    best: Floats
    vetoed: Mask

    def where(self, mask: Mask) -> _Edges:
        return _Edges(
            self.one[mask],
            self.other[mask],
            self.total[mask],
            self.known[mask],
            self.best[mask],
            self.vetoed[mask],
        )

    def ends(self, count: int) -> Mask:
        """Which of so many nodes have an edge."""
        there = np.zeros(count, np.bool_)
        there[self.one] = there[self.other] = True
        return there

    def numbered(self, there: Mask) -> _Edges:
        """With numbers that count only the nodes that are there."""
        number = np.cumsum(there) - 1
        return _Edges(
            number[self.one], number[self.other], self.total, self.known, self.best, self.vetoed
        )

    def relabelled(self, label: Ints) -> _Edges:
        """Between the groups of the labels; edges that fell together are one."""
        one, other = label[self.one], label[self.other]
        between = one != other
        low, high = np.minimum(one, other)[between], np.maximum(one, other)[between]
        order = np.lexsort((high, low))
        low, high = low[order], high[order]
        starts = (
            np.flatnonzero(
                np.concatenate([[True], (low[1:] != low[:-1]) | (high[1:] != high[:-1])])
            )
            if len(low)
            else np.zeros(0, np.int64)
        )
        if not len(starts):
            nothing = np.zeros(0)
            return _Edges(low, high, nothing, nothing, nothing, np.zeros(0, np.bool_))
        rest = self.where(between)
        return _Edges(
            low[starts],
            high[starts],
            np.add.reduceat(rest.total[order], starts),
            np.add.reduceat(rest.known[order], starts),
            np.maximum.reduceat(rest.best[order], starts),
            np.logical_or.reduceat(rest.vetoed[order], starts),
        )


def refine(
    count: int,
    one: Ints,
    other: Ints,
    weight: Floats,
    vetoed: Mask,
    code: Ints,
    source: Ints | None = None,
    size: Floats | None = None,
    strong: float = STRONG,
) -> Ints:
    """The smallest member of each node's cluster.

    `weight` in bits per pair, `vetoed` pairs never meet, `code` numbers identity codes (-1: none); `source`, if given,
    numbers sources of which a cluster has one record each; `size` says how many records each node is, `strong` what
    one link must weigh. The order of the pairs does not matter.
    """
    label = node = np.arange(count, dtype=np.int64)
    size = np.ones(count) if size is None else np.maximum(size, 1.0)
    held = _bit_of_each(source) if source is not None else np.zeros((count, 1), np.uint64)
    edges = _Edges(
        one, other, np.clip(weight, *BOUNDS), np.ones(len(one)), weight.astype(np.float64), vetoed
    ).relabelled(label)
    while True:
        # Most are settled soon: in each round, those that still have a link are numbered anew.
        linked = edges.ends(len(node))
        node, size, code, held = node[linked], size[linked], code[linked], held[linked]
        edges = edges.numbered(linked)
        foes = np.sort((edges.one * len(node) + edges.other)[edges.vetoed])
        edges.vetoed |= (
            (code[edges.one] >= 0)
            & (code[edges.other] >= 0)
            & (code[edges.one] != code[edges.other])
        )
        edges.vetoed |= (held[edges.one] & held[edges.other]).any(axis=1)
        joined, into = _mutual_best(edges, size, code, foes, strong)
        if not len(joined):
            return _roots(label)
        # `into` is the smaller of the two; nobody is in two pairs.
        size[into] += size[joined]
        code[into] = np.maximum(code[into], code[joined])
        held[into] |= held[joined]
        now = np.arange(len(node), dtype=np.int64)
        now[joined] = into
        label[node[joined]] = node[into]
        edges = edges.relabelled(now)


def _roots(label: Ints) -> Ints:
    """Of labels that name another member, and that one yet another: the last of each."""
    while not np.array_equal(shorter := label[label], label):
        label = shorter
    return label


def _bit_of_each(source: Ints) -> NDArray[np.uint64]:
    """(nodes, words): the bit of each node's source, 64 of them in a word."""
    held = np.zeros((len(source), int(source.max(initial=0)) // 64 + 1), np.uint64)
    held[np.arange(len(source)), source // 64] = np.uint64(1) << (source % 64).astype(np.uint64)
    return held


def _mutual_best(
    edges: _Edges, size: Floats, code: Ints, foes: Ints, strong: float
) -> tuple[Ints, Ints]:
    """The pairs of groups that are each other's best and may join: (larger, smaller). `foes` are vetoed pairs, as one number each."""
    count = len(size)
    everyone = size[edges.one] * size[edges.other]
    mean = (edges.total + UNSEEN * (everyone - edges.known)) / everyone
    fit = ~edges.vetoed & (mean >= CLEARLY_AGAINST) & (edges.best >= strong)
    contested = _contested(edges.one[fit], edges.other[fit], mean[fit], code, count)
    fit &= ~(contested[edges.one] & (code[edges.other] >= 0)) & ~(
        contested[edges.other] & (code[edges.one] >= 0)
    )
    torn = _torn(edges.one[fit], edges.other[fit], mean[fit], foes, count)
    fit &= ~torn[edges.one] & ~torn[edges.other]
    if not fit.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    one, other, mean = edges.one[fit], edges.other[fit], mean[fit]
    # Weights to two decimals: sums in another order must not decide.
    mean = np.round(mean, 2)
    ends, friend, near = (
        np.concatenate([one, other]),
        np.concatenate([other, one]),
        np.concatenate([mean, mean]),
    )
    several = np.bincount(ends, minlength=count)[ends] > 1
    best = np.full(count, -1, np.int64)
    best[ends[~several]] = friend[~several]
    ends, friend, near = ends[several], friend[several], near[several]
    order = np.lexsort((friend, -near, ends))
    first = order[begins(ends[order])]
    best[ends[first]] = friend[first]
    mutual = (best[one] == other) & (best[other] == one)
    return other[mutual], one[mutual]


def _contested(one: Ints, other: Ints, mean: Floats, code: Ints, count: int) -> Mask:
    """The groups without code that are about as near to one code as to another: nobody knows whose they are."""
    contested = np.zeros(count, np.bool_)
    group, coded = np.concatenate([one, other]), np.concatenate([other, one])
    near = np.concatenate([mean, mean])
    inside = (code[group] < 0) & (code[coded] >= 0)
    if not inside.any():
        return contested
    group, near, codes = group[inside], near[inside], code[coded[inside]]
    order = np.lexsort((-near, group))
    group, near, codes = group[order], near[order], codes[order]
    starts = np.flatnonzero(begins(group))
    lengths = np.diff(np.append(starts, len(group)))
    rival = (codes != np.repeat(codes[starts], lengths)) & (
        near >= np.repeat(near[starts], lengths) - RIVAL_MARGIN
    )
    contested[group[rival]] = True
    return contested


def _torn(one: Ints, other: Ints, mean: Floats, foes: Ints, count: int) -> Mask:
    """The groups that are about as near to one of two people as to the other, where a veto lies between those two."""
    torn = np.zeros(count, np.bool_)
    if not len(foes) or not len(one):
        return torn
    group, friend = np.concatenate([one, other]), np.concatenate([other, one])
    near = np.concatenate([mean, mean])
    # Who has one friend only is not torn.
    several = np.bincount(group, minlength=count)[group] > 1
    if not several.any():
        return torn
    group, friend, near = group[several], friend[several], near[several]
    order = np.lexsort((friend, -near, group))
    group, friend, near = group[order], friend[order], near[order]
    starts = np.flatnonzero(begins(group))
    lengths = np.diff(np.append(starts, len(group)))
    best, nearest = np.repeat(friend[starts], lengths), np.repeat(near[starts], lengths)
    pair = np.minimum(best, friend) * count + np.maximum(best, friend)
    place = np.minimum(np.searchsorted(foes, pair), len(foes) - 1)
    torn[group[(foes[place] == pair) & (near >= nearest - RIVAL_MARGIN)]] = True
    return torn
