"""Structure of JSON text from its bytes, a batch at a time, in numpy: brackets, depth, repeated
keys.

No parser is used: parsers process one record at a time, silently take the last of two equal keys,
or build a path for every node, which grows with the square of depth. Cost is linear in bytes;
memory is some ten times the batch.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.column_names import is_secret

_QUOTE, _COLON, _SLASH = ord('"'), ord(":"), ord("\\")
_DEPTH = np.zeros(256, np.int8)
_DEPTH[[ord("["), ord("{")]] = 1
_DEPTH[[ord("]"), ord("}")]] = -1
_DEEPEST = np.iinfo(np.int16).max
# The first n bytes of a little-endian word of eight.
_FIRST_BYTES = np.array([(1 << 8 * count) - 1 for count in range(9)], np.uint64)

# All that DuckDB's parser accepts and that other parsers do not read, or not as a number: a comma
# before a closing bracket, nan and inf in any case, numbers beyond a double. It may also match
# inside a string, and shorter numbers: each match is checked again, by itself.
_LENIENT = (
    r",\s*[\]}]"
    r"|[:,\[]\s*-?(?i:nan|inf(?:inity)?)\s*[,\]}]"
    r"|[:,\[]\s*-?[0-9.]{200}"
    r"|[:,\[]\s*-?[0-9.]+[eE]\+?[0-9]{3}"
)
# Keys that may be a password's: with a part of the words, or in letters that may fold to it.
_SUSPECT_KEY = r'"[^"]*(?:(?i:pass|sala|losen)|\\|[^\x00-\x7f])[^"]*"\s*:'
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?', re.DOTALL)


class Structure:
    """Brackets and commas outside strings, of JSON text that comes in chunks."""

    def __init__(self) -> None:
        self._in_string = False
        self._escaped = False
        self._depth = 0

    def feed(self, text: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return their positions in the next chunk, their bytes, and the depth behind each."""
        if not text:
            return np.array([], np.int64), np.array([], np.uint8), np.array([], np.int64)
        data = np.frombuffer(b"\\" + text if self._escaped else text, np.uint8)
        places, marks, quotes = _marks(data, b"[]{},")
        outside = (marks != _QUOTE) & ((quotes + self._in_string) & 1 == 0)
        depth = self._depth + np.cumsum(_DEPTH[marks[outside]], dtype=np.int64)
        if len(quotes):
            self._in_string ^= bool(quotes[-1] & 1)
        if len(depth):
            self._depth = int(depth[-1])
        places = places[outside] - self._escaped
        whole = data.tobytes() if self._escaped else text
        self._escaped = (len(whole) - len(whole.rstrip(b"\\"))) % 2 == 1
        return places, marks[outside], depth


