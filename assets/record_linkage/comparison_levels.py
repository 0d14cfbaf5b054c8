"""On which levels pairs agree: by equality of hashes where that tells, by looking at the values where it does not."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.record_linkage.fields import BITS, Field, looked_at
from assets.record_linkage.value_hashes import Hashed, Hashes, Places, side_by_side

BATCH = 20_000
TOGETHER = 1_000_000
"""The records of so many pairs at a time, or as many as there are records, are looked up together."""


def patterns(
    connection: duckdb.DuckDBPyConnection,
    hashes: Hashes,
    fields: Sequence[Field],
    one: Places,
    other: Places,
) -> Hashed:
    """The levels of all fields in one number for each pair of ids, (pairs,): what `fields.pattern` says of the two records."""
    hashes.read(looked_at(fields))
    left, right = hashes.places(one), hashes.places(other)
    answer = np.zeros(len(one), np.uint64)
    asked = np.zeros(len(one), np.uint32)
    for place, (alike, rest) in enumerate(
        side_by_side(lambda field: _told(hashes, field, left, right), fields)
    ):
        answer |= alike.astype(np.uint64) << np.uint64(BITS * place)
        asked[rest] |= np.uint32(1 << place)
    rest = np.flatnonzero(asked)
    together = max(TOGETHER, len(hashes))
    for begin in range(0, len(rest), together):
        some = rest[begin : begin + together]
        answer[some] |= _looked_at(connection, fields, one[some], other[some], asked[some])
    return answer


def _told(
    hashes: Hashes, field: Field, left: Places, right: Places
) -> tuple[NDArray[np.bool_], Places]:
    """Which pairs are on the first level, and which have to be looked at."""
    known, same = hashes.single(field.known), hashes.single(field.same)
    there = (known[left] != 0) & (known[right] != 0)
    if field.told:
        told = hashes.single(field.told)
        there &= (told[left] != told[right]) | (told[left] == 0)
    alike = there & (same[left] == same[right]) & (same[left] != 0)
    return alike, np.flatnonzero(there & ~alike)


def _looked_at(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    one: Places,
    other: Places,
    asked: NDArray[np.uint32],
) -> Hashed:
    """The levels of the fields that are `asked` for, a bit for each."""
    pairs = pa.table(
        {
            "pair": np.arange(len(one), dtype=np.int32),
            "one": one.astype(np.int32),
            "other": other.astype(np.int32),
            "asked": asked,
        }
    )
    levels = " + ".join(
        f"CASE WHEN asked & {1 << place} > 0 THEN {field.level()}::UBIGINT << {BITS * place} ELSE 0 END"
        for place, field in enumerate(fields)
    )
    # Batches are what DuckDB shares out over processors.
    connection.register(
        "linkage_rest", pa.Table.from_batches(pairs.to_batches(max_chunksize=BATCH))
    )
    rows = connection.sql(
        f"SELECT pair, {levels} AS levels FROM linkage_rest JOIN linkage_records AS l ON l.id = one JOIN linkage_records AS r ON r.id = other"
    ).to_arrow_table()
    connection.unregister("linkage_rest")
    answer = np.empty(len(one), np.uint64)
    answer[rows["pair"].to_numpy()] = rows["levels"].to_numpy()
    return answer
