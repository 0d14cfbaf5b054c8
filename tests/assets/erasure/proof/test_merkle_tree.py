"""The tree is RFC 9162's, and a path leads to its root from its own leaf only."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from assets.erasure.proof.merkle_tree import leaf_hash, paths, root_by, roots

LEAVES = st.lists(st.binary(max_size=4), min_size=1, max_size=40)


def root_by_definition(contents: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it stands there."""
    if len(contents) == 1:
        return hashlib.sha256(b"\x00" + contents[0]).digest()
    split = 1 << (len(contents) - 1).bit_length() - 1
    left, right = root_by_definition(contents[:split]), root_by_definition(contents[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(LEAVES)
def test_each_root_is_that_of_the_definition(contents: list[bytes]) -> None:
    assert list(roots(map(leaf_hash, contents))) == [
        root_by_definition(contents[:size]) for size in range(1, len(contents) + 1)
    ]


@given(LEAVES)
def test_the_path_of_each_leaf_leads_to_the_root(contents: list[bytes]) -> None:
    leaves = [leaf_hash(content) for content in contents]
    *_, root = roots(leaves)
    for index, path in enumerate(paths(leaves, range(len(leaves)))):
        assert root_by(path, leaves[index], index, len(leaves)) == root


@given(LEAVES, st.data())
def test_another_leaf_place_size_or_path_does_not_lead_to_it(
    contents: list[bytes], data: st.DataObject
) -> None:
    leaves = [leaf_hash(content) for content in contents]
    *_, root = roots(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    (path,) = paths(leaves, [index])
    assert root_by(path, leaf_hash(b"another"), index, len(leaves)) != root
    assert root_by([*path, root], leaves[index], index, len(leaves)) != root
    assert root_by(path, leaves[index], len(leaves), len(leaves)) is None
    assert root_by(path, leaves[index], -1, len(leaves)) is None
    if path:
        assert root_by(path[:-1], leaves[index], index, len(leaves)) != root
        assert root_by([root, *path[1:]], leaves[index], index, len(leaves)) != root
