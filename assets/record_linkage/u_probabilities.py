"""u probabilities: how often two random people agree on each level.

Exact from the frequency of each value; where levels are fuzzy, from a sample of random pairs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.comparison_levels import patterns
from assets.record_linkage.expectation_maximisation import (
    HOUSEHOLD,
    RANDOM,
    WIDTH,
    unpack_levels,
)
from assets.record_linkage.fields import Field, share_columns
from assets.record_linkage.model import Model
from assets.record_linkage.value_hashes import (
    HashArray,
    Positions,
    ValueHashes,
    combine,
    group_equal,
    group_repeated,
    map_parallel,
)
from assets.storage.relations import Relation, Scope

Floats = NDArray[np.float64]

RANDOM_PAIRS, MANY_RECORDS = 100_000, 100_000
"""The size of the sample, of at most so many records."""
UNIQUE = 0.2
"""The frequency of a unique value, in records: the population has more values than the table."""
UNIQUE_NUMBER = 0.01
"""Identity numbers are assigned to one person each: two people share one by mistake only."""
MIN_NEAR = {"email": 0.002, "phone": 0.0001, "number": 0.00002}
"""The least u probability of a fuzzy level: people of one name have similar e-mails, so that near
ones look rarer in random pairs than they are."""
PRIOR_RECORDS = 1000.0
"""The weight of a model's earlier frequencies, in records."""
NAMESAKES, NEIGHBOURS = 20_000, 5
"""So many pairs of one surname are compared, at most so many of a record."""
PRIOR_PAIRS = 100.0
"""The weight of no dependence, in pairs."""
MAX_DEPENDENCE = 0.98

SHARES = Relation(
    name="linkage_shares",
    summary="Of each record the share of records with the same value, by column.",
    columns={"id": "INTEGER"},
    reads=("linkage_records",),
    scope=Scope.GLOBAL,
    merge="Shares are those of the records of all shards.",
    external=True,
)


def unique_frequency(column: str) -> float:
    """The frequency of a unique value of the column, in records."""
    return UNIQUE_NUMBER if column == "number" else UNIQUE


