"""From a delivered file to batches of records: JSON arrays, JSON lines and CSV, as a stream with flat memory.

Each reader yields Arrow tables (record_no int64, payload string, faults list<string>), a row per delivered record,
and never drops one: what cannot be read as a record comes with a fault code. A file that is not of its format as a
whole raises RefusedDeliveryError("DEL-STRUCTURE"). No message ever holds text of the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from assets.json_text import structure
from schemas.delivery import RefusedDeliveryError

CHUNK = 8 << 20
LARGEST_RECORD = 4 << 20
DEEPEST_RECORD = 100

BATCH = pa.schema(
    [
        ("record_no", pa.int64()),
        ("payload", pa.string()),
        ("faults", pa.list_(pa.string())),
    ]
)


def decoded(path: Path, codec: str) -> Iterator[bytes]:
    """The file's text as UTF-8 chunks; raises RefusedDeliveryError when it is not in the declared encoding."""
    decoder = codecs.getincrementaldecoder(codec)(errors="strict")
    with path.open("rb") as file:
        try:
            first = True
            while chunk := file.read(CHUNK):
                text = decoder.decode(chunk)
                yield (text.removeprefix("\ufeff") if first else text).encode()
                first = False
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError:
            raise RefusedDeliveryError(
                "DEL-ENCODING", "the file is not in the encoding that its manifest declares"
            ) from None


def read_json_array(path: Path, codec: str, splitter: ElementSplitter) -> Iterator[pa.Table]:
    """Elements of the array that `splitter` looks for; afterwards it knows the envelope.

    Where a top-level array is expected, a lone object is one record (an error answer delivered as data). Elements are
    cut out at their commas and brackets, in numpy, without parsing them: cost is linear in bytes, memory a few chunks.
    """
    number = 0
    for chunk in decoded(path, codec):
        elements = splitter.feed(chunk)
        if len(elements):
            yield _batch(number, elements)
            number += len(elements)
    last = splitter.finish()
    if len(last):
        yield _batch(number, last)


def read_json_lines(path: Path, codec: str) -> Iterator[pa.Table]:
    """Non-blank lines of the file."""
    number = 0
    rest = b""
    for chunk in (*decoded(path, codec), b"\n"):
        text = rest + chunk
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        if len(ends) == 0:
            rest = text
            continue
        lines = _spans(text, np.concatenate(([0], ends + 1)))
        lines = lines.filter(pc.not_equal(lines, ""))
        rest = text[ends[-1] + 1 :]
        if len(lines):
            yield _batch(number, lines)
            number += len(lines)


def read_csv(path: Path, codec: str) -> Iterator[pa.Table]:
    """Rows of a comma-separated file with a header, each as a JSON object of strings under the header's names.

    A row with another number of fields than the header comes after the good ones, as its text, with REC-CSV-FIELDS.
    """
    misfits: list[str] = []

    def misfit(row: arrow_csv.InvalidRow) -> str:
        misfits.append(row.text or "")
        return "skip"

    number = 0
    try:
        with _open_csv(path, codec, misfit, {}) as reader:
            names = reader.schema.names
        if len(set(names)) != len(names):
            raise RefusedDeliveryError("DEL-STRUCTURE", "the header has the same column twice")
        misfits.clear()
        with _open_csv(path, codec, misfit, dict.fromkeys(names, pa.string())) as reader:
            for batch in reader:
                if batch.num_rows:
                    yield _batch(number, _as_objects(pa.Table.from_batches([batch])))
                    number += batch.num_rows
    except pa.ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise RefusedDeliveryError(
                "DEL-STRUCTURE", "the file is not comma-separated text with a header"
            ) from None
    if misfits:
        rows = pa.array(misfits, pa.string())
        yield _batch(number, rows, "REC-CSV-FIELDS")


