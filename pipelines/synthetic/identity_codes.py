"""Finnish identity codes of the test series: individual numbers 900-999, all century signs.

DDMMYY, sign, three digits, check character `CHECK_CHARACTERS[int(DDMMYYIII) mod 31]`. The sign is
no part of the checksum, so that two people may differ by it alone. A birth date has some 600 such
codes (100 in the 1800s), which is enough for the whole of Finland.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow.compute as pc

from pipelines.synthetic.arrow_text import (
    FIRST_DAY,
    Ints,
    Text,
    code_date,
    join,
    number,
    pick,
    vocabulary,
)

CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
SIGNS = {18: "+", 19: "-YXWVU", 20: "ABCDEF"}

_ALL_SIGNS = "".join(SIGNS.values())
_CHECK = vocabulary(CHECK_CHARACTERS)
_SIGN = vocabulary(_ALL_SIGNS)
_FIRST = (FIRST_DAY - date(1970, 1, 1)).days
_ORDERS = 61
_NUMBERS = 99  # 900-998; 999 is kept for pairs that differ by their sign only


def _orders(signs: int) -> Ints:
    """Orders in which a day's codes are used, a row each: the usual sign tends to come first."""
    rank = np.random.default_rng(31).random((_ORDERS, signs * _NUMBERS))
    rank[:, :_NUMBERS] *= 0.1
    return np.argsort(rank, axis=1, kind="stable")


def _write(birth: Ints, sign: Ints, individual: Ints) -> Text:
    """The codes with these birth days, signs (index into all signs) and individual numbers."""
    days = birth.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    day_of_month = (days - months).astype(np.int64) + 1
    month = months.astype(np.int64) % 12 + 1
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    digits = ((day_of_month * 100 + month) * 100 + year % 100) * 1000 + individual
    return join(code_date(birth), pick(_SIGN, sign), number(individual), pick(_CHECK, digits % 31))


def _century(birth: Ints) -> Ints:
    return (birth.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970) // 100


class IdentityCodes:
    """Issues identity codes of the test series, each of them once."""

    def __init__(self) -> None:
        self._used = np.zeros(120_000, np.int32)

    def issue(self, birth: Ints) -> Text:
        """A new code for each birth day (days since 1970)."""
        birth = np.asarray(birth, np.int64)
        order = np.argsort(birth, kind="stable")
        ordered = birth[order]
        first = (
            np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
            if len(ordered)
            else np.array([], np.int64)
        )
        runs = np.diff(np.r_[first, len(ordered)])
        rank = np.empty(len(birth), np.int64)
        rank[order] = np.arange(len(ordered)) - np.repeat(first, runs)
        rank += self._used[birth - _FIRST]
        self._used[ordered[first] - _FIRST] += runs.astype(np.int32)
        century = _century(birth)
        sign = np.zeros(len(birth), np.int64)
        individual = np.zeros(len(birth), np.int64)
        for century_no, signs in SIGNS.items():
            rows = np.flatnonzero(century == century_no)
            orders = _orders(len(signs))
            if len(rows) and rank[rows].max() >= orders.shape[1]:
                raise ValueError(
                    "more people are born on one day than the test series has codes: ask for fewer"
                )
            slot = orders[birth[rows] % _ORDERS, rank[rows]]
            sign[rows] = _ALL_SIGNS.index(signs[0]) + slot // _NUMBERS
            individual[rows] = 900 + (slot % _NUMBERS + birth[rows] * 17) % _NUMBERS
        return _write(birth, sign, individual)

    def issue_pairs(self, birth: Ints) -> tuple[Text, Text]:
        """Two codes for each birth day that differ by their sign only; once per birth day."""
        birth = np.asarray(birth, np.int64)
        first = np.array(
            [_ALL_SIGNS.index(SIGNS[int(century)][0]) for century in _century(birth)], np.int64
        )
        individual = np.full(len(birth), 999, np.int64)
        return _write(birth, first, individual), _write(birth, first + 1, individual)


def with_wrong_check(codes: Text) -> Text:
    """The codes with another check character."""
    last = pc.utf8_slice_codeunits(codes, 10, 11)
    place = pc.index_in(last, value_set=_CHECK).to_numpy(zero_copy_only=False).astype(np.int64)
    return join(pc.utf8_slice_codeunits(codes, 0, 10), pick(_CHECK, (place + 7) % 31))
