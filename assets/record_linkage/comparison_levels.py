"""The comparison levels of pairs: by equality of hashes where it decides, else by the values."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.fields import LEVEL_BITS, Field, hashed_expressions
from assets.record_linkage.value_hashes import HashArray, Positions, ValueHashes, map_parallel

BATCH = 20_000
LOOKUP_PAIRS = 1_000_000
"""The values of so many pairs, or of as many as there are records, are looked up at a time."""


def patterns(
    connection: duckdb.DuckDBPyConnection,
    hashes: ValueHashes,
    fields: Sequence[Field],
    left: Positions,
    right: Positions,
) -> HashArray:
    """The levels of all fields, packed into one number for each pair of ids, as by
    `fields.pattern`.

    Returns:
        (pairs,)
    """
    hashes.load(hashed_expressions(fields))
    left_positions, right_positions = hashes.positions(left), hashes.positions(right)
    levels = np.zeros(len(left), np.uint64)
    undecided = np.zeros(len(left), np.uint32)
    for position, (equal, rest) in enumerate(
        map_parallel(
            lambda field: _by_hashes(hashes, field, left_positions, right_positions), fields
        )
    ):
        levels |= equal.astype(np.uint64) << np.uint64(LEVEL_BITS * position)
        undecided[rest] |= np.uint32(1 << position)
    rest = np.flatnonzero(undecided)
    size = max(LOOKUP_PAIRS, len(hashes))
    for begin in range(0, len(rest), size):
        part = rest[begin : begin + size]
        levels[part] |= _by_values(connection, fields, left[part], right[part], undecided[part])
    return levels


def _by_hashes(
    hashes: ValueHashes, field: Field, left: Positions, right: Positions
) -> tuple[NDArray[np.bool_], Positions]:
    """The pairs on the first level, as a mask, and those with values that have to be compared."""
    known, same = hashes.single(field.known), hashes.single(field.same)
    comparable = (known[left] != 0) & (known[right] != 0)
    if field.implied_by:
        implied = hashes.single(field.implied_by)
        comparable &= (implied[left] != implied[right]) | (implied[left] == 0)
    equal = comparable & (same[left] == same[right]) & (same[left] != 0)
    return equal, np.flatnonzero(comparable & ~equal)


def _by_values(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    left: Positions,
    right: Positions,
    undecided: NDArray[np.uint32],
) -> HashArray:
    """The levels of the `undecided` fields, a bit for each."""
    pairs = pa.table(
        {
            "pair": np.arange(len(left), dtype=np.int32),
            "left_id": left.astype(np.int32),
            "right_id": right.astype(np.int32),
            "undecided": undecided,
        }
    )
    packed = "\n + ".join(
        f"""CASE WHEN undecided & {1 << position} > 0
            THEN {field.level()}::UBIGINT << {LEVEL_BITS * position} ELSE 0 END"""
        for position, field in enumerate(fields)
    )
    # DuckDB distributes batches over the processors.
    connection.register(
        "linkage_undecided", pa.Table.from_batches(pairs.to_batches(max_chunksize=BATCH))
    )
    rows = connection.sql(
        f"""SELECT pair, {packed} AS levels
        FROM linkage_undecided
        JOIN linkage_records AS l ON l.id = left_id
        JOIN linkage_records AS r ON r.id = right_id"""
    ).to_arrow_table()
    connection.unregister("linkage_undecided")
    levels = np.empty(len(left), np.uint64)
    levels[rows["pair"].to_numpy()] = rows["levels"].to_numpy()
    return levels
