"""The Merkle tree over all certificates (RFC 9162, section 2.1): its root vouches for all of them,
and a path of hashes shows that one of them is in it without showing another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def roots(leaves: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the root of the tree after each leaf hash. Cost: twice as many hashes as leaves, and
    log2 of their number for each root.
    """
    complete: list[tuple[int, bytes]] = []
    for leaf in leaves:
        complete.append((1, leaf))
        while len(complete) > 1 and complete[-1][0] == complete[-2][0]:
            size, right = complete.pop()
            complete.append((2 * size, _node(complete.pop()[1], right)))
        root = complete[-1][1]
        for _, left in reversed(complete[:-1]):
            root = _node(left, root)
        yield root


def paths(leaves: Sequence[bytes], indices: Iterable[int]) -> Iterator[list[bytes]]:
    """Yield, for each index, the hashes that lead from its leaf hash to the root, leaf first."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [_node(*below[at : at + 2]) for at in range(0, len(below) - 1, 2)]
        levels.append(pairs + below[len(below) // 2 * 2 :])
    for index in indices:
        places = ((level, index >> height ^ 1) for height, level in enumerate(levels[:-1]))
        yield [level[beside] for level, beside in places if beside < len(level)]


def root_by(path: Sequence[bytes], leaf: bytes, index: int, size: int) -> bytes | None:
    """Return the root that a path leads to from a leaf hash, or None: it is no path of such a tree
    (RFC 9162, section 2.1.3.2).
    """
    if not 0 <= index < size:
        return None
    root, last = leaf, size - 1
    for beside in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            root = _node(beside, root)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            root = _node(root, beside)
        index, last = index // 2, last // 2
    return root if last == 0 else None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
