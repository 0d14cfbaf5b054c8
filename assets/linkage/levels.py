"""On which levels pairs agree: by equality of hashes where that tells, by looking at the values where it does not."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assets.linkage.fields import BITS, Field, looked_at
from assets.linkage.hashes import Hashed, Hashes, Places, side_by_side

BATCH = 20_000


def patterns(connection: duckdb.DuckDBPyConnection, hashes: Hashes, fields: Sequence[Field], one: Places, other: Places) -> Hashed:
    """The levels of all fields in one number for each pair of ids, (pairs,): what `fields.pattern` says of the two records."""
    hashes.read(looked_at(fields))
    left, right = hashes.places(one), hashes.places(other)
    answer = np.zeros(len(one), np.uint64)
    for place, (field, (alike, rest)) in enumerate(zip(fields, side_by_side(lambda field: _told(hashes, field, left, right), fields), strict=True)):
        level = alike.astype(np.uint64)
        if len(rest):
            level[rest] = _looked_at(connection, field, one[rest], other[rest])
        answer |= level << np.uint64(BITS * place)
    return answer


def _told(hashes: Hashes, field: Field, left: Places, right: Places) -> tuple[NDArray[np.bool_], Places]:
    """Which pairs are on the first level, and which have to be looked at."""
    known, same = hashes.single(field.known), hashes.single(field.same)
    there = (known[left] != 0) & (known[right] != 0)
    if field.told:
        told = hashes.single(field.told)
        there &= (told[left] != told[right]) | (told[left] == 0)
    alike = there & (same[left] == same[right]) & (same[left] != 0)
    return alike, np.flatnonzero(there & ~alike)


def _looked_at(connection: duckdb.DuckDBPyConnection, field: Field, one: Places, other: Places) -> Hashed:
    asked = pa.table({"asked": np.arange(len(one), dtype=np.int32), "one": one.astype(np.int32), "other": other.astype(np.int32)})
    # Batches are what DuckDB shares out over processors.
    connection.register("linkage_rest", pa.Table.from_batches(asked.to_batches(max_chunksize=BATCH)))
    rows = connection.execute(
        f"SELECT asked, {field.level()} AS level FROM linkage_rest JOIN linkage_records AS l ON l.id = one JOIN linkage_records AS r ON r.id = other"
    ).fetchnumpy()
    connection.unregister("linkage_rest")
    levels = np.empty(len(one), np.uint64)
    levels[rows["asked"]] = rows["level"]
    return levels
