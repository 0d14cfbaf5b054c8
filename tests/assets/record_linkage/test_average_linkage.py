"""Average linkage merges what is strongly linked as a whole, never across a veto, in any order of
the pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assets.record_linkage.average_linkage import average_linkage, components

RECORDS = 12


def clusters(
    pairs: dict[tuple[int, int], float],
    *,
    vetoed=(),
    code=None,
    source=None,
    count: int = RECORDS,
    order=None,
) -> list[int]:
    rows = [(left, right, weight, False) for (left, right), weight in pairs.items()] + [
        (left, right, -60.0, True) for left, right in vetoed
    ]
    rows = rows if order is None else [rows[position] for position in order]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    left, right = (np.array(column, np.int64) for column in columns[:2])
    numbers = np.full(count, -1, np.int64) if code is None else np.array(code, np.int64)
    result = average_linkage(
        count,
        left,
        right,
        np.array(columns[2], np.float64),
        np.array(columns[3], np.bool_),
        numbers,
        None if source is None else np.array(source, np.int64),
    )
    return result.tolist()


def test_strong_links_join_and_weak_ones_do_not():
    assert clusters({(0, 1): 8.0, (2, 3): -0.5}, count=4) == [0, 0, 2, 3]


def test_chain_of_unlike_ends_is_cut():
    """0-1 and 1-2 are linked, but 0 and 2 are clearly two: 1 joins the nearer."""
    assert clusters({(0, 1): 9.0, (1, 2): 6.0, (0, 2): -12.0}, count=3) == [0, 0, 2]


def test_one_doubtful_pair_does_not_split_a_group():
    assert clusters({(0, 1): 9.0, (1, 2): 9.0, (0, 2): -3.0}, count=3) == [0, 0, 0]


def test_veto_holds_through_third_records():
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, vetoed=[(0, 2)], count=3) == [0, 0, 2]


def test_two_codes_stay_apart_and_a_record_near_both_joins_neither():
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, code=[4, -1, 5], count=3) == [0, 0, 2]
    assert clusters({(0, 1): 9.0, (1, 2): 8.5}, code=[4, -1, 5], count=3) == [0, 1, 2]


def test_a_record_near_two_that_a_veto_separates_joins_neither():
    assert clusters({(0, 1): 9.0, (1, 2): 8.5}, vetoed=[(0, 2)], count=3) == [0, 1, 2]


def test_the_least_weight_of_a_link_can_be_raised():
    assert average_linkage(
        2,
        np.array([0]),
        np.array([1]),
        np.array([3.0]),
        np.array([False]),
        np.full(2, -1, np.int64),
        strong=4.0,
    ).tolist() == [0, 1]


def test_nodes_of_several_records_join_by_their_mean():
    """Three pairs between two nodes, of one and of three records: their mean decides, not their
    sum."""
    left, right = np.array([0, 0, 0]), np.array([1, 1, 1])
    weights = np.array([6.0, -8.0, -8.0])
    result = average_linkage(
        2,
        left,
        right,
        weights,
        np.zeros(3, np.bool_),
        np.full(2, -1, np.int64),
        size=np.array([1.0, 3.0]),
    )
    assert result.tolist() == [0, 1]


def test_a_cluster_has_one_record_of_a_source():
    assert clusters({(0, 1): 9.0, (0, 2): 8.0, (1, 2): 9.0}, source=[0, 1, 1], count=3) == [0, 0, 2]


pairs_drawn = st.dictionaries(
    st.tuples(st.integers(0, RECORDS - 1), st.integers(0, RECORDS - 1)).filter(
        lambda pair: pair[0] < pair[1]
    ),
    st.floats(-15, 25).map(lambda weight: round(weight, 2)),
    max_size=40,
)
codes_drawn = st.lists(st.integers(-1, 3), min_size=RECORDS, max_size=RECORDS)


@given(
    pairs_drawn,
    codes_drawn,
    st.sets(st.tuples(st.integers(0, 5), st.integers(6, 11)), max_size=4),
    st.randoms(),
)
def test_no_veto_is_broken_and_order_does_not_matter(pairs, code, vetoed, random):
    vetoed = sorted(vetoed)
    result = clusters(pairs, vetoed=vetoed, code=code)
    for record in range(RECORDS):
        assert result[record] <= record
        assert result[result[record]] == result[record]
    for cluster in set(result):
        assert (
            len({code[record] for record in range(RECORDS) if result[record] == cluster} - {-1})
            <= 1
        )
    assert all(result[left] != result[right] for left, right in vetoed)
    order = list(range(len(pairs) + len(vetoed)))
    random.shuffle(order)
    assert clusters(pairs, vetoed=vetoed, code=code, order=order) == result


@given(pairs_drawn)
def test_components_are_those_of_a_graph_walk(pairs):
    labels = components(
        RECORDS,
        np.array([left for left, _ in pairs], np.int64),
        np.array([right for _, right in pairs], np.int64),
    ).tolist()
    near = {record: {record} for record in range(RECORDS)}
    for left, right in pairs:
        whole = near[left] | near[right]
        for record in whole:
            near[record] = whole
    assert labels == [min(near[record]) for record in range(RECORDS)]


def test_any_number_of_sources_is_distinguished():
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, source=[3, 67, 131], count=3) == [0, 0, 0]
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, source=[67, 3, 67], count=3) == [0, 0, 2]
