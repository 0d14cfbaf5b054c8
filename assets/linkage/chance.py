"""How often two random people agree: exactly, from how often each value occurs; where levels are fuzzy, from random pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.linkage.fields import Field, pattern, share_columns
from assets.linkage.mixture import WIDTH, levels_of

Floats = NDArray[np.float64]

RANDOM_PAIRS = 300_000
UNSEEN = 0.2
"""As so many records counts a value that nobody else has: the world has more values than the table shows."""
LEAST_NEAR = {"email": 0.002, "phone": 0.0001, "number": 0.00002}
"""People of one name have e-mails that are nearly the same, so random pairs make near ones look rarer than they are."""


IMAGINED = 1000.0
"""As so many records counts what a model knew of a population before."""


def add_shares(connection: duckdb.DuckDBPyConnection, fields: Iterable[Field], known: Mapping[str, float] | None = None) -> dict[str, float]:
    """Make `linkage_shares(id, ...)`: log2 of each value's share (`<column>_share`) in `linkage_records`.

    Answers how likely two random records share a value, per column.

    A record does not count itself; a value that only two records have is as rare as if nobody had it. What is `known` of other
    data steadies the shares of few records.
    """
    columns = share_columns(tuple(fields))
    alike: dict[str, float] = {}
    # Counting hashes as arrays takes a quarter of the time of joining texts, column after column.
    hashes = ", ".join(f"hash({column}) AS {column}" for column in columns)
    rows = connection.execute(f"SELECT id{', ' if columns else ''}{hashes} FROM linkage_records").fetchnumpy()
    nothing = connection.execute("SELECT hash(NULL::VARCHAR)").fetchone()
    shares = {"id": np.asarray(rows["id"], np.int32)}
    for column in columns:
        _, which, counts = np.unique(np.asarray(rows[column], np.uint64), return_inverse=True, return_counts=True)
        there = np.asarray(rows[column], np.uint64) != np.uint64(nothing[0] if nothing else 0)
        n = np.where(there, counts[which], 0).astype(np.float64)
        held = float(there.sum())
        alike[column] = max(float((n - 1)[there].sum()), 1.0) / max(held * (held - 1), 1.0)
        more, others = (IMAGINED * known[column], IMAGINED) if known else (0.0, 0.0)
        shares[f"{column}_share"] = np.log2((np.where(n > 2, n - 1, UNSEEN) + more) / max(held + others, 1.0)).astype(np.float32)
    connection.register("linkage_counted", pa.table(shares))
    connection.execute("CREATE OR REPLACE TEMP TABLE linkage_shares AS FROM linkage_counted")
    connection.unregister("linkage_counted")
    return alike


def of_levels(connection: duckdb.DuckDBPyConnection, fields: Sequence[Field], alike: dict[str, float], records: int) -> Floats:
    """How likely each level is among random pairs that can be compared: (fields, 8), 1 where there is no level."""
    found = np.ones((len(fields), WIDTH))
    seen = _random_pairs(connection, tuple(fields), records)
    for place, field in enumerate(fields):
        size = len(field.levels)
        counts = seen[place, 1 : size + 1]
        smoothed = (counts + 0.5 / size) / (counts.sum() + 0.5)
        for number, level in enumerate(field.levels[:-1]):
            if level.share:
                smoothed[number] = alike[level.share] if number == 0 else max(smoothed[number], 1e-7)
            elif number > 0 and field.name in LEAST_NEAR:
                smoothed[number] = max(smoothed[number], LEAST_NEAR[field.name])
        smoothed = np.maximum(smoothed, UNSEEN / max(records, 2))
        smoothed[-1] = max(1.0 - smoothed[:-1].sum(), 0.02)
        found[place, 1 : size + 1] = smoothed / smoothed.sum()
    return found


def _random_pairs(connection: duckdb.DuckDBPyConnection, fields: tuple[Field, ...], records: int) -> Floats:
    """How many random pairs have each level: (fields, 8). Numbers follow a hash, so that records a third of all apart are random; neighbours may be copies."""
    reach = max(1, min(records - 1, RANDOM_PAIRS // max(records, 1)))
    first = min(records, RANDOM_PAIRS)
    rows = connection.execute(
        f"""SELECT pattern, count(*)::DOUBLE AS n FROM (
            SELECT {pattern(fields)} AS pattern FROM (SELECT id, unnest(range({reach})) AS step FROM linkage_records WHERE id < {first}) AS pairs
            JOIN linkage_records AS l ON l.id = pairs.id
            JOIN linkage_records AS r ON r.id = (pairs.id + 1 + ({records // 3} + pairs.step) % {max(records - 1, 1)}) % {max(records, 1)})
        GROUP BY pattern"""
    ).fetchnumpy()
    levels = levels_of(np.asarray(rows["pattern"], np.uint64), len(fields))
    pairs = np.asarray(rows["n"], np.float64)
    return np.stack([np.bincount(levels[:, place], pairs, minlength=WIDTH) for place in range(len(fields))])
