"""How often two random people agree: exactly, from how often each value occurs; where levels are fuzzy, from random pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.comparison_levels import patterns
from assets.record_linkage.expectation_maximisation import WIDTH, levels_of
from assets.record_linkage.fields import Field, share_columns
from assets.record_linkage.value_hashes import Hashed, Hashes, in_order, side_by_side

Floats = NDArray[np.float64]

RANDOM_PAIRS, FEWER, MANY = 300_000, 100_000, 100_000
"""So many random pairs are compared; fewer where there are many records, and only of the first of them."""
UNSEEN = 0.2
"""As so many records counts a value that nobody else has: the world has more values than the table shows."""
NUMBER_UNSEEN = 0.01
"""Identity numbers are given so that nobody shares one: two people have the same by mistake only."""
LEAST_NEAR = {"email": 0.002, "phone": 0.0001, "number": 0.00002}
"""People of one name have e-mails that are nearly the same, so random pairs make near ones look rarer than they are."""


IMAGINED = 1000.0
"""As so many records counts what a model knew of a population before."""


def unseen(column: str) -> float:
    """As how many records a value of the column counts that nobody else has."""
    return NUMBER_UNSEEN if column == "number" else UNSEEN


@dataclass(frozen=True)
class Shares:
    """Of each column, log2 of the share that each record's value has, (records,), and how likely two random records share a value.

    A record does not count itself; a value that only two records have is as rare as if nobody had it.
    """

    ids: NDArray[np.int64]
    logs: dict[str, NDArray[np.float32]]
    alike: dict[str, float]

    def rarest(self, hashes: Hashes, column: str) -> float:
        """Log2 of the share of a value that at most two records have."""
        return float(np.log2(unseen(column) / max(int(np.count_nonzero(hashes.single(column))), 1)))

    def publish(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make `linkage_shares(id, <column>_share ...)`."""
        connection.register(
            "linkage_counted",
            pa.table(
                {
                    "id": self.ids.astype(np.int32),
                    **{f"{name}_share": logs for name, logs in self.logs.items()},
                }
            ),
        )
        connection.execute("CREATE OR REPLACE TEMP TABLE linkage_shares AS FROM linkage_counted")
        connection.unregister("linkage_counted")


def shares_of(
    hashes: Hashes, fields: Iterable[Field], known: Mapping[str, float] | None = None
) -> Shares:
    """Counted exactly. What is `known` of other data, by column, steadies the shares of few records."""
    columns = share_columns(tuple(fields))
    hashes.read(columns)
    counted = dict(
        zip(
            columns,
            side_by_side(
                lambda column: _counted(
                    hashes.single(column), known[column] if known else None, unseen(column)
                ),
                columns,
            ),
            strict=True,
        )
    )
    return Shares(
        hashes.ids,
        {column: logs for column, (logs, _) in counted.items()},
        {column: alike for column, (_, alike) in counted.items()},
    )


def _counted(
    values: Hashed, known: float | None, unseen: float
) -> tuple[NDArray[np.float32], float]:
    """Log2 of each value's share, and how likely two random values are alike."""
    n = np.where(values != 0, how_many(values), 0)
    held = float(np.count_nonzero(values))
    # Few values, or none, tell little of how seldom values are alike.
    alike = max(float((n[values != 0] - 1).sum()), 1.0) / max(
        held * (held - 1), 2.0 * len(values), 1.0
    )
    more, others = (0.0, 0.0) if known is None else (IMAGINED * known, IMAGINED)
    # One logarithm per count, not per record.
    usual = np.arange(int(n.max(initial=0)) + 1, dtype=np.float64)
    return np.log2(
        (np.where(usual > 2, usual - 1, unseen) + more) / max(held + others, 1.0)
    ).astype(np.float32)[n], alike


def how_many(values: Hashed) -> NDArray[np.int64]:
    """Of each value, how often it occurs: (values,)."""
    order, _, sizes = in_order(values)
    answer = np.empty(len(values), np.int64)
    answer[order] = np.repeat(sizes, sizes)
    return answer


def of_levels(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    fields: Sequence[Field],
    alike: dict[str, float],
) -> Floats:
    """How likely each level is among random pairs that can be compared: (fields, 8), 1 where there is no level."""
    found = np.ones((len(fields), WIDTH))
    records = len(hashes)
    seen = _random_pairs(connection, hashes, tuple(fields))
    for place, field in enumerate(fields):
        size = len(field.levels)
        counts = seen[place, 1 : size + 1]
        smoothed = (counts + 0.5 / size) / (counts.sum() + 0.5)
        for number, level in enumerate(field.levels[:-1]):
            if level.share:
                smoothed[number] = (
                    alike[level.share] if number == 0 else max(smoothed[number], 1e-7)
                )
            elif number > 0 and field.name in LEAST_NEAR:
                smoothed[number] = max(smoothed[number], LEAST_NEAR[field.name])
        smoothed = np.maximum(smoothed, UNSEEN / max(records, 2))
        smoothed[-1] = max(1.0 - smoothed[:-1].sum(), 0.02)
        found[place, 1 : size + 1] = smoothed / smoothed.sum()
    return found


def _random_pairs(
    connection: duckdb.DuckDBPyConnection, hashes: Hashes, fields: tuple[Field, ...]
) -> Floats:
    """How many random pairs have each level: (fields, 8). Numbers follow a hash, so that records a third of all apart are random; neighbours may be copies."""
    records = min(len(hashes), MANY)
    reach = max(
        1, min(records - 1, (FEWER if len(hashes) > MANY else RANDOM_PAIRS) // max(records, 1))
    )
    one, step = np.divmod(np.arange(records * reach), reach)
    other = (one + 1 + (records // 3 + step) % max(records - 1, 1)) % max(records, 1)
    levels = levels_of(
        patterns(connection, hashes, fields, hashes.ids[one], hashes.ids[other]), len(fields)
    )
    return np.stack(
        [np.bincount(levels[:, place], minlength=WIDTH) for place in range(len(fields))]
    ).astype(np.float64)
