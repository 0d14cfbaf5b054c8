"""JSON text looked at by its bytes, a whole batch at a time, in numpy: where brackets are, how deep, which keys repeat.

No parser is asked: they answer a record at a time, take the last of two equal keys in silence, or build a path for every
node, which grows with the square of depth. Cost is linear in bytes; memory some ten times the batch.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

_DEPTH = np.zeros(256, np.int8)
_DEPTH[[ord("["), ord("{")]] = 1
_DEPTH[[ord("]"), ord("}")]] = -1
_STRUCTURAL = _DEPTH != 0
_STRUCTURAL[ord(",")] = True
# The first n bytes of a little-endian word of eight.
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)


def structure(text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of brackets and commas outside strings, the bytes there, and the depth after each."""
    data = np.frombuffer(text, np.uint8)
    outside, _ = _outside_strings(data)
    places = np.flatnonzero(_STRUCTURAL[data] & outside)
    found = data[places]
    return places, found, np.cumsum(_DEPTH[found], dtype=np.int64)


def suspicious(records: pa.Array, deepest: int) -> tuple[list[int], list[int]]:
    """Of valid JSON records: those that nest deeper than `deepest`, and those where an object has a key twice; by index."""
    if len(records) == 0:
        return [], []
    offsets = np.frombuffer(records.buffers()[1], np.int32)[records.offset : records.offset + len(records) + 1].astype(np.int64)
    data = np.frombuffer(records.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    starts = offsets - offsets[0]
    outside, quotes = _outside_strings(data)
    brackets = np.flatnonzero((_DEPTH[data] != 0) & outside)
    depth = np.cumsum(_DEPTH[data[brackets]], dtype=np.int32)
    deep = np.unique(np.searchsorted(starts, brackets[depth > deepest], side="right") - 1)
    repeated = _repeated_keys(data, outside, quotes, brackets, depth, starts)
    return deep.tolist(), [index for index in repeated.tolist() if index not in deep and _has_a_key_twice(records[index].as_py())]


def _outside_strings(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which bytes lie outside strings, and the positions of the quotes that open and close them, in turn."""
    quotes = data == ord('"')
    quotes[_escaped(np.flatnonzero(data == ord("\\")), len(data))] = False
    return np.bitwise_xor.accumulate(quotes.view(np.uint8)) == 0, np.flatnonzero(quotes)


def _escaped(slashes: np.ndarray, length: int) -> np.ndarray:
    """Positions behind the first, third, ... backslash of each run of them."""
    if len(slashes) == 0:
        return slashes
    numbers = np.arange(len(slashes))
    begins = np.concatenate(([True], np.diff(slashes) > 1))
    in_run = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    behind = slashes[in_run % 2 == 0] + 1
    return behind[behind < length]


def _repeated_keys(data: np.ndarray, outside: np.ndarray, quotes: np.ndarray, brackets: np.ndarray, depth: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Records that may have a key twice in one object: by the key's fingerprint, or because a key is written with escapes."""
    colons = np.flatnonzero((data == ord(":")) & outside)
    if len(colons) == 0:
        return np.array([], np.int64)
    closing = np.searchsorted(quotes, colons) - 1
    first, last = quotes[closing - 1] + 1, quotes[closing]
    keys = _fingerprints(data, first, last)
    # Within a depth, by position, every opening bracket begins a container that holds until the next one.
    order = np.argsort(depth, kind="stable")
    opens = _DEPTH[data[brackets[order]]] == 1
    container = np.empty(len(brackets), np.int64)
    container[order] = np.maximum.accumulate(np.where(opens, np.arange(len(order)), -1))
    of_key = container[np.searchsorted(brackets, colons) - 1].astype(np.uint64)
    mixed = keys ^ (of_key * np.uint64(0xD6E8FEB86659FD93))
    ranked = np.argsort(mixed)
    same = np.flatnonzero(mixed[ranked][1:] == mixed[ranked][:-1])
    doubtful = colons[ranked[same]]
    slashes = np.flatnonzero(data == ord("\\"))
    if len(slashes):
        doubtful = np.concatenate((doubtful, colons[np.searchsorted(slashes, last) > np.searchsorted(slashes, first)]))
    return np.unique(np.searchsorted(starts, doubtful, side="right") - 1)


def _fingerprints(data: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A number per key, from its first and last eight bytes and its length: equal keys have equal ones, others seldom do."""
    eight_bytes = np.lib.stride_tricks.sliding_window_view(np.concatenate((data, np.zeros(8, np.uint8))), 8)
    length = last - first
    head = eight_bytes[first].view(np.uint64).ravel() & _FIRST_BYTES[np.minimum(length, 8)]
    tail = eight_bytes[np.maximum(last - 8, first)].view(np.uint64).ravel() & _FIRST_BYTES[np.minimum(length, 8)]
    return head * np.uint64(0x9E3779B97F4A7C15) ^ tail * np.uint64(0xC2B2AE3D27D4EB4F) ^ length.astype(np.uint64)


def _has_a_key_twice(text: str) -> bool:
    found = False

    def members(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=members)
    return found
