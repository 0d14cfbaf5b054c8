"""What agreement weighs: Fellegi and Sunter's model with three kinds of pair, learned without labels.

A pair is a *match* (one person), two people of one *household*, or *random*. Matches come in three sorts: the
*careful*, those who have *moved*, in whom all parts of the address change together, and the *careless*: who has one field wrong
has others wrong more often, and one sort alone would take that for two people. Given its kind, fields agree independently of each other. How
random pairs agree is counted exactly (chance.py) and stays; how matches and households agree is learned by expectation
maximisation over all candidate pairs at once. Each pass is a world of its own, with its own mix of the three kinds, in
which only the fields that the pass did not select by are looked at: what was selected by says nothing of the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.fields import BITS, Field

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_PAIRS = 40.0
"""What is believed beforehand weighs as much as so many pairs."""
DIFFER_PERSONAL, DIFFER_SHARED = 0.25, 0.4
"""At most so many pairs of one person differ in a field that both have; fewer in what only that person has."""
STAYED = 0.1
"""Of those who have moved, as many are believed to agree on a part of the address other than by chance."""
ROUNDS = 60
SETTLED = 1e-5
LEAST = 1e-6
WIDTH = 1 << BITS
CAREFUL, MOVED, CARELESS, HOUSEHOLD, RANDOM = range(5)
MATCHES = (CAREFUL, MOVED, CARELESS)
KINDS = 5


@dataclass(frozen=True)
class Counted:
    """Candidate pairs counted: rows of the passes that found them (bits), the levels by field, what is known, how many.

    `known`: 1 one person, -1 two, 0 unknown. `levels` is (rows, fields).
    """

    passes: Ints
    levels: Ints
    known: Ints
    pairs: Floats


def levels_of(pattern: NDArray[np.uint64], fields: int) -> Ints:
    """Patterns taken apart: (rows, fields)."""
    shifts = (np.arange(fields) * BITS).astype(np.uint64)
    return ((pattern[:, None] >> shifts) & np.uint64(WIDTH - 1)).astype(np.int64)


def beginnings(fields: Sequence[Field], chance: Floats) -> Floats:
    """The distributions to begin with, (kinds, fields, 8): level 0 (missing) says nothing, levels that do not exist neither.

    Where a field is not shared by households, two of a household agree on it by chance, or as rarely as is believed.
    """
    theta = np.ones((KINDS, len(fields), WIDTH))
    theta[RANDOM] = chance
    for place, field in enumerate(fields):
        several = slice(1, len(field.levels) + 1)
        match, household = (
            np.asarray([getattr(level, kind) for level in field.levels])
            for kind in ("match", "household")
        )
        for kind, said in (
            (CAREFUL, match),
            (MOVED, match),
            (CARELESS, np.sqrt(match)),
            (HOUSEHOLD, household),
        ):
            theta[kind, place, several] = said / said.sum()
        if field.group == "place":
            theta[MOVED, place] = STAYED * theta[CAREFUL, place] + (1 - STAYED) * chance[place]
    return theta


def log_likelihood(
    theta: Floats, levels: Ints, looked_at: NDArray[np.bool_] | None = None
) -> Floats:
    """Natural logarithms of how likely the levels are in each kind: (kinds, rows)."""
    logs = np.log(np.maximum(theta, LEAST * LEAST))
    logs[:, :, 0] = 0.0
    fields = np.arange(levels.shape[1]) if looked_at is None else np.flatnonzero(looked_at)
    found = np.zeros((KINDS, len(levels)))
    for field in fields:
        found += logs[:, field, levels[:, field]]
    return found


def learn(
    fields: Sequence[Field], counted: Counted, held_out: Sequence[frozenset[str]], chance: Floats
) -> Floats:
    """The distributions, (kinds, fields, 8), learned from all passes; `held_out` names each pass's own fields."""
    believed = beginnings(fields, chance)
    theta = believed.copy()
    worlds = [_world(fields, counted, number, own) for number, own in enumerate(held_out)]
    worlds = [
        world
        for world in worlds
        if len(world.pairs) and world.looked_at.any() and not world.looked_at.all()
    ]
    mixes = [np.array([0.2, 0.05, 0.1, 0.15, 0.5]) for _ in worlds]
    shared = np.array([field.shared for field in fields])
    moves = np.array([field.group == "place" for field in fields])
    for _ in range(ROUNDS):
        heaps = np.zeros_like(theta)
        for number, world in enumerate(worlds):
            mixes[number] = _expect(world, theta, mixes[number], heaps)
        # Who has moved is as careful as who has not.
        heaps[CAREFUL:CARELESS, ~moves] = heaps[CAREFUL:CARELESS, ~moves].sum(axis=0)
        after = _maximise(heaps, believed, shared, moves)
        after[RANDOM] = chance
        moved = float(np.abs(after - theta).max())
        theta = after
        if moved < SETTLED:
            break
    return theta


