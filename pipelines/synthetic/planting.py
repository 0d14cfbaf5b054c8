"""Delivery days, chunks of people, and which rows get which case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from pipelines.synthetic.arrow_text import Ints, Mask
from pipelines.synthetic.cases import NO_CASE, Case, case_code, case_named

EPOCH = date(1970, 1, 1)
EACH_CASE_FROM = 2_000
_HELSINKI = ZoneInfo("Europe/Helsinki")


@dataclass(frozen=True)
class Days:
    """The `count` delivery days up to `last`; elsewhere a delivery day is its index here."""

    last: date
    count: int

    @property
    def day_no(self) -> Ints:
        """Each delivery day as days since 1970."""
        return (self.last - EPOCH).days - self.count + 1 + np.arange(self.count)

    def of(self, index: int) -> date:
        """The calendar date of a delivery day."""
        return self.last - timedelta(days=self.count - 1 - index)

    @property
    def last_no(self) -> int:
        """The last day as days since 1970."""
        return (self.last - EPOCH).days

    def later(self, rng: np.random.Generator, count: int) -> Ints:
        """Delivery days after the first (the first, where there is no other)."""
        if self.count == 1:
            return np.zeros(count, np.int64)
        return rng.integers(1, self.count, count)

    def bulk(self, rng: np.random.Generator, count: int, share: float) -> Ints:
        """Delivery days of which that share is the first."""
        return np.where(rng.random(count) < share, 0, self.later(rng, count))

    def next(self, day: Ints) -> Ints:
        """The delivery day after, or the last one."""
        return np.minimum(day + 1, self.count - 1)


def local_midnight(days: Ints) -> Ints:
    """The epoch second at which each calendar day (days since 1970) begins in Finland."""
    distinct, place = np.unique(days, return_inverse=True)
    seconds = [
        int(
            datetime.combine(EPOCH + timedelta(days=int(day)), time(), _HELSINKI)
            .astimezone(UTC)
            .timestamp()
        )
        for day in distinct
    ]
    return np.array(seconds, np.int64)[place]


@dataclass(frozen=True)
class Chunk:
    """A part of the people, made and written before the next one, so that memory stays flat."""

    seed: int
    number: int
    first_person: int
    people: int
    registrants: int
    days: Days

    def rng(self, stream: str) -> np.random.Generator:
        """A generator per stream and chunk, so that a change of one source leaves others alone."""
        return np.random.default_rng([self.seed, self.number, *stream.encode()])

    def wanted(self, case: str, rng: np.random.Generator | None = None) -> int:
        """How many of a case this chunk has: its share, or about that with a generator."""
        expected = case_named(case).per_100k * self.people / 100_000
        return max(
            int(expected) if rng is None else int(rng.poisson(expected)), int(self.each_case)
        )

    @property
    def each_case(self) -> bool:
        """Whether this chunk has to contain every case at least once."""
        return self.number == 0 and self.registrants >= EACH_CASE_FROM


def in_case(case: Ints, *names: str) -> Mask:
    """Which of these case codes are one of the named cases."""
    return np.isin(case, [case_code(name) for name in names])


class Planting:
    """Assigns rows to cases, each row to one case at most."""

    def __init__(self, chunk: Chunk, rng: np.random.Generator, rows: int) -> None:
        self._chunk = chunk
        self._rng = rng
        self.free = np.ones(rows, np.bool_)
        self.case: Ints = np.full(rows, NO_CASE, np.int16)

    def rows(self, case: str, among: Mask | None = None, *, one_of: Mask | None = None) -> Ints:
        """Free rows, as many as the case asks for, out of those that fit it; marks them.

        Where every case has to occur, the first of them is `one_of` these, if any fits.
        """
        wanted = self._chunk.wanted(case, self._rng)
        fits = self.free if among is None else self.free & among
        fitting = self._rng.permutation(np.flatnonzero(fits))
        if one_of is not None and self._chunk.each_case:
            fitting = fitting[np.argsort(~one_of[fitting], kind="stable")]
            fitting = np.r_[fitting[:1], self._rng.permutation(fitting[1:])]
        taken = np.sort(fitting[:wanted])
        self.take(case, taken)
        return taken

    def cases_of(self, dataset: str, cases: Iterable[Case]) -> None:
        """Give each of the dataset's cases its rows."""
        for case in cases:
            if case.dataset == dataset:
                self.rows(case.name)

    def take(self, case: str, rows: Ints) -> None:
        """Mark these rows as the case's."""
        self.free[rows] = False
        self.case[rows] = case_code(case)

    def has(self, *cases: str) -> Mask:
        """Which rows are in one of the cases."""
        return in_case(self.case, *cases)

    def label(self, case: str, where: Mask) -> None:
        """Name the case of rows that have none and follow it by their nature."""
        self.case[where & (self.case == NO_CASE)] = case_code(case)


class Sequence:
    """Consecutive numbers that go on from chunk to chunk."""

    def __init__(self, first: int) -> None:
        self._next = first

    def take(self, count: int) -> Ints:
        """The next so many numbers."""
        start, self._next = self._next, self._next + count
        return np.arange(start, self._next)
