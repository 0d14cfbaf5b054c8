"""Hashes of values are grouped by equality, with and without unique ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assets.record_linkage.value_hashes import group_equal, maybe_repeated

HASHES = st.lists(
    st.sampled_from([2**64 - 1, 2**63, 2**40 + 1, 12345678901234567890, 987654321987654321, 5]),
    max_size=40,
)


@given(HASHES)
def test_equal_values_are_adjacent(hashes: list[int]) -> None:
    values = np.array(hashes, np.uint64)
    order, starts, sizes = group_equal(values)
    assert sorted(order.tolist()) == list(range(len(hashes)))
    runs = [
        values[order[start : start + size]].tolist()
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
    ]
    assert all(len(set(run)) == 1 for run in runs)
    assert {run[0]: len(run) for run in runs} == Counter(hashes)


@given(HASHES)
def test_every_repeated_value_is_kept(hashes: list[int]) -> None:
    kept = maybe_repeated(np.array(hashes, np.uint64)).tolist()
    counts = Counter(hashes)
    assert all(kept[position] for position, value in enumerate(hashes) if counts[value] > 1)


def test_most_unique_values_are_excluded() -> None:
    random = np.random.default_rng(1)
    assert maybe_repeated(random.integers(0, 2**64, 10_000, dtype=np.uint64)).mean() < 0.5