@dataclass(frozen=True)
class ValueShares:
    """How frequent the records' values are, by column.

    A record does not count itself; a value of two records is as rare as a unique one.

    Attributes:
        ids: (records,)
        log2: (records,): log2 of the share of each record's value.
        agreement: The probability that two random records have the same value.
        rare: By column, log2 of the share of a value that is not frequent.
        dependence: By field, how far it follows from the family name (surname_dependence.py).
    """

    ids: NDArray[np.int64]
    log2: dict[str, NDArray[np.float32]]
    agreement: dict[str, float]
    rare: dict[str, float]
    dependence: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def publish(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make `linkage_shares(id, <column>_share ...)`."""
        shares = pa.table(
            {
                "id": self.ids.astype(np.int32),
                **{f"{column}_share": log2 for column, log2 in self.log2.items()},
            }
        )
        connection.register("linkage_counted", shares)
        connection.execute(f"{SHARES.create} AS FROM linkage_counted")
        connection.unregister("linkage_counted")


def value_shares(
    hashes: ValueHashes,
    fields: Iterable[Field],
    prior: Mapping[str, float] | None = None,
    people: Positions | None = None,
) -> ValueShares:
    """The exact shares of the records' values; exact copies count once.

    Args:
        prior: The agreement of each column in other data, which smooths the shares of few records.
        people: (records,): the cluster of each record, if a value is counted once for each: a name
            is not frequent because one person has many records.
    """
    columns = share_columns(tuple(fields))
    hashes.load(columns)
    shares = dict(
        zip(
            columns,
            map_parallel(
                lambda column: _shares(
                    hashes.single(column),
                    prior[column] if prior else None,
                    unique_frequency(column),
                    hashes.distinct,
                    people,
                ),
                columns,
            ),
            strict=True,
        )
    )
    return ValueShares(
        hashes.ids,
        {column: log2 for column, (log2, _, _) in shares.items()},
        {column: agreement for column, (_, agreement, _) in shares.items()},
        {column: rare for column, (_, _, rare) in shares.items()},
    )


def _shares(
    values: HashArray,
    prior: float | None,
    unique: float,
    distinct: Positions,
    people: Positions | None,
) -> tuple[NDArray[np.float32], float, float]:
    """Log2 of each value's share, the probability that two random values are equal, and log2 of
    the share of a rare value."""
    counted = np.zeros(len(values), np.bool_)
    counted[distinct] = True
    if people is not None:
        # Equal values are found by their high bits.
        spread = people.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        order, starts, _ = group_equal(combine(values, spread))
        counted[:] = False
        counted[order[starts]] = True
    counts = np.where(values != 0, occurrences(values, counted), 0)
    counted &= values != 0
    filled = float(np.count_nonzero(counted))
    # Few values are weak evidence of how seldom values are equal.
    agreement = max(float((counts[counted] - 1).sum()), 1.0) / max(
        filled * (filled - 1), 2.0 * len(values), 1.0
    )
    more, others = (0.0, 0.0) if prior is None else (PRIOR_RECORDS * prior, PRIOR_RECORDS)
    # One logarithm per count, not per record.
    count = np.arange(int(counts.max(initial=0)) + 1, dtype=np.float64)
    # Of two records with a value, both may be one person's.
    if people is None:
        frequency = np.where(count > 2, count - 1, unique) + more
    else:
        frequency = np.maximum(count - 1, 1.0) + more
    log2 = np.log2(frequency / max(filled + others, 1.0)).astype(np.float32)
    rare = float(np.log2(unique / max(filled, 1.0)))
    return log2[counts], agreement, rare if people is None else max(rare, float(log2[0]))


def occurrences(values: HashArray, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(values,): how often each value occurs in the `counted` positions."""
    order, starts, sizes = group_equal(values)
    counts = np.empty(len(values), np.int64)
    if len(values):
        times = np.add.reduceat(counted[order].astype(np.int64), starts)
        counts[order] = np.repeat(times, sizes)
    return counts


def estimate_u(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    fields: Sequence[Field],
    agreement: dict[str, float],
    people: Positions | None = None,
) -> Floats:
    """The u probability of each level among comparable pairs: (fields, 8), 1 for unused levels.

    Args:
        agreement: By column, the probability that two random records have the same value.
        people: (records,): the cluster of each record, if pairs of one cluster are left out.
    """
    u = np.ones((len(fields), WIDTH))
    records = len(hashes)
    counts = _count_random_pairs(connection, hashes, tuple(fields), people)
    for position, field in enumerate(fields):
        size = len(field.levels)
        observed = counts[position, 1 : size + 1]
        smoothed = (observed + 0.5 / size) / (observed.sum() + 0.5)
        for number, level in enumerate(field.levels[:-1]):
            if level.share:
                smoothed[number] = (
                    agreement[level.share] if number == 0 else max(smoothed[number], 1e-7)
                )
            elif number > 0 and field.name in MIN_NEAR:
                smoothed[number] = max(smoothed[number], MIN_NEAR[field.name])
        smoothed = np.maximum(smoothed, UNIQUE / max(records, 2))
        smoothed[-1] = max(1.0 - smoothed[:-1].sum(), 0.02)
        u[position, 1 : size + 1] = smoothed / smoothed.sum()
    return u


def _count_random_pairs(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    fields: tuple[Field, ...],
    people: Positions | None,
) -> Floats:
    """How many random pairs have each level: (fields, 8).

    Ids follow a hash, so that records a third of the table apart are a random pair; neighbours
    may be copies.
    """
    records = min(len(hashes), MANY_RECORDS)
    partners = max(1, min(records - 1, RANDOM_PAIRS // max(records, 1)))
    left, step = np.divmod(np.arange(records * partners), partners)
    right = (left + 1 + (records // 3 + step) % max(records - 1, 1)) % max(records, 1)
    if people is not None:
        two = people[left] != people[right]
        left, right = left[two], right[two]
    levels = unpack_levels(
        patterns(connection, hashes, fields, hashes.ids[left], hashes.ids[right]), len(fields)
    )
    return np.stack(
        [np.bincount(levels[:, position], minlength=WIDTH) for position in range(len(fields))]
    ).astype(np.float64)


def estimate_dependence(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    fields: Sequence[Field],
    agreement: Mapping[str, float],
) -> dict[str, float]:
    """By field with shares of values, its dependence on the family name, from 0 to 1.

    Args:
        agreement: By column, the probability that two random records have the same value.
    """
    position = {field.name: number for number, field in enumerate(fields)}
    # The parts of an address depend on each other: people of one home are a kind of pair.
    home = position.keys() & {"street", "postcode"}
    dependent = [
        field
        for field in fields
        if field.shared
        and field.levels[0].share
        and field.name != "family"
        and not (home and field.group == "place")
    ]
    if "family" not in position or not dependent:
        return {}
    family = hashes.single("family")
    left, right = equal_pairs(hashes, family, np.flatnonzero(family))
    levels = unpack_levels(
        patterns(connection, hashes, fields, hashes.ids[left], hashes.ids[right]), len(fields)
    )
    # One person's records may differ in one of the person's own facts, hardly in all of them.
    own = [position[name] for name in ("given", "born", "number") if name in position]
    differs = [levels[:, number] == len(fields[number].levels) for number in own]
    two_people = np.logical_and.reduce(differs) if own else np.zeros(len(left), np.bool_)
    two_people &= ~_live_together(fields, levels)
    dependence = {}
    for field in dependent:
        number, column = position[field.name], field.levels[0].share
        known = two_people & (levels[:, number] > 0)
        usual, pairs = agreement[column], float(np.count_nonzero(known))
        equal = float(np.count_nonzero(levels[known, number] == 1))
        share = (equal + PRIOR_PAIRS * usual) / (pairs + PRIOR_PAIRS)
        more = (share - usual) / (1 - usual)
        dependence[field.name] = round(float(np.clip(more, 0, MAX_DEPENDENCE)), 6)
    return dependence


def equal_pairs(
    hashes: ValueHashes, values: HashArray, positions: Positions
) -> tuple[Positions, Positions]:
    """Positions of pairs of records, of those at `positions`, with one value, at random."""
    positions = np.intersect1d(positions, hashes.distinct)
    order, starts, sizes = group_repeated(values[positions])
    run = np.repeat(np.arange(len(starts)), sizes)
    left, right = [], []
    for step in range(1, NEIGHBOURS + 1):
        at = np.flatnonzero(run[:-step] == run[step:])
        left.append(positions[order[at]])
        right.append(positions[order[at + step]])
    both = np.concatenate(left), np.concatenate(right)
    chosen = np.linspace(0, len(both[0]) - 1, min(NAMESAKES, len(both[0]))).astype(np.int64)
    return both[0][chosen], both[1][chosen]


def share_of_matches(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    fields: Sequence[Field],
    model: Model,
    left: Positions,
    right: Positions,
) -> float:
    """How many of these namesakes are one person, as what else is known of them agrees: between the
    rates of random pairs and of matches.

    Args:
        left: Positions of one record of each pair; `right` of the other.
    """
    levels = unpack_levels(
        patterns(connection, hashes, fields, hashes.ids[left], hashes.ids[right]), len(fields)
    )
    share = model.priors[:HOUSEHOLD] / model.priors[:HOUSEHOLD].sum()
    more = most = 0.0
    for number, field in enumerate(fields):
        if field.group in ("name", "born"):
            continue
        known = levels[:, number] > 0
        match = float(share @ model.theta[:HOUSEHOLD, number, 1])
        usual = float(model.theta[RANDOM, number, 1])
        more += float(np.count_nonzero(levels[known, number] == 1)) - known.sum() * usual
        most += float(known.sum()) * max(match - usual, 0.0)
    return more / most if most else 0.0


def _live_together(fields: Sequence[Field], levels: Positions) -> NDArray[np.bool_]:
    """(rows,): whether a home or a contact is the same: a household, which is a kind of pair."""
    position = {field.name: number for number, field in enumerate(fields)}

    def same(name: str) -> NDArray[np.bool_]:
        there = name in position
        return levels[:, position[name]] == 1 if there else np.zeros(len(levels), np.bool_)

    home = same("street") & (same("house") if "house" in position else True)
    mask: NDArray[np.bool_] = home | same("email") | same("phone")
    return mask