class ElementSplitter:
    """Cuts the elements of one JSON array out of a stream of UTF-8 chunks: the array under `key` of the file's object,
    or the file's own top-level array when `key` is None.

    Strings are found by their unescaped quotes, depth by counting brackets outside strings. What is left of an
    unfinished element is looked at again with the next chunk, so no state but the bytes is carried along.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._rest = b""
        self._outside: list[bytes] = []
        self._state = "before"

    def feed(self, chunk: bytes) -> pa.Array:
        """Take the next chunk; answer the elements that have become complete, in order."""
        text = self._rest + chunk
        if self._state == "before":
            text = self._enter(text)
        if self._state == "after":
            self._outside.append(chunk)
            return _NOTHING
        if self._state != "inside":
            self._rest = text if self._state in ("before", "lone") else b""
            return _NOTHING
        starts, closed = _element_starts(text)
        elements = _spans(text, starts)
        self._rest = text[starts[-1] :]
        if closed:
            self._state = "after"
            self._outside.append(self._rest)
            self._rest = b""
            if len(elements) == 1 and elements[0].as_py() == "":
                return _NOTHING
        elif len(self._rest) > 64 * LARGEST_RECORD:
            raise RefusedDeliveryError("DEL-STRUCTURE", "the file holds an unclosed record")
        return elements

    def _enter(self, text: bytes) -> bytes:
        """Skip to just behind the array's opening bracket, if `text` holds it."""
        start = _array_start(text, self._key)
        if start is None:
            if self._key is None and text.lstrip()[:1] == b"{":
                self._state = "lone"
            return text
        self._outside.append(text[:start])
        self._state = "inside"
        return text[start:]

    def finish(self) -> pa.Array:
        """The lone record, if the file was one; raises RefusedDeliveryError unless the array was found and closed."""
        if self._state == "lone":
            return pa.array([self._rest.decode().strip()], pa.string())
        if self._state != "after":
            raise RefusedDeliveryError(
                "DEL-STRUCTURE", "the array of records is missing or not closed"
            )
        self.envelope()
        return _NOTHING

    def envelope(self) -> dict[str, object]:
        """The file without its records; raises RefusedDeliveryError when that is not JSON."""
        if self._state == "lone":
            return {}
        try:
            value = json.loads(b"".join([self._outside[0], b"]", *self._outside[1:]]))
        except (ValueError, RecursionError):
            raise RefusedDeliveryError(
                "DEL-STRUCTURE", "what surrounds the array of records is not JSON"
            ) from None
        return value if isinstance(value, dict) else {}


_NOTHING = pa.array([], pa.string())


def _element_starts(text: bytes) -> tuple[np.ndarray, bool]:
    """Where elements begin inside an open array: 0, behind each comma at its level, and behind its closing bracket."""
    places, found, depth = structure(text)
    closing = np.flatnonzero(depth < 0)
    end = closing[0] if len(closing) else len(places)
    commas = places[:end][(depth[:end] == 0) & (found[:end] == ord(","))]
    ends = np.append(commas, places[end]) if len(closing) else commas
    return np.concatenate(([0], ends + 1)), bool(len(closing))


def _array_start(text: bytes, key: str | None) -> int | None:
    """Just behind the opening bracket of the array under `key` (of the file itself when None), or None if not seen."""
    if key is None:
        match = re.match(rb"\s*\[", text)
        return match.end() if match else None
    places, found, depth = structure(text)
    candidates = places[(found == ord("[")) & (depth == 2)]
    member = re.compile(rb'"' + re.escape(key.encode()) + rb'"\s*:\s*$')
    for place in candidates:
        if member.search(text[:place]):
            return int(place) + 1
    return None


def _spans(text: bytes, starts: np.ndarray) -> pa.Array:
    """The stretches between consecutive starts, each without its last byte (the separator) and outer white space."""
    if len(starts) < 2:
        return _NOTHING
    offsets = pa.py_buffer(starts.astype(np.int32))
    stretches = pa.Array.from_buffers(
        pa.binary(), len(starts) - 1, [None, offsets, pa.py_buffer(text)]
    )
    return pc.utf8_trim_whitespace(pc.binary_slice(stretches, 0, -1).cast(pa.string()))


class _Stream:
    """Chunks of bytes as the file-like object that Arrow reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size or size < 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        answer, self._rest = (
            (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        )
        return answer

    def close(self) -> None:
        self.closed = True


def _open_csv(
    path: Path,
    codec: str,
    misfit: Callable[[arrow_csv.InvalidRow], str],
    types: dict[str, pa.DataType],
) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        pa.PythonFile(_Stream(decoded(path, codec)), mode="r"),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=CHUNK),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=misfit),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, strings_can_be_null=False, null_values=[]
        ),
    )


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """A database that holds nothing; kept, because making one takes longer than writing a batch as objects."""
    return duckdb.connect()


def _as_objects(rows: pa.Table) -> pa.Array:
    with _database().cursor() as connection:
        connection.register("rows", rows)
        return (
            connection.execute("SELECT to_json(rows)::VARCHAR AS payload FROM rows")
            .to_arrow_table()["payload"]
            .combine_chunks()
        )


def _batch(number: int, payload: pa.Array, fault: str | None = None) -> pa.Table:
    faults = pa.array([[fault] if fault else []] * len(payload), pa.list_(pa.string()))
    return pa.Table.from_arrays(
        [pa.array(np.arange(number, number + len(payload))), payload.cast(pa.string()), faults],
        schema=BATCH,
    )
