"""Components of graphs, and joining under codes that must stay apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.register.clusters import Clusters, components

NODES = 24
EDGES = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1), st.integers(1, 9)), max_size=40
)


def arrays(edges):
    columns = np.array(edges, np.int64).reshape(-1, 3)
    return (
        columns[:, 0].astype(np.int32),
        columns[:, 1].astype(np.int32),
        columns[:, 2].astype(np.float64),
    )


@given(EDGES)
def test_components_are_those_of_a_walk(edges):
    label = list(range(NODES))
    for _ in range(NODES):
        for left, right, _weight in edges:
            label[left] = label[right] = min(label[left], label[right])
    assert components(NODES, *arrays(edges)[:2]).tolist() == label


@pytest.mark.parametrize("order", ["rising", "falling", "scrambled"])
def test_a_long_chain_is_one_component(order):
    nodes = np.arange(300_000, dtype=np.int32)
    chain = {
        "rising": nodes,
        "falling": nodes[::-1],
        "scrambled": np.random.default_rng(1).permutation(nodes),
    }[order]
    assert components(len(nodes), chain[:-1], chain[1:]).max() == 0


@given(
    EDGES,
    st.lists(st.integers(-1, 3), min_size=NODES, max_size=NODES),
    st.randoms(use_true_random=False),
)
def test_joining_never_brings_two_codes_together_and_ignores_the_order_of_links(edges, code, order):
    clusters = Clusters(np.array(code, np.int32))
    kept = clusters.join(*arrays(edges))
    for cluster in set(clusters.label.tolist()):
        members = np.flatnonzero(clusters.label == cluster)
        assert members.min() == cluster
        codes = {code[member] for member in members} - {-1}
        assert len(codes) <= 1
        assert clusters.code[cluster] == max(codes, default=-1)
    assert kept.tolist() == [
        clusters.label[left] == clusters.label[right] for left, right, _ in edges
    ]
    order.shuffle(edges)
    again = Clusters(np.array(code, np.int32))
    again.join(*arrays(edges))
    assert again.label.tolist() == clusters.label.tolist()


def test_without_conflict_every_link_holds():
    clusters = Clusters(np.full(5, -1, np.int32))
    assert clusters.join(*arrays([(0, 1, 1), (3, 4, 1), (1, 3, 1)])).all()
    assert clusters.label.tolist() == [0, 0, 2, 0, 0]


def test_stronger_link_wins_and_equal_ones_lose_both():
    for weight, expected in ((9, [0, 0, 2]), (3, [0, 1, 2])):
        clusters = Clusters(np.array([1, -1, 2], np.int32))
        clusters.join(*arrays([(0, 1, weight), (1, 2, 3)]))
        assert clusters.label.tolist() == expected


def test_nodes_that_the_caller_keeps_apart_stay_apart():
    clusters = Clusters(np.full(3, -1, np.int32))
    foes = np.array([0], np.int32), np.array([2], np.int32)
    kept = clusters.join(*arrays([(0, 1, 9), (1, 2, 3)]), apart=lambda joined: foes)
    assert kept.tolist() == [True, False]


def test_foes_do_not_meet_through_a_chain():
    chain = arrays([(0, 1, 9), (1, 2, 8), (2, 3, 9)])
    clusters = Clusters(np.full(4, -1, np.int32))
    clusters.join(*chain, apart=lambda joined: (np.array([0], np.int32), np.array([3], np.int32)))
    assert clusters.label.tolist() == [0, 0, 2, 2]


def test_three_codes_do_not_meet_through_chains():
    # Codes at 0, 1 and 2; between each two a chain of two records without code.
    edges = [(0, 3, 9), (3, 4, 8), (4, 2, 9), (0, 5, 9), (5, 6, 8), (6, 1, 9)]
    clusters = Clusters(np.array([7, 8, 9, -1, -1, -1, -1], np.int32))
    clusters.join(*arrays(edges))
    assert clusters.label.tolist() == [0, 1, 2, 0, 2, 0, 1]


def test_a_large_component_with_a_conflict_stays_quick():
    size = 50_000
    code = np.full(size, -1, np.int32)
    code[[1, 2]] = 0, 1
    clusters = Clusters(code)
    leaves = np.arange(1, size, dtype=np.int32)
    kept = clusters.join(np.zeros(size - 1, np.int32), leaves, np.full(size - 1, 5.0))
    assert (~kept).sum() == 2
