"""Candidate pairs compared and weighed: levels first, then, by what the model says of them, bits."""

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
    Counted,
    levels_of,
    log_likelihood,
)
from assets.record_linkage.fields import BITS, Field
from assets.record_linkage.model import Model
from assets.record_linkage.u_probabilities import Shares
from assets.record_linkage.value_hashes import Hashed, Hashes, Places

NEVER = 100.0
"""Bits that nothing outweighs."""
NAMES_KEPT_WELL = 0.05
BOTH_SHARES = "JOIN linkage_shares AS ls ON ls.id = one JOIN linkage_shares AS rs ON rs.id = other"
LOG2E = float(np.log2(np.e))


def rarity(fields: Sequence[Field], *, shared: bool) -> str:
    """SQL: the sum of log2 of the shares of the values that agree, over the fields that households share, or do not."""
    parts = [
        f"CASE WHEN (pattern >> {3 * place}) & 7 = {number} THEN {level.share}_share ELSE 0 END"
        for place, field in enumerate(fields)
        if field.shared == shared
        for number, level in enumerate(field.levels, 1)
        if level.share
    ]
    return f"({' + '.join(parts)})::FLOAT" if parts else "0::FLOAT"


def compare(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    shares: Shares,
    fields: tuple[Field, ...],
    pairs: str,
    into: str,
) -> None:
    """Make `into(one, other, passes, pattern, rare_personal, rare_shared)` of the pairs (one, other, passes)."""
    rows = connection.execute(f"SELECT one, other, passes FROM {pairs}").fetchnumpy()
    one, other = (np.asarray(rows[name], np.int64) for name in ("one", "other"))
    _write(
        connection,
        hashes,
        shares,
        fields,
        rows,
        patterns(connection, hashes, fields, one, other),
        into,
    )


def unsaid(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    shares: Shares,
    fields: tuple[Field, ...],
    field: str,
    pairs: str,
    into: str,
) -> None:
    """Make `into`, as `compare` does, of pairs that were compared, as if one field were missing in all of them."""
    rows = connection.execute(f"SELECT one, other, passes, pattern FROM {pairs}").fetchnumpy()
    place = [one.name for one in fields].index(field)
    _write(
        connection,
        hashes,
        shares,
        fields,
        rows,
        np.asarray(rows["pattern"], np.uint64) & ~np.uint64((WIDTH - 1) << (BITS * place)),
        into,
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    shares: Shares,
    fields: tuple[Field, ...],
    rows: Mapping[str, Any],
    found: Hashed,
    into: str,
) -> None:
    one = np.asarray(rows["one"], np.int64)
    compared = {
        "one": np.asarray(rows["one"], np.int32),
        "other": np.asarray(rows["other"], np.int32),
        "passes": np.asarray(rows["passes"], np.uint32),
        "pattern": found,
        "rare_personal": _rare(fields, shares, hashes.places(one), found, shared=False),
        "rare_shared": _rare(fields, shares, hashes.places(one), found, shared=True),
    }
    connection.register("linkage_patterns", pa.table(compared))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS FROM linkage_patterns")
    connection.unregister("linkage_patterns")


def _rare(
    fields: tuple[Field, ...], shares: Shares, places: Places, found: Hashed, *, shared: bool
) -> NDArray[np.float32]:
    """The sum of log2 of the shares of the values that agree, over the fields that households share, or do not; both records' share is the same."""
    total = np.zeros(len(found), np.float32)
    for place, field in enumerate(fields):
        for number, level in enumerate(field.levels, 1):
            if level.share and field.shared == shared:
                agrees = (found >> np.uint64(BITS * place)) & np.uint64(WIDTH - 1) == number
                total[agrees] += shares.logs[level.share][places[agrees]]
    return total


