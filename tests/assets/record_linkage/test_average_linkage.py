"""Refinement joins what is strongly linked as a whole, never across a veto, whatever the order of the pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assets.record_linkage.average_linkage import components, refine

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
    rows = [(one, other, weight, False) for (one, other), weight in pairs.items()] + [
        (one, other, -60.0, True) for one, other in vetoed
    ]
    rows = rows if order is None else [rows[place] for place in order]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    one, other = (np.array(column, np.int64) for column in columns[:2])
    numbers = np.full(count, -1, np.int64) if code is None else np.array(code, np.int64)
    answer = refine(
        count,
        one,
        other,
        np.array(columns[2], np.float64),
        np.array(columns[3], np.bool_),
        numbers,
        None if source is None else np.array(source, np.int64),
    )
    return answer.tolist()


def test_strong_links_join_and_weak_ones_do_not():
    assert clusters({(0, 1): 8.0, (2, 3): 0.5}, count=4) == [0, 0, 2, 3]


def test_chain_of_unlike_ends_is_cut():
    """0-1 and 1-2 are linked, but 0 and 2 are clearly two: 1 goes where it fits better."""
    assert clusters({(0, 1): 9.0, (1, 2): 6.0, (0, 2): -12.0}, count=3) == [0, 0, 2]


def test_one_doubtful_pair_does_not_part_a_group():
    assert clusters({(0, 1): 9.0, (1, 2): 9.0, (0, 2): -3.0}, count=3) == [0, 0, 0]


def test_veto_holds_through_third_records():
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, vetoed=[(0, 2)], count=3) == [0, 0, 2]


def test_two_codes_stay_apart_and_nobody_guesses_between_them():
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, code=[4, -1, 5], count=3) == [0, 0, 2]
    assert clusters({(0, 1): 9.0, (1, 2): 8.5}, code=[4, -1, 5], count=3) == [0, 1, 2]


def test_nobody_guesses_between_two_whom_a_veto_parts():
    assert clusters({(0, 1): 9.0, (1, 2): 8.5}, vetoed=[(0, 2)], count=3) == [0, 1, 2]


def test_strength_that_a_link_must_have_can_be_more():
    assert refine(
        2,
        np.array([0]),
        np.array([1]),
        np.array([3.0]),
        np.array([False]),
        np.full(2, -1, np.int64),
        strong=4.0,
    ).tolist() == [0, 1]


def test_nodes_of_several_records_join_by_their_mean():
    """Three pairs between two nodes, of one and of three records: their mean decides, not their sum."""
    one, other = np.array([0, 0, 0]), np.array([1, 1, 1])
    weights = np.array([6.0, -8.0, -8.0])
    answer = refine(
        2,
        one,
        other,
        weights,
        np.zeros(3, np.bool_),
        np.full(2, -1, np.int64),
        size=np.array([1.0, 3.0]),
    )
    assert answer.tolist() == [0, 1]


def test_source_tells_of_a_person_once():
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
    answer = clusters(pairs, vetoed=vetoed, code=code)
    for one in range(RECORDS):
        assert answer[one] <= one
        assert answer[answer[one]] == answer[one]
    for cluster in set(answer):
        assert (
            len({code[record] for record in range(RECORDS) if answer[record] == cluster} - {-1})
            <= 1
        )
    assert all(answer[one] != answer[other] for one, other in vetoed)
    order = list(range(len(pairs) + len(vetoed)))
    random.shuffle(order)
    assert clusters(pairs, vetoed=vetoed, code=code, order=order) == answer


@given(pairs_drawn)
def test_components_are_what_a_walk_finds(pairs):
    found = components(
        RECORDS,
        np.array([one for one, _ in pairs], np.int64),
        np.array([other for _, other in pairs], np.int64),
    ).tolist()
    near = {record: {record} for record in range(RECORDS)}
    for one, other in pairs:
        whole = near[one] | near[other]
        for record in whole:
            near[record] = whole
    assert found == [min(near[record]) for record in range(RECORDS)]


def test_sources_are_told_apart_however_many_there_are():
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, source=[3, 67, 131], count=3) == [0, 0, 0]
    assert clusters({(0, 1): 9.0, (1, 2): 7.0}, source=[67, 3, 67], count=3) == [0, 0, 2]
