"""Candidate pairs compared and scored: levels first, then match weights in bits by the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.comparison_levels import patterns
from assets.record_linkage.expectation_maximisation import (
    HOUSEHOLD,
    RANDOM,
    WIDTH,
    PairCounts,
    log_likelihood,
    unpack_levels,
)
from assets.record_linkage.fields import LEVEL_BITS, Field
from assets.record_linkage.model import Model
from assets.record_linkage.surname_dependence import of_one_surname, random_correction
from assets.record_linkage.two_names import mark_two_names, two_names
from assets.record_linkage.u_probabilities import ValueShares
from assets.record_linkage.value_hashes import HashArray, Positions, ValueHashes

NEVER = 100.0
"""Bits that nothing outweighs."""
RELIABLE_NAMES = 0.05
"""First names are reliable where at most this share of matches differs in them."""
BOTH_SHARES = """JOIN linkage_shares AS ls ON ls.id = one
    JOIN linkage_shares AS rs ON rs.id = other"""
LOG2E = float(np.log2(np.e))


def share_sum(fields: Sequence[Field], *, shared: bool) -> str:
    """SQL: the sum of log2 of the shares of the values that agree, over the fields that households
    share, or do not."""
    parts = [
        f"CASE WHEN (pattern >> {LEVEL_BITS * position}) & 7 = {number}"
        f" THEN {level.share}_share ELSE 0 END"
        for position, field in enumerate(fields)
        if field.shared == shared
        for number, level in enumerate(field.levels, 1)
        if level.share
    ]
    return f"({' + '.join(parts)})::FLOAT" if parts else "0::FLOAT"


def compare(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    shares: ValueShares,
    fields: tuple[Field, ...],
    pairs: str,
    into: str,
) -> None:
    """Make `into(one, other, passes, pattern, rare_personal, rare_shared)` of the pairs.

    Args:
        pairs: A table (one, other, passes).
    """
    rows = connection.execute(f"SELECT one, other, passes FROM {pairs}").fetchnumpy()
    left, right = (np.asarray(rows[name], np.int64) for name in ("one", "other"))
    pattern = mark_two_names(
        connection,
        hashes,
        shares,
        fields,
        hashes.positions(left),
        hashes.positions(right),
        patterns(connection, hashes, fields, left, right),
    )
    _write(connection, hashes, shares, fields, rows, pattern, into)


def compare_again(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    shares: ValueShares,
    fields: tuple[Field, ...],
    pairs: str,
    into: str,
    without: str = "",
) -> None:
    """Make `into`, as `compare`, of compared pairs, by other shares.

    Args:
        without: The name of a field that becomes *missing* in all of them.
    """
    rows = connection.execute(f"SELECT one, other, passes, pattern FROM {pairs}").fetchnumpy()
    pattern = np.asarray(rows["pattern"], np.uint64)
    if without:
        position = [compared.name for compared in fields].index(without)
        pattern &= ~np.uint64((WIDTH - 1) << (LEVEL_BITS * position))
    _write(connection, hashes, shares, fields, rows, pattern, into)


def _write(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    shares: ValueShares,
    fields: tuple[Field, ...],
    rows: Mapping[str, Any],
    pattern: HashArray,
    into: str,
) -> None:
    positions = hashes.positions(np.asarray(rows["one"], np.int64))
    compared = {
        "one": np.asarray(rows["one"], np.int32),
        "other": np.asarray(rows["other"], np.int32),
        "passes": np.asarray(rows["passes"], np.uint32),
        "pattern": pattern,
        "rare_personal": _share_sum(fields, shares, positions, pattern, shared=False),
        "rare_shared": _share_sum(fields, shares, positions, pattern, shared=True),
    }
    connection.register("linkage_patterns", pa.table(compared))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS FROM linkage_patterns")
    connection.unregister("linkage_patterns")


def _share_sum(
    fields: tuple[Field, ...],
    shares: ValueShares,
    positions: Positions,
    pattern: HashArray,
    *,
    shared: bool,
) -> NDArray[np.float32]:
    """As `share_sum`: the values agree, so that both records have the same share."""
    total = np.zeros(len(pattern), np.float32)
    levels = unpack_levels(pattern, len(fields))
    one_surname = of_one_surname(fields, levels)
    for position, field in enumerate(fields):
        for number, level in enumerate(field.levels, 1):
            if level.share and field.shared == shared:
                agrees = levels[:, position] == number
                share = shares.log2[level.share][positions[agrees]]
                if c := shares.dependence.get(field.name, 0.0):
                    conditional = np.log2(c + (1 - c) * np.exp2(share))
                    share = np.where(one_surname[agrees], conditional, share)
                total[agrees] += share
    return total


def count_pairs(
    connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], compared: str
) -> PairCounts:
    """The compared pairs, counted by blocking rules, pattern, and what their codes imply."""
    rows = connection.execute(
        f"""SELECT passes, pattern, known, count(*)::DOUBLE AS n
        FROM (
            SELECT
                passes,
                pattern,
                CASE WHEN l.code = r.code THEN 1 WHEN l.code <> r.code THEN -1 ELSE 0 END AS known
            FROM {compared}
            LEFT JOIN linkage_codes AS l ON l.id = one
            LEFT JOIN linkage_codes AS r ON r.id = other)
        GROUP BY ALL
        ORDER BY ALL"""
    ).fetchnumpy()
    return PairCounts(
        np.asarray(rows["passes"], np.int64),
        unpack_levels(np.asarray(rows["pattern"], np.uint64), len(fields)),
        np.asarray(rows["known"], np.int64),
        np.asarray(rows["n"], np.float64),
    )


def score(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    model: Model,
    compared: str,
    into: str,
    *,
    marked: bool = True,
) -> None:
    """Make `into(one, other, passes, pattern, weight)`: log2 of the odds of a match, to two
    decimals.

    Args:
        marked: Whether the patterns have `TWO_NAMES`, without which a different first name is none
            of a twin.
    """
    rows = connection.execute(
        f"SELECT DISTINCT pattern FROM {compared} ORDER BY pattern"
    ).fetchnumpy()
    pattern = np.asarray(rows["pattern"], np.uint64)
    levels = unpack_levels(pattern, len(fields))
    logs = log_likelihood(model.theta, levels) * LOG2E + np.log2(model.priors)[:, None]
    logs[RANDOM] += LOG2E * random_correction(
        fields, model.dependence, model.theta[RANDOM], levels, of_one_surname(fields, levels)
    )
    personal, shared = _average_shares(fields, model, levels)
    match = np.logaddexp2.reduce(logs[:HOUSEHOLD], axis=0)
    by_pattern = pa.table(
        {
            "pattern": pattern,
            "match_bits": np.where(
                twins(fields, model, levels, two_names(pattern) if marked else None),
                match - NEVER,
                match,
            ),
            # The share of the agreeing value replaces the average share of the column.
            "household_bits": logs[HOUSEHOLD] - personal,
            "random_bits": logs[RANDOM] - personal - shared,
        }
    )
    connection.register("linkage_weights", by_pattern)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {into} AS
        SELECT
            one,
            other,
            passes,
            pattern,
            round(
                {model.slope} * (
                    match_bits - greatest(household, random)
                    - log2(1 + pow(2, -abs(household - random)))) + {model.offset},
                2)::FLOAT AS weight
        FROM (
            SELECT
                one,
                other,
                passes,
                pattern,
                match_bits,
                household_bits + rare_personal AS household,
                random_bits + rare_personal + rare_shared AS random
            FROM {compared}
            JOIN linkage_weights USING (pattern))"""
    )
    connection.unregister("linkage_weights")


