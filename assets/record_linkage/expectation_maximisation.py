"""Fellegi and Sunter's model with five kinds of pair, estimated without labels.

A pair is a *match* (one person), two people of one *household*, or *random*. Matches are of three
kinds: the *careful*, those who have *moved*, where all parts of the address change together, and
the *careless*: an error in one field makes errors in others more likely, and with one kind of match
alone such pairs would count as two people. Given its kind, the fields of a pair agree independently
of each other. The probabilities of random pairs (u) are counted (u_probabilities.py) and fixed;
those of matches (m) and households are estimated by expectation maximisation over all candidate
pairs at once. Each blocking rule has its own proportions of the kinds, and only the fields that the
rule does not use are evidence in it, because it has selected its pairs by the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.record_linkage.fields import LEVEL_BITS, Field
from assets.record_linkage.surname_dependence import of_one_surname, random_correction

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR_PAIRS = 40.0
"""The weight of the prior probabilities, in pairs."""
DIFFER_PERSONAL, DIFFER_SHARED = 0.25, 0.4
"""The largest share of matches that differ in a field: one of the person's own, or of the
household's."""
STAYED = 0.1
"""The prior share of *moved* pairs that agree on a part of the address other than at random."""
ROUNDS = 60
CONVERGED = 1e-5
MIN_PROBABILITY = 1e-6
WIDTH = 1 << LEVEL_BITS
CAREFUL, MOVED, CARELESS, HOUSEHOLD, RANDOM = range(5)
MATCHES = (CAREFUL, MOVED, CARELESS)
KINDS = 5


@dataclass(frozen=True)
class PairCounts:
    """Candidate pairs, counted by pattern.

    Attributes:
        rules: (rows,): the blocking rules that found the pairs, a bit for each.
        levels: (rows, fields): the level of each field.
        known: (rows,): 1 one person, -1 two, 0 unknown.
        pairs: (rows,): how many pairs.
    """

    rules: Ints
    levels: Ints
    known: Ints
    pairs: Floats


def unpack_levels(pattern: NDArray[np.uint64], fields: int) -> Ints:
    """(rows, fields): the levels of patterns."""
    shifts = (np.arange(fields) * LEVEL_BITS).astype(np.uint64)
    return ((pattern[:, None] >> shifts) & np.uint64(WIDTH - 1)).astype(np.int64)


def initial_probabilities(fields: Sequence[Field], random: Floats) -> Floats:
    """The initial and prior probabilities, (kinds, fields, 8); 1 for *missing* and unused levels.

    Args:
        random: (fields, 8): the u probabilities.
    """
    theta = np.ones((KINDS, len(fields), WIDTH))
    theta[RANDOM] = random
    for position, field in enumerate(fields):
        used = slice(1, len(field.levels) + 1)
        match, household = (
            np.asarray([getattr(level, kind) for level in field.levels])
            for kind in ("match", "household")
        )
        for kind, weights in (
            (CAREFUL, match),
            (MOVED, match),
            (CARELESS, np.sqrt(match)),
            (HOUSEHOLD, household),
        ):
            theta[kind, position, used] = weights / weights.sum()
        if field.group == "place":
            theta[MOVED, position] = (
                STAYED * theta[CAREFUL, position] + (1 - STAYED) * random[position]
            )
    return theta


def log_likelihood(
    theta: Floats, levels: Ints, evidence: NDArray[np.bool_] | None = None
) -> Floats:
    """The natural logarithm of the likelihood of the levels in each kind of pair.

    Args:
        evidence: (fields,): the fields to count; all, if not given.

    Returns:
        (kinds, rows)
    """
    logs = np.log(np.maximum(theta, MIN_PROBABILITY * MIN_PROBABILITY))
    logs[:, :, 0] = 0.0
    fields = np.arange(levels.shape[1]) if evidence is None else np.flatnonzero(evidence)
    total = np.zeros((KINDS, len(levels)))
    for field in fields:
        total += logs[:, field, levels[:, field]]
    return total


