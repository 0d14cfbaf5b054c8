"""Values as numbers: equal ones are found, whichever way they are looked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assets.record_linkage.value_hashes import in_order, perhaps_shared

HASHES = st.lists(
    st.sampled_from([2**64 - 1, 2**63, 2**40 + 1, 12345678901234567890, 987654321987654321, 5]),
    max_size=40,
)


@given(HASHES)
def test_equal_values_stand_side_by_side(said: list[int]) -> None:
    values = np.array(said, np.uint64)
    order, begins, sizes = in_order(values)
    assert sorted(order.tolist()) == list(range(len(said)))
    runs = [
        values[order[begin : begin + size]].tolist()
        for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True)
    ]
    assert all(len(set(run)) == 1 for run in runs)
    assert {run[0]: len(run) for run in runs} == Counter(said)


@given(HASHES)
def test_nothing_that_is_shared_is_put_aside(said: list[int]) -> None:
    kept = perhaps_shared(np.array(said, np.uint64)).tolist()
    often = Counter(said)
    assert all(kept[place] for place, value in enumerate(said) if often[value] > 1)


def test_most_of_what_is_alone_is_put_aside() -> None:
    random = np.random.default_rng(1)
    assert perhaps_shared(random.integers(0, 2**64, 10_000, dtype=np.uint64)).mean() < 0.5
