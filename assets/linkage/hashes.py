"""What records say, as numbers: a hash per value, as arrays in the order of the records' ids. 0 stands for nothing said.

Whether two values are the same is asked millions of times, and what they are only seldom.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import numpy as np
from numpy.typing import NDArray

Hashed = NDArray[np.uint64]
Places = NDArray[np.int64]


class Hashes:
    """Hashes of SQL over a row of `linkage_records`; a place is a record's position in the order of ids."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        ids = np.asarray(connection.execute("SELECT id FROM linkage_records").fetchnumpy()["id"], np.int64)
        self.ids = np.sort(ids)
        self._single: dict[str, Hashed] = {}
        self._every: dict[str, tuple[Places, Hashed]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: Places) -> Places:
        """Where the records of these ids stand."""
        whole = len(self.ids) == 0 or self.ids[-1] == len(self.ids) - 1
        return ids if whole else np.searchsorted(self.ids, ids)

    def read(self, expressions: Iterable[str]) -> None:
        """Make ready, in one scan, what `single` will be asked for."""
        new = sorted(set(expressions) - set(self._single))
        if not new:
            return
        columns = ", ".join(f"hash(({sql})::VARCHAR) AS h{number}" for number, sql in enumerate(new))
        rows = self.connection.execute(f"SELECT id, {columns}, hash(NULL::VARCHAR) AS nothing FROM linkage_records").fetchnumpy()
        places = self.places(np.asarray(rows["id"], np.int64))
        for number, sql in enumerate(new):
            self._single[sql] = values = np.empty(len(self), np.uint64)
            values[places] = np.where(rows[f"h{number}"] == rows["nothing"], np.uint64(0), rows[f"h{number}"])

    def single(self, sql: str) -> Hashed:
        """(records,): the hash of one value of each record."""
        self.read([sql])
        return self._single[sql]

    def every(self, sql: str) -> tuple[Places, Hashed]:
        """The hashes of all values of a list, and whose they are: (values,) each, in the order of places."""
        if sql not in self._every:
            rows = self.connection.execute(
                f"SELECT id, hash(value) AS value FROM (SELECT id, unnest({sql}) AS value FROM linkage_records) WHERE value IS NOT NULL"
            ).fetchnumpy()
            places = self.places(np.asarray(rows["id"], np.int64))
            order = np.lexsort((np.asarray(rows["value"], np.uint64), places))
            self._every[sql] = places[order], np.asarray(rows["value"], np.uint64)[order]
        return self._every[sql]


def mixed(one: Hashed, other: Hashed) -> Hashed:
    """One hash of two."""
    answer: Hashed = one ^ (other + np.uint64(0x9E3779B97F4A7C15) + (one << np.uint64(6)) + (one >> np.uint64(2)))
    return answer