def estimate(
    fields: Sequence[Field],
    counts: PairCounts,
    rule_fields: Sequence[frozenset[str]],
    random: Floats,
    dependence: Mapping[str, float] | None = None,
) -> Floats:
    """Estimate the probabilities of the levels, (kinds, fields, 8), from the pairs of all rules.

    Args:
        rule_fields: The names of the fields that each rule uses.
        random: (fields, 8): the u probabilities.
        dependence: By field, how far it follows from the family name.
    """
    prior = initial_probabilities(fields, random)
    theta = prior.copy()
    rules = [
        _pairs_of_rule(fields, counts, number, used, random, dependence or {})
        for number, used in enumerate(rule_fields)
    ]
    rules = [
        pairs
        for pairs in rules
        if len(pairs.pairs) and pairs.evidence.any() and not pairs.evidence.all()
    ]
    proportions = [np.array([0.2, 0.05, 0.1, 0.15, 0.5]) for _ in rules]
    shared = np.array([field.shared for field in fields])
    address = np.array([field.group == "place" for field in fields])
    for _ in range(ROUNDS):
        expected = np.zeros_like(theta)
        for number, pairs in enumerate(rules):
            proportions[number] = _expect(pairs, theta, proportions[number], expected)
        # People who have moved are as careful as those who have not.
        expected[CAREFUL:CARELESS, ~address] = expected[CAREFUL:CARELESS, ~address].sum(axis=0)
        previous, theta = theta, _maximise(expected, prior, shared, address)
        theta[RANDOM] = random
        if float(np.abs(theta - previous).max()) < CONVERGED:
            break
    return theta


@dataclass(frozen=True)
class _RulePairs:
    """The pairs of one rule, by the levels of the fields that it does not use (`evidence`);
    `correction` is what dependence on the family name adds to the log likelihood of random ones."""

    evidence: NDArray[np.bool_]
    levels: Ints
    known: Ints
    pairs: Floats
    correction: Floats


def _pairs_of_rule(
    fields: Sequence[Field],
    counts: PairCounts,
    number: int,
    used: frozenset[str],
    random: Floats,
    dependence: Mapping[str, float],
) -> _RulePairs:
    evidence = np.array([not ({field.name, field.group} & used) for field in fields])
    inside = (counts.rules >> number) & 1 == 1
    levels = np.where(evidence, counts.levels[inside], 0)
    one_surname = of_one_surname(fields, counts.levels[inside])
    keys = (levels << (np.arange(len(fields)) * LEVEL_BITS)).sum(axis=1) * 6
    keys += (counts.known[inside] + 1) * 2 + one_surname
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    pairs = np.bincount(which, counts.pairs[inside], minlength=len(first)).astype(np.float64)
    correction = random_correction(fields, dependence, random, levels[first], one_surname[first])
    return _RulePairs(evidence, levels[first], counts.known[inside][first], pairs, correction)


def _posterior(logs: Floats, known: Ints, pairs: Floats) -> Floats:
    """(kinds, rows): the pairs divided over the kinds in proportion to their joint likelihoods."""
    logs[:HOUSEHOLD, known < 0] = -np.inf
    logs[HOUSEHOLD:, known > 0] = -np.inf
    logs -= logs.max(axis=0)
    share = np.exp(logs)
    share *= pairs / share.sum(axis=0)
    return share


def _expect(pairs: _RulePairs, theta: Floats, proportions: Floats, expected: Floats) -> Floats:
    """Add the expected counts of each kind's levels to `expected`; returns the new proportions."""
    logs = log_likelihood(theta, pairs.levels, pairs.evidence) + np.log(proportions)[:, None]
    logs[RANDOM] += pairs.correction
    share = _posterior(logs, pairs.known, pairs.pairs)
    for field in np.flatnonzero(pairs.evidence):
        for kind in range(RANDOM):
            expected[kind, field] += np.bincount(
                pairs.levels[:, field], share[kind], minlength=WIDTH
            )
    total = share.sum(axis=1) + 1.0
    updated: Floats = _cap_careless(total) / total.sum()
    return updated


