"""A JSON document with an array of records, split without being parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Never

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.file_formats import batches
from assets.ingest.file_formats.batches import NOTHING, FileFacts, batch, refuse_structure
from assets.ingest.file_formats.decoding import decoded
from assets.ingest.file_formats.lines import spans
from assets.ingest.json_text import Structure
from assets.sources.formats import JsonArray

LONGEST_KEY = 4096
# What surrounds the records is small.
LARGEST_ENVELOPE = 4 << 20


def records(path: Path, codec: str, declared: JsonArray, facts: FileFacts) -> Iterator[pa.Table]:
    """Yield the elements of the array; cost is linear in bytes, memory a few chunks."""
    splitter = ElementSplitter(declared.keys)
    number = 0
    for chunk in decoded(path, codec):
        elements = splitter.feed(chunk)
        if len(elements):
            yield batch(number, elements)
            number += len(elements)
    last = splitter.finish()
    if len(last):
        yield batch(number, last)
    facts.envelope = splitter.envelope()


class ElementSplitter:
    """Splits a JSON array in a stream of UTF-8 chunks into its elements.

    The array is the one under `keys` of the file's object, or the file's own top-level array when
    there are none. Strings are found by their unescaped quotes, depth by counting brackets outside
    strings, in numpy; no byte of an element is looked at twice.
    """

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._unfinished: list[bytes] = []
        self._outside: list[bytes] = []
        self._state = "before"
        self._structure = Structure()
        self._empty = True

    def feed(self, chunk: bytes) -> pa.Array:
        """Add the next chunk; return the elements that have become complete, in order."""
        if self._state == "before":
            chunk = self._enter(b"".join((*self._unfinished, chunk)))
        if self._state == "inside":
            return self._split(chunk)
        if self._state == "after":
            self._outside.append(chunk)
            self._limit(self._outside, LARGEST_ENVELOPE, "the file goes on behind its records")
            return NOTHING
        self._unfinished.append(chunk)
        if self._state == "lone":
            self._limit(self._unfinished, batches.LARGEST_UNFINISHED, "the file has no end")
        else:
            self._limit(
                self._unfinished,
                min(LARGEST_ENVELOPE, batches.LARGEST_UNFINISHED),
                "the array of records does not begin where it should",
            )
        return NOTHING

    def _enter(self, text: bytes) -> bytes:
        """Skip to just behind the array's opening bracket, if `text` has it."""
        self._unfinished.clear()
        start = _array_start(text, self._keys)
        if start is None:
            if not self._keys and text.lstrip()[:1] == b"{":
                self._state = "lone"
            return text
        self._outside.append(text[:start])
        self._state = "inside"
        return text[start:]

    def _split(self, chunk: bytes) -> pa.Array:
        """Return the elements of which this chunk of the array has the end."""
        places, marks, depth = self._structure.feed(chunk)
        closing = np.flatnonzero(depth < 0)
        end = closing[0] if len(closing) else len(places)
        ends = places[:end][(depth[:end] == 0) & (marks[:end] == ord(","))]
        if len(closing):
            ends = np.append(ends, places[end])
            self._state = "after"
            self._outside.append(chunk[ends[-1] + 1 :])
        elif len(ends) == 0:
            self._unfinished.append(chunk)
            self._limit(
                self._unfinished, batches.LARGEST_UNFINISHED, "the file holds an unclosed record"
            )
            return NOTHING
        before = b"".join(self._unfinished)
        self._unfinished = [chunk[ends[-1] + 1 :]]
        starts = np.concatenate(([0], ends + 1 + len(before)))
        elements = pc.utf8_trim_whitespace(spans(before + chunk[: ends[-1] + 1], starts))
        if len(closing) and self._empty and len(elements) == 1 and elements[0].as_py() == "":
            return NOTHING
        self._empty = False
        if pc.any(pc.equal(elements, "")).as_py():
            refuse_structure("the array of records has a comma too many")
        return elements

    @staticmethod
    def _limit(parts: list[bytes], most: int, why: str) -> None:
        if sum(map(len, parts)) > most:
            refuse_structure(why)

    def finish(self) -> pa.Array:
        """Return the lone record, if the file was one.

        Raises:
            RefusedDeliveryError: The array was not found, or not closed.
        """
        if self._state == "lone":
            return pa.array([b"".join(self._unfinished).decode().strip()], pa.string())
        if self._state != "after":
            refuse_structure("the array of records is missing or not closed")
        return NOTHING

    def envelope(self) -> dict[str, object]:
        """Return the file without its records; raises RefusedDeliveryError if it is not JSON."""
        if self._state == "lone":
            return {}
        try:
            value = json.loads(
                b"".join([self._outside[0], b"]", *self._outside[1:]]),
                object_pairs_hook=self._members,
                parse_constant=_no_number,
            )
        except (ValueError, RecursionError):
            refuse_structure("what surrounds the array of records is not JSON")
        return value if isinstance(value, dict) else {}

    def _members(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Return an object of the envelope; refuse a repeated key, as either value may be right."""
        keys = sorted(key for key, _ in pairs)
        if twice := [key for key, following in pairwise(keys) if key == following]:
            named = next((key for key in self._keys if key in twice), None)
            which = f" ({named})" if named else ""
            refuse_structure(f"around the records a key comes twice{which}")
        return dict(pairs)


def _no_number(_: str) -> Never:
    raise ValueError


def _array_start(text: bytes, keys: tuple[str, ...]) -> int | None:
    """Return the position behind the opening bracket of the array, or None if it is not in `text`.

    The array is the one under `keys`, or the file itself when there are none.
    """
    if not keys:
        match = re.match(rb"\s*\[", text)
        return match.end() if match else None
    places, marks, depth = Structure().feed(text)
    opening = np.flatnonzero((marks == ord("[")) | (marks == ord("{")))
    places, marks, depth = places[opening], marks[opening], depth[opening]
    for candidate in np.flatnonzero((marks == ord("[")) & (depth == len(keys) + 1)).tolist():
        around = [
            int(np.flatnonzero(depth[:candidate] == level)[-1]) for level in range(1, len(keys) + 1)
        ]
        named = [_key_before(text, places[place]) for place in (*around[1:], candidate)]
        if named == list(keys) and all(marks[place] == ord("{") for place in around):
            return int(places[candidate]) + 1
    return None


def _key_before(text: bytes, place: int) -> object:
    """Return the key before `place`, behind which is its colon; None when there is none."""
    head = text[max(0, place - LONGEST_KEY) : place].rstrip()
    end = len(head[:-1].rstrip())
    if head[-1:] != b":" or head[end - 1 : end] != b'"':
        return None
    start = head.rfind(b'"', 0, end - 1)
    while start > 0 and (start - len(head[:start].rstrip(b"\\"))) % 2:
        start = head.rfind(b'"', 0, start)
    try:
        return json.loads(head[max(start, 0) : end])
    except ValueError:
        return None