def counted(
    connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], compared: str
) -> Counted:
    """The compared pairs counted by passes, pattern, and what is known of them from codes."""
    rows = connection.execute(
        f"""SELECT passes, pattern, known, count(*)::DOUBLE AS n FROM (
            SELECT passes, pattern, CASE WHEN l.code = r.code THEN 1 WHEN l.code <> r.code THEN -1 ELSE 0 END AS known
            FROM {compared} LEFT JOIN linkage_codes AS l ON l.id = one LEFT JOIN linkage_codes AS r ON r.id = other)
        GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    levels = levels_of(np.asarray(rows["pattern"], np.uint64), len(fields))
    return Counted(
        np.asarray(rows["passes"], np.int64),
        levels,
        np.asarray(rows["known"], np.int64),
        np.asarray(rows["n"], np.float64),
    )


def weigh(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    model: Model,
    compared: str,
    into: str,
) -> None:
    """Make `into(one, other, passes, pattern, weight)`: log2 of the odds of a match, to two decimals."""
    rows = connection.execute(
        f"SELECT DISTINCT pattern FROM {compared} ORDER BY pattern"
    ).fetchnumpy()
    patterns = np.asarray(rows["pattern"], np.uint64)
    levels = levels_of(patterns, len(fields))
    logs = log_likelihood(model.theta, levels) * LOG2E + np.log2(model.mix)[:, None]
    personal, shared = _usual(fields, model, levels)
    match = np.logaddexp2.reduce(logs[:HOUSEHOLD], axis=0)
    known = pa.table(
        {
            "pattern": patterns,
            "a_match": np.where(twins(fields, model, levels), match - NEVER, match),
            # Of agreeing values the share itself is put in place of the usual share.
            "a_household": logs[HOUSEHOLD] - personal,
            "a_chance": logs[RANDOM] - personal - shared,
        }
    )
    connection.register("linkage_weights", known)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE {into} AS
        SELECT one, other, passes, pattern,
            round({model.slope} * (a_match - greatest(beside, stranger) - log2(1 + pow(2, -abs(beside - stranger)))) + {model.offset}, 2)::FLOAT AS weight
        FROM (SELECT one, other, passes, pattern, a_match, a_household + rare_personal AS beside, a_chance + rare_personal + rare_shared AS stranger
            FROM {compared} JOIN linkage_weights USING (pattern))"""
    )
    connection.unregister("linkage_weights")


def twins(fields: Sequence[Field], model: Model, levels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which rows of levels are twins: one birth date, surname and home or contact, and another first name, but no number in common.

    Only where first names are kept well: in data where one person in twenty goes by another name, it tells of nothing.
    """
    place = {field.name: number for number, field in enumerate(fields)}
    if not {"given", "family", "born"} <= set(place):
        return np.zeros(len(levels), np.bool_)
    another = len(fields[place["given"]].levels)
    share = model.mix[:HOUSEHOLD] / model.mix[:HOUSEHOLD].sum()
    if float(share @ model.theta[:HOUSEHOLD, place["given"], another]) > NAMES_KEPT_WELL:
        return np.zeros(len(levels), np.bool_)
    alike = (
        (levels[:, place["given"]] == another)
        & (levels[:, place["born"]] == 1)
        & (levels[:, place["family"]] == 1)
    )
    near = [
        levels[:, place[name]] == 1
        for name in ("street", "postcode", "town", "email", "phone")
        if name in place
    ]
    numbered = (
        levels[:, place["number"]] == 1 if "number" in place else np.zeros(len(levels), np.bool_)
    )
    answer: NDArray[np.bool_] = (
        alike & ~numbered & np.logical_or.reduce([*near, np.zeros(len(levels), np.bool_)])
    )
    return answer


def _usual(
    fields: Sequence[Field], model: Model, levels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sums of log2 of the usual share of what agrees, over fields that households do not share, and that they do."""
    sums = {False: np.zeros(len(levels)), True: np.zeros(len(levels))}
    for place, field in enumerate(fields):
        for number, level in enumerate(field.levels, 1):
            if level.share:
                sums[field.shared] += np.where(
                    levels[:, place] == number, np.log2(model.alike[level.share]), 0.0
                )
    return sums[False], sums[True]