def _cap_careless(proportions: Floats) -> Floats:
    """Proportions with no more careless matches than others.

    A kind that has absorbed more describes something else than carelessness.
    """
    capped = proportions.copy()
    capped[CARELESS] = min(proportions[CARELESS], proportions[CAREFUL] + proportions[MOVED])
    return capped


def _maximise(
    expected: Floats, prior: Floats, shared: NDArray[np.bool_], address: NDArray[np.bool_]
) -> Floats:
    """The probabilities that fit the expected counts and the prior best, (kinds, fields, 8)."""
    theta = prior.copy()
    for kind in range(RANDOM):
        counts = expected[kind].copy()
        counts[:, 0] = 0.0
        believed = prior[kind].copy()
        believed[:, 0] = 0.0
        used = (believed < 1.0) & (np.arange(WIDTH) > 0)
        # Two of a household mostly agree on what households share: without the cap, a kind that
        # has absorbed other pairs would leave households to the matches.
        capped = _cap_disagreement(counts, believed, shared)
        counts = np.where(address[:, None], counts, capped) if kind == MOVED else capped
        updated = (counts + PRIOR_PAIRS * believed) / (
            counts.sum(axis=1, keepdims=True) + PRIOR_PAIRS
        )
        estimated = used & (shared[:, None] if kind == HOUSEHOLD else True)
        theta[kind] = np.where(estimated, np.maximum(updated, MIN_PROBABILITY), prior[kind])
    return theta


def _cap_disagreement(counts: Floats, prior: Floats, shared: NDArray[np.bool_]) -> Floats:
    """Counts in which most pairs agree, more or less, in each field.

    A kind of pair that differs more often does not describe one person or household.
    """
    last = ((prior > 0) & (prior < 1)).sum(axis=1)
    fields = np.arange(len(counts))
    most = np.where(shared, DIFFER_SHARED, DIFFER_PERSONAL)
    others = counts.sum(axis=1) - counts[fields, last]
    capped = counts.copy()
    capped[fields, last] = np.minimum(counts[fields, last], others * most / (1 - most))
    return capped


def estimate_priors(
    theta: Floats,
    counts: PairCounts,
    records: int,
    all_pairs: float,
    fields: Sequence[Field],
    dependence: Mapping[str, float] | None = None,
) -> Floats:
    """The share of each kind in all pairs that can match, (kinds,), as the candidates add up.

    At least one record in a hundred thousand counts as having a match, so that odds stay finite.

    Args:
        all_pairs: How many pairs of records can match: not those of one source, where only records
            of different sources are linked.
        dependence: As for `estimate`.
    """
    all_pairs = max(all_pairs, 1.0)
    logs = log_likelihood(theta, counts.levels)
    one_surname = of_one_surname(fields, counts.levels)
    logs[RANDOM] += random_correction(
        fields, dependence or {}, theta[RANDOM], counts.levels, one_surname
    )
    priors = np.array([0.1, 0.05, 0.05, 0.2, 0.0]) * records / all_pairs
    priors = np.maximum(priors, MIN_PROBABILITY * MIN_PROBABILITY)
    least = max(1e-5 * records, 0.5) / all_pairs
    for _ in range(40):
        priors[RANDOM] = max(1.0 - priors[:RANDOM].sum(), 0.5)
        share = _posterior(logs + np.log(priors)[:, None], counts.known, counts.pairs)
        priors = _cap_careless(np.maximum(share.sum(axis=1) / all_pairs, least))
    priors[RANDOM] = max(1.0 - priors[:RANDOM].sum(), 0.5)
    return priors
