"""What records say, as numbers: a hash per value, as arrays in the order of the records' ids. 0 stands for nothing said.

Whether two values are the same is asked millions of times, and what they are only seldom.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

Hashed = NDArray[np.uint64]
Places = NDArray[np.int64]
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Hashes:
    """Hashes of SQL over a row of `linkage_records`; a place is a record's position in the order of ids."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        ids = np.asarray(
            connection.execute("SELECT id FROM linkage_records").fetchnumpy()["id"], np.int64
        )
        self.ids = np.arange(len(ids)) if ids.max(initial=-1) == len(ids) - 1 else np.sort(ids)
        self._single: dict[str, Hashed] = {}
        self._every: dict[str, list[tuple[Places, Hashed]]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: Places) -> Places:
        """Where the records of these ids stand."""
        whole = len(self.ids) == 0 or self.ids[-1] == len(self.ids) - 1
        return ids if whole else np.searchsorted(self.ids, ids)

    def read(self, expressions: Iterable[str], lists: Iterable[str] = ()) -> None:
        """Make ready, in one scan, what `single` will be asked for, and the `lists` that `every` will be."""
        for sql in lists:
            self.every(sql)
        new = sorted(set(expressions) - set(self._single))
        if not new:
            return
        columns = ", ".join(
            f"CASE WHEN ({sql}) IS NULL THEN 0::UBIGINT ELSE hash(({sql})::VARCHAR) END AS h{number}"
            for number, sql in enumerate(new)
        )
        # Arrow's columns are made on all processors; numpy's on one.
        rows = self.connection.sql(f"SELECT id, {columns} FROM linkage_records").to_arrow_table()
        places = self.places(rows["id"].to_numpy().astype(np.int64))

        def put(number: int) -> Hashed:
            values = np.empty(len(self), np.uint64)
            values[places] = rows[f"h{number}"].to_numpy()
            return values

        self._single |= dict(zip(new, side_by_side(put, range(len(new))), strict=True))

    def single(self, sql: str) -> Hashed:
        """(records,): the hash of one value of each record."""
        self.read([sql])
        return self._single[sql]

    def every(self, sql: str) -> list[tuple[Places, Hashed]]:
        """The hashes of a list's values of more than two letters, and whose they are: first everybody's first, then everybody's second, ..."""
        if sql not in self._every:
            rows = self.connection.sql(
                f"SELECT id, hash(value) AS value FROM (SELECT id, unnest({sql}) AS value FROM linkage_records) WHERE length(value) > 2"
            ).to_arrow_table()
            places = self.places(rows["id"].to_numpy().astype(np.int64))
            # A list's values come one after another.
            firsts = np.flatnonzero(begins(places))
            sizes, values = np.diff(np.append(firsts, len(places))), rows["value"].to_numpy()
            turns = [firsts[sizes > number] + number for number in range(int(sizes.max(initial=0)))]
            self._every[sql] = [(places[turn], values[turn]) for turn in turns]
        return self._every[sql]

    def forget(self, but: Iterable[str] = ()) -> None:
        """Let go of what was read, `but` for some values; what is asked for again is read again."""
        kept = set(but)
        self._single = {sql: values for sql, values in self._single.items() if sql in kept}
        self._every.clear()

    def head(self, records: int) -> Hashes:
        """The first so many records."""
        if records >= len(self):
            return self
        answer = Hashes.__new__(Hashes)
        answer.connection, answer.ids = self.connection, self.ids[:records]
        answer._single = {sql: values[:records] for sql, values in self._single.items()}
        answer._every = {
            sql: [
                (places[places < records], values[places < records]) for places, values in several
            ]
            for sql, several in self._every.items()
        }
        return answer


def in_order(values: Hashed) -> tuple[Hashed, Places, Places]:
    """Equal values side by side: where each stood, where each run begins, and how long it is.

    Sorts numbers of which the high bits are the value's and the low ones its place: half the time of sorting places by values. What
    falls together in the high bits (one in a hundred billion pairs of a million values) is taken for equal.
    """
    low = np.uint64(max(len(values) - 1, 1)).item().bit_length()
    mask = np.uint64((1 << low) - 1)
    packed = (values & ~mask) | np.arange(len(values), dtype=np.uint64)
    packed.sort()
    value = packed >> np.uint64(low)
    firsts = np.flatnonzero(begins(value))
    return (packed & mask).astype(np.int64), firsts, np.diff(np.append(firsts, len(value)))


def begins(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Where another value than before begins."""
    answer = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=answer[1:])
    return answer


def shared_in_order(values: Hashed) -> tuple[Places, Places, Places]:
    """As `in_order`, without most of the values that are alone: they are put aside before anything is sorted."""
    kept = np.flatnonzero(perhaps_shared(values))
    order, firsts, sizes = in_order(values[kept])
    return kept[order], firsts, sizes


def perhaps_shared(values: Hashed) -> NDArray[np.bool_]:
    """Which values are not alone, and a few more: some of their bits tell, at a fifth of what it costs to put all in order."""
    bits = len(values).bit_length() + 1
    place = (values >> np.uint64(64 - bits)).astype(np.int64)
    answer: NDArray[np.bool_] = np.bincount(place, minlength=1 << bits)[place] > 1
    return answer


def mixed(one: Hashed, other: Hashed) -> Hashed:
    """One hash of two."""
    answer: Hashed = one ^ (
        other + np.uint64(0x9E3779B97F4A7C15) + (one << np.uint64(6)) + (one >> np.uint64(2))
    )
    return answer


def side_by_side(work: Callable[[Item], Answer], items: Iterable[Item]) -> list[Answer]:
    """`work` of each item, in their order, on a thread per processor: numpy lets others run while it sorts and looks up."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(work, items))