def suspicious(records: pa.Array, deepest: int) -> tuple[list[int], list[int], list[int]]:
    """Find faults of records that DuckDB's parser reads.

    Returns:
        The indexes of those that nest deeper than `deepest`; of the others those that are not JSON
        by its standard; and of the rest those where an object has a key twice.
    """
    if len(records) == 0:
        return [], [], []
    offsets = np.frombuffer(records.buffers()[1], np.int32)[
        records.offset : records.offset + len(records) + 1
    ].astype(np.int64)
    data = np.frombuffer(records.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    starts = offsets - offsets[0]
    places, marks, quotes = _marks(data, b"[]{}:")
    outside = (marks != _QUOTE) & (quotes & 1 == 0)
    bracket = outside & (marks != _COLON)
    steps = _DEPTH[marks[bracket]]
    depth = np.cumsum(steps, dtype=np.int32)
    colons = np.flatnonzero(outside & (marks == _COLON))
    if len(colons) == 0:
        doubtful = np.array([], np.int64)
    else:
        # A key is the string that ends before its colon.
        strings = places[marks == _QUOTE]
        first, last = strings[quotes[colons] - 2] + 1, strings[quotes[colons] - 1]
        container = _containers(depth, steps)[np.cumsum(bracket, dtype=np.int32)[colons] - 1]
        doubtful = places[colons[_doubtful_keys(data, first, last, container)]]
    deep = np.unique(np.searchsorted(starts, places[bracket][depth > deepest], side="right") - 1)
    repeated = np.unique(np.searchsorted(starts, doubtful, side="right") - 1)
    left_out = set(deep.tolist())
    unreadable = _those(records, _matching(records, _LENIENT), left_out, is_not_standard)
    left_out |= set(unreadable)
    return deep.tolist(), unreadable, _those(records, repeated, left_out, _has_a_key_twice)


def _matching(records: pa.Array, pattern: str) -> np.ndarray:
    return np.flatnonzero(pc.match_substring_regex(records, pattern).to_numpy(zero_copy_only=False))


def _those(
    records: pa.Array, indexes: np.ndarray, left_out: set[int], test: Callable[[str], bool]
) -> list[int]:
    return [
        index
        for index in indexes.tolist()
        if index not in left_out and test(records[index].as_py())
    ]


def is_not_standard(text: str) -> bool:
    """Return whether the text is not standard JSON, or has a number beyond a double."""
    try:
        json.loads(text, parse_int=_finite, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError):
        return True
    return False


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError
    return value


def without_passwords(records: pa.Array) -> pa.Array | None:
    """Return the records without members with a key that names a password, at any depth.

    A record that has one and cannot be parsed is emptied, because the end of the password is
    unknown. None if no record has one.
    """
    bare = {
        index: _without_passwords(text)
        for index in _matching(records, _SUSPECT_KEY).tolist()
        if _names_a_password(text := records[index].as_py())
    }
    if not bare:
        return None
    mask = np.zeros(len(records), np.bool_)
    mask[list(bare)] = True
    return pc.replace_with_mask(
        records, pa.array(mask), pa.array(list(bare.values()), records.type)
    )


def _names_a_password(text: str) -> bool:
    return any(colon and is_secret(_decoded(key)) for key, colon in _STRING.findall(text))


def _decoded(key: str) -> str:
    try:
        return str(json.loads(f'"{key}"', strict=False))
    except ValueError:
        return key


def _without_passwords(text: str) -> str:
    def members(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {key: value for key, value in pairs if not is_secret(key)}

    try:
        value = json.loads(text, object_pairs_hook=members)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return "{}"


def _marks(data: np.ndarray, wanted: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions of string quotes and `wanted` bytes, the bytes, and the quotes up to each.

    Everything else is computed from these alone: they are a fraction of the text.
    """
    marked = data == _QUOTE
    escaped = _escaped(np.flatnonzero(data == _SLASH), len(data))
    marked[escaped] = False
    for byte in wanted:
        marked |= data == byte
    places = np.flatnonzero(marked)
    marks = data[places]
    return places, marks, np.cumsum(marks == _QUOTE, dtype=np.int32)


def _escaped(slashes: np.ndarray, length: int) -> np.ndarray:
    """Return the positions behind the first, third, ... backslash of each run of them."""
    if len(slashes) == 0:
        return slashes
    numbers = np.arange(len(slashes))
    begins = np.concatenate(([True], np.diff(slashes) > 1))
    in_run = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    behind = slashes[in_run % 2 == 0] + 1
    return behind[behind < length]


def _containers(depth: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return, for each bracket, the number of the array or object that the text is in behind it.

    Within a depth, by position, every opening bracket begins a container that lasts until the next.
    """
    order = np.argsort(np.minimum(depth, _DEEPEST).astype(np.int16), kind="stable")
    container = np.empty(len(depth), np.int64)
    container[order] = np.maximum.accumulate(np.where(steps[order] == 1, np.arange(len(order)), -1))
    return container


def _doubtful_keys(
    data: np.ndarray, first: np.ndarray, last: np.ndarray, container: np.ndarray
) -> np.ndarray:
    """Return the keys that may be repeated in their object.

    By equal fingerprints, or because a key is written with escapes.
    """
    mixed = _fingerprints(data, first, last) ^ (
        container.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    )
    ranked = np.sort(mixed)
    twice = ranked[1:][ranked[1:] == ranked[:-1]]
    doubtful = np.isin(mixed, twice) if len(twice) else np.zeros(len(mixed), np.bool_)
    slashes = np.flatnonzero(data == _SLASH)
    if len(slashes):
        doubtful |= np.searchsorted(slashes, last) > np.searchsorted(slashes, first)
    return np.flatnonzero(doubtful)


def _fingerprints(data: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return a hash per key of its first and last eight bytes and its length.

    Equal keys have equal hashes; others seldom do.
    """
    padded = np.concatenate((data, np.zeros(8, np.uint8)))
    eight_bytes = np.ndarray(len(data) + 1, np.uint64, padded, strides=(1,))
    length = last - first
    mask = _FIRST_BYTES[np.minimum(length, 8)]
    head = eight_bytes[first] & mask
    tail = eight_bytes[np.maximum(last - 8, first)] & mask
    return (
        head * np.uint64(0x9E3779B97F4A7C15)
        ^ tail * np.uint64(0xC2B2AE3D27D4EB4F)
        ^ length.astype(np.uint64)
    )


def _has_a_key_twice(text: str) -> bool:
    repeated = False

    def members(pairs: list[tuple[str, object]]) -> None:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=members, parse_int=str)
    return repeated