@dataclass(frozen=True)
class _World:
    """The pairs of one pass, by the levels of the fields it did not select by."""

    looked_at: NDArray[np.bool_]
    levels: Ints
    known: Ints
    pairs: Floats


def _world(fields: Sequence[Field], counted: Counted, number: int, own: frozenset[str]) -> _World:
    looked_at = np.array([not ({field.name, field.group} & own) for field in fields])
    inside = (counted.passes >> number) & 1 == 1
    levels = np.where(looked_at, counted.levels[inside], 0)
    keys = (levels << (np.arange(len(fields)) * BITS)).sum(axis=1) * 3 + counted.known[inside] + 1
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    pairs = np.bincount(which, counted.pairs[inside], minlength=len(first)).astype(np.float64)
    return _World(looked_at, levels[first], counted.known[inside][first], pairs)


def _expect(world: _World, theta: Floats, mix: Floats, heaps: Floats) -> Floats:
    """Share every pair out over the three kinds, heap up what was seen of each; answers the pass's new mix."""
    logs = log_likelihood(theta, world.levels, world.looked_at) + np.log(mix)[:, None]
    logs[:HOUSEHOLD, world.known < 0] = -np.inf
    logs[HOUSEHOLD:, world.known > 0] = -np.inf
    logs -= logs.max(axis=0)
    share = np.exp(logs)
    share *= world.pairs / share.sum(axis=0)
    for field in np.flatnonzero(world.looked_at):
        for kind in range(RANDOM):
            heaps[kind, field] += np.bincount(world.levels[:, field], share[kind], minlength=WIDTH)
    total = share.sum(axis=1) + 1.0
    answer: Floats = _mostly_careful(total) / total.sum()
    return answer


def _mostly_careful(mix: Floats) -> Floats:
    """With no more careless matches than others: a sort that has taken over has found something else than carelessness."""
    bounded = mix.copy()
    bounded[CARELESS] = min(mix[CARELESS], mix[CAREFUL] + mix[MOVED])
    return bounded


def _maximise(
    heaps: Floats, believed: Floats, shared: NDArray[np.bool_], moves: NDArray[np.bool_]
) -> Floats:
    after = believed.copy()
    for kind in range(RANDOM):
        seen = heaps[kind].copy()
        seen[:, 0] = 0.0
        prior = believed[kind].copy()
        prior[:, 0] = 0.0
        there = (prior < 1.0) & (np.arange(WIDTH) > 0)
        if kind == HOUSEHOLD:
            # Two of a household mostly agree on what households share: a kind that has found anything else leaves households to the matches.
            seen = _bounded(seen, prior, shared)
        elif kind in MATCHES:
            seen = np.where(
                (moves if kind == MOVED else False * moves)[:, None],
                seen,
                _bounded(seen, prior, shared),
            )
        learned = (seen + PRIOR_PAIRS * prior) / (seen.sum(axis=1, keepdims=True) + PRIOR_PAIRS)
        changes = there & (shared[:, None] if kind == HOUSEHOLD else True)
        after[kind] = np.where(changes, np.maximum(learned, LEAST), believed[kind])
    return after


def _bounded(seen: Floats, prior: Floats, shared: NDArray[np.bool_]) -> Floats:
    """Of one person's pairs most agree, more or less, in each field: a mixture that has found anything else has not found people."""
    last = ((prior > 0) & (prior < 1)).sum(axis=1)
    fields = np.arange(len(seen))
    most = np.where(shared, DIFFER_SHARED, DIFFER_PERSONAL)
    others = seen.sum(axis=1) - seen[fields, last]
    bounded = seen.copy()
    bounded[fields, last] = np.minimum(seen[fields, last], others * most / (1 - most))
    return bounded


def mix_of(theta: Floats, counted: Counted, records: int) -> Floats:
    """Of all pairs of records, the share of each kind: what the candidates add up to.

    At least one record in a hundred thousand is believed to have a match, so that odds stay finite.
    """
    everything = max(records * (records - 1) / 2, 1.0)
    logs = log_likelihood(theta, counted.levels)
    mix = np.array([0.1, 0.05, 0.05, 0.2, 0.0]) * records / everything
    mix = np.maximum(mix, LEAST * LEAST)
    least = max(1e-5 * records, 0.5) / everything
    for _ in range(40):
        mix[RANDOM] = max(1.0 - mix[:RANDOM].sum(), 0.5)
        mixed = logs + np.log(mix)[:, None]
        mixed[:HOUSEHOLD, counted.known < 0] = -np.inf
        mixed[HOUSEHOLD:, counted.known > 0] = -np.inf
        mixed -= mixed.max(axis=0)
        share = np.exp(mixed)
        share *= counted.pairs / share.sum(axis=0)
        mix = _mostly_careful(np.maximum(share.sum(axis=1) / everything, least))
    mix[RANDOM] = max(1.0 - mix[:RANDOM].sum(), 0.5)
    return mix
