"""Hashes of the records' values, as arrays in the order of the records' ids; 0 is a missing value.

Equality of two values is tested millions of times, the values themselves are needed seldom.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

HashArray = NDArray[np.uint64]
Positions = NDArray[np.int64]
Item = TypeVar("Item")
Result = TypeVar("Result")


class ValueHashes:
    """Hashes of SQL expressions over a row of `linkage_records`.

    A position is a record's index in the order of ids.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        ids = np.asarray(
            connection.execute("SELECT id FROM linkage_records").fetchnumpy()["id"], np.int64
        )
        self.ids = np.arange(len(ids)) if ids.max(initial=-1) == len(ids) - 1 else np.sort(ids)
        self.distinct = np.arange(len(ids))
        self._single: dict[str, HashArray] = {}
        self._lists: dict[str, list[tuple[Positions, HashArray]]] = {}

    def leave_out(self, copies: Positions) -> None:
        """Leave these positions out of `distinct`, the records that have keys."""
        self.distinct = np.setdiff1d(self.distinct, copies)

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Positions) -> Positions:
        """The positions of the records with these ids."""
        contiguous = len(self.ids) == 0 or self.ids[-1] == len(self.ids) - 1
        return ids if contiguous else np.searchsorted(self.ids, ids)

    def load(self, expressions: Iterable[str], lists: Iterable[str] = ()) -> None:
        """Hash, in one scan, the expressions that `single` will return; and `lists` for
        `of_list`."""
        for sql in lists:
            self.of_list(sql)
        new = sorted(set(expressions) - set(self._single))
        if not new:
            return
        columns = ", ".join(
            f"CASE WHEN ({sql}) IS NULL THEN 0::UBIGINT"
            f" ELSE hash(({sql})::VARCHAR) END AS h{number}"
            for number, sql in enumerate(new)
        )
        # Arrow's columns are made on all processors; numpy's on one.
        rows = self.connection.sql(f"SELECT id, {columns} FROM linkage_records").to_arrow_table()
        positions = self.positions(rows["id"].to_numpy().astype(np.int64))

        def in_id_order(number: int) -> HashArray:
            values = np.empty(len(self), np.uint64)
            values[positions] = rows[f"h{number}"].to_numpy()
            return values

        self._single |= dict(zip(new, map_parallel(in_id_order, range(len(new))), strict=True))

    def single(self, sql: str) -> HashArray:
        """(records,): the hash of one value of each record."""
        self.load([sql])
        return self._single[sql]

    def of_list(self, sql: str) -> list[tuple[Positions, HashArray]]:
        """The hashes of a list's values of more than two letters.

        Returns:
            Pairs of (positions, hashes): first the first value of every list, then the second, ...
            A position occurs at most once in each.
        """
        if sql not in self._lists:
            rows = self.connection.sql(
                f"""SELECT id, hash(value) AS value
                FROM (SELECT id, unnest({sql}) AS value FROM linkage_records)
                WHERE length(value) > 2"""
            ).to_arrow_table()
            positions = self.positions(rows["id"].to_numpy().astype(np.int64))
            # A list's values come one after another.
            starts = np.flatnonzero(run_starts(positions))
            sizes, values = np.diff(np.append(starts, len(positions))), rows["value"].to_numpy()
            turns = [starts[sizes > number] + number for number in range(int(sizes.max(initial=0)))]
            self._lists[sql] = [(positions[turn], values[turn]) for turn in turns]
        return self._lists[sql]

    def release(self, keep: Iterable[str] = ()) -> None:
        """Free the hashes of all expressions but those in `keep`; they are read again on
        request."""
        kept = set(keep)
        self._single = {sql: values for sql, values in self._single.items() if sql in kept}
        self._lists.clear()

    def head(self, records: int) -> ValueHashes:
        """The hashes of the first so many records."""
        if records >= len(self):
            return self
        head = ValueHashes.__new__(ValueHashes)
        head.connection, head.ids = self.connection, self.ids[:records]
        head.distinct = self.distinct[self.distinct < records]
        head._single = {sql: values[:records] for sql, values in self._single.items()}
        head._lists = {
            sql: [
                (positions[positions < records], values[positions < records])
                for positions, values in parts
            ]
            for sql, parts in self._lists.items()
        }
        return head


def group_equal(values: HashArray) -> tuple[HashArray, Positions, Positions]:
    """Sort values so that equal ones are adjacent.

    Sorts numbers with the value in the high bits and its position in the low ones: half the time
    of an argsort. Values that coincide in the high bits (one in a hundred billion pairs of a
    million values) count as equal.

    Returns:
        The position of each value in that order, where each run begins, and its length.
    """
    low = np.uint64(max(len(values) - 1, 1)).item().bit_length()
    mask = np.uint64((1 << low) - 1)
    packed = (values & ~mask) | np.arange(len(values), dtype=np.uint64)
    packed.sort()
    value = packed >> np.uint64(low)
    starts = np.flatnonzero(run_starts(value))
    return (packed & mask).astype(np.int64), starts, np.diff(np.append(starts, len(value)))


def run_starts(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Mask of the elements that differ from the one before."""
    starts = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    return starts


def group_repeated(values: HashArray) -> tuple[Positions, Positions, Positions]:
    """As `group_equal`, without most unique values, which are filtered out before the sort."""
    kept = np.flatnonzero(maybe_repeated(values))
    order, starts, sizes = group_equal(values[kept])
    return kept[order], starts, sizes


def maybe_repeated(values: HashArray) -> NDArray[np.bool_]:
    """Mask of all values that occur more than once, and a few more.

    Compares some bits of each value, at a fifth of the cost of a sort.
    """
    bits = len(values).bit_length() + 1
    bucket = (values >> np.uint64(64 - bits)).astype(np.int64)
    repeated: NDArray[np.bool_] = np.bincount(bucket, minlength=1 << bits)[bucket] > 1
    return repeated


def combine(left: HashArray, right: HashArray) -> HashArray:
    """One hash of two."""
    combined: HashArray = left ^ (
        right + np.uint64(0x9E3779B97F4A7C15) + (left << np.uint64(6)) + (left >> np.uint64(2))
    )
    return combined


def map_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`work` of each item, in their order, on a thread per processor.

    Numpy releases the interpreter lock while it sorts and looks up.
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(work, items))