def twins(
    fields: Sequence[Field],
    model: Model,
    levels: NDArray[np.int64],
    two: NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Mask of the rows of levels that are twins.

    They agree on birth date, surname and a home or contact, differ in the first name, and have no
    number in common; first names that are alike differ only if the contacts differ. Only where
    first names are reliable: in data where one person in twenty has another name, a different first
    name is no evidence.

    Args:
        two: (rows,): whether the first names are known to be two; all that differ if not given.
    """
    position = {field.name: number for number, field in enumerate(fields)}
    nothing = np.zeros(len(levels), np.bool_)
    if not {"given", "family", "born"} <= set(position):
        return nothing
    differs = len(fields[position["given"]].levels)
    share = model.priors[:HOUSEHOLD] / model.priors[:HOUSEHOLD].sum()
    if float(share @ model.theta[:HOUSEHOLD, position["given"], differs]) > RELIABLE_NAMES:
        return nothing
    other = levels[:, position["given"]] == differs
    if two is not None:
        contacts = [position[name] for name in ("email", "phone") if name in position]
        same = np.logical_or.reduce([*(levels[:, at] == 1 for at in contacts), nothing])
        known = np.logical_or.reduce([*(levels[:, at] > 0 for at in contacts), nothing])
        other = two & (other | (known & ~same))
    alike = other & (levels[:, position["born"]] == 1) & (levels[:, position["family"]] == 1)
    near = [
        levels[:, position[name]] == 1
        for name in ("street", "postcode", "town", "email", "phone")
        if name in position
    ]
    numbered = levels[:, position["number"]] == 1 if "number" in position else nothing
    mask: NDArray[np.bool_] = alike & ~numbered & np.logical_or.reduce([*near, nothing])
    return mask


def _average_shares(
    fields: Sequence[Field], model: Model, levels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sums of log2 of the average share of what agrees, over fields that households do not
    share, and that they do."""
    sums = {False: np.zeros(len(levels)), True: np.zeros(len(levels))}
    one_surname = of_one_surname(fields, levels)
    for position, field in enumerate(fields):
        c = np.where(one_surname, model.dependence.get(field.name, 0.0), 0.0)
        for number, level in enumerate(field.levels, 1):
            if level.share:
                sums[field.shared] += np.where(
                    levels[:, position] == number,
                    np.log2(c + (1 - c) * model.agreement[level.share]),
                    0.0,
                )
    return sums[False], sums[True]
