"""Readers of delivered files: JSON arrays, JSON lines and CSV, streamed in constant memory.

Each reader yields Arrow tables (record_no int64, payload string, faults list<string>), a row per
delivered record, and never drops one: what cannot be read as a record comes with a fault code. A
file that as a whole is not of its format raises RefusedDeliveryError("DEL-STRUCTURE"). No message
ever contains text of the file.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Never

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from assets.ingest import column_names
from assets.ingest.json_text import structure
from assets.storage import quoting
from schemas.delivery import RefusedDeliveryError

CHUNK = 8 << 20
LARGEST_RECORD = 4 << 20
DEEPEST_RECORD = 100
# What does not end within so many bytes is neither a record nor an envelope around records.
LARGEST_UNFINISHED = 64 * LARGEST_RECORD
LONGEST_KEY = 4096
# Byte-order marks as they appear at the start of text decoded with another encoding.
FOREIGN_MARKS = ("\u00ef\u00bb\u00bf", "\u00ff\u00fe", "\u00fe\u00ff", "\ufffe")

BATCH = pa.schema(
    [
        ("record_no", pa.int64()),
        ("payload", pa.string()),
        ("faults", pa.list_(pa.string())),
    ]
)


def decoded(path: Path, codec: str) -> Iterator[bytes]:
    """Yield the file's text as UTF-8 chunks.

    Raises:
        RefusedDeliveryError: The file is not in the declared encoding, or cannot be read.
    """
    decoder = codecs.getincrementaldecoder(codec)(errors="strict")
    try:
        with path.open("rb") as file:
            first = True
            while chunk := file.read(CHUNK):
                text = decoder.decode(chunk)
                if first and text.startswith(FOREIGN_MARKS):
                    raise RefusedDeliveryError(
                        "DEL-ENCODING", "the file begins with another encoding's byte-order mark"
                    )
                yield (text.removeprefix("\ufeff") if first else text).encode()
                first = False
            yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise RefusedDeliveryError(
            "DEL-ENCODING", "the file is not in the encoding that its manifest declares"
        ) from None
    except OSError:
        raise RefusedDeliveryError("DEL-UNREADABLE") from None


def read_json_array(path: Path, codec: str, splitter: ElementSplitter) -> Iterator[pa.Table]:
    """Yield the elements of the array that `splitter` looks for; afterwards it has the envelope.

    Where a top-level array is expected, a lone object is one record (an error response delivered as
    data). Elements are split at their commas and brackets, in numpy, without parsing them: cost is
    linear in bytes, memory a few chunks.
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
    """Yield the non-blank lines of the file."""
    number = 0
    rest = b""
    for chunk in (*decoded(path, codec), b"\n"):
        text = rest + chunk
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        if len(ends) == 0:
            rest = text
            if len(rest) > LARGEST_UNFINISHED:
                raise RefusedDeliveryError("DEL-STRUCTURE", "the file holds an endless line")
            continue
        lines = _spans(text, np.concatenate(([0], ends + 1)))
        lines = lines.filter(pc.not_equal(lines, ""))
        rest = text[ends[-1] + 1 :]
        if len(lines):
            yield _batch(number, lines)
            number += len(lines)


def read_csv(path: Path, codec: str, header: Header | None = None) -> Iterator[pa.Table]:
    """Yield the rows of a comma-separated file with a header, each as a JSON object of strings.

    The objects have the columns of `header`, which afterwards has the file's. A row with another
    number of fields comes after the good ones read with it, as its text, with REC-CSV-FIELDS;
    unless only blank trailing columns make the difference.

    Raises:
        RefusedDeliveryError: The file is not CSV, or its header does not identify each column.
    """
    header = header or Header(())
    misfits: list[arrow_csv.InvalidRow] = []

    def misfit(row: arrow_csv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    number = 0
    try:
        with _open_csv(path, codec, misfit, {}) as reader:
            columns = reader.schema.names
        header.read(columns)
        misfits.clear()
        with _open_csv(path, codec, misfit, dict.fromkeys(columns, pa.string())) as reader:
            for batch in reader:
                for rows, fault in _rows(header, batch, misfits):
                    yield _batch(number, rows, fault)
                    number += len(rows)
                misfits.clear()
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            _refuse_structure(
                f"a row is longer than {CHUNK >> 20} MiB: is a quotation mark not closed?"
            )
        if "Empty CSV file" not in str(error):
            _refuse_structure("the file is not comma-separated text with a header")
    for rows, fault in _rows(header, None, misfits):
        yield _batch(number, rows, fault)
        number += len(rows)


class Header:
    """The header of a CSV file, compared with the columns that the dataset declares.

    A column is the declared one when only capitals, white space or invisible characters
    distinguish their names, and gets its declared name; others keep theirs, trimmed. Columns of
    passwords are never read, and blank ones at the end are ignored.
    """

    def __init__(self, declared: Collection[str]) -> None:
        self._declared = {column_names.compatible(name): name for name in declared}
        self.names: dict[int, str] = {}
        """The columns that are read: position -> name."""
        self.width = 0
        """How many columns have a name."""
        self.blank = 0
        """How many columns at the end have none."""
        self.dropped = 0
        """How many columns are of passwords."""
        self.redacted = 0
        """How many rows may contain a password, so that their text is not stored."""
        self.missing: list[str] = list(declared)
        """The declared columns that the file does not have."""

    def read(self, columns: list[str]) -> None:
        """Read the header's cells; raises RefusedDeliveryError unless each has a name."""
        if any("\0" in column for column in columns):
            raise RefusedDeliveryError(
                "DEL-ENCODING", "the header holds NUL characters: the file is in another encoding"
            )
        folded = [column_names.folded(column) for column in columns]
        self.width = max((place for place, name in enumerate(folded, 1) if name), default=0)
        self.blank = len(columns) - self.width
        if not self.width or not all(folded[: self.width]):
            blank = folded.index("") + 1
            _refuse_structure(f"column {blank} of the header is blank: give it a name")
        named = [self._name(column) for column in columns[: self.width]]
        self._each_once(named, folded)
        secret = [column_names.is_secret(column) for column in columns[: self.width]]
        self.names = {place: name for place, name in enumerate(named) if not secret[place]}
        self.dropped = sum(secret)
        self.missing = [name for name in self._declared.values() if name not in named]
        if not self.names or (self._declared and len(self.missing) == len(self._declared)):
            _refuse_structure(
                "the header has none of the dataset's columns: is the file comma-separated?"
            )

    def _name(self, column: str) -> str:
        known = self._declared.get(column_names.compatible(column))
        return known or column_names.trimmed(column)

    def _each_once(self, named: list[str], folded: list[str]) -> None:
        declared = set(self._declared.values())
        places: dict[str, int] = {}
        for place, name in enumerate(named):
            key = name if name in declared else folded[place]
            first = places.setdefault(key, place)
            if first != place:
                which = f" ({name})" if name in declared else ""
                _refuse_structure(
                    f"the header has the same column twice{which}: columns {first + 1} and "
                    f"{place + 1} differ in nothing but capitals or blanks"
                )


def _refuse_structure(why: str) -> Never:
    # The cause may quote the file.
    raise RefusedDeliveryError("DEL-STRUCTURE", why) from None


def _rows(
    header: Header, batch: pa.RecordBatch | None, misfits: list[arrow_csv.InvalidRow]
) -> Iterator[tuple[pa.Array, str | None]]:
    """Yield the payloads of a block's rows, the misfits last, each with its fault."""
    if batch is not None and batch.num_rows:
        for place in range(header.width, batch.num_columns):
            if pc.any(pc.not_equal(pc.utf8_trim_whitespace(batch.column(place)), "")).as_py():
                _refuse_structure(
                    f"column {place + 1} has values but no name: the header's is blank"
                )
        yield _as_objects(header, batch.columns), None
    if not misfits:
        return
    fitting = [_without_blank_end(header, row) for row in misfits]
    whole = [fields for fields in fitting if fields is not None]
    if whole:
        columns = [pa.array(column, pa.string()) for column in zip(*whole, strict=True)]
        yield _as_objects(header, columns), None
    texts = [
        _misfit_text(header, row)
        for row, fields in zip(misfits, fitting, strict=True)
        if fields is None
    ]
    if texts:
        yield pa.array(texts, pa.string()), "REC-CSV-FIELDS"


def _without_blank_end(header: Header, row: arrow_csv.InvalidRow) -> list[str] | None:
    """Return the row's fields under named columns, or None with too few or non-blank extra ones."""
    if row.actual_columns < header.width:
        return None
    try:
        fields = next(csv.reader(io.StringIO(row.text or "", newline="")), [])
    except csv.Error:
        return None
    fits = len(fields) == row.actual_columns and not "".join(fields[header.width :]).strip()
    return fields[: header.width] if fits else None


def _misfit_text(header: Header, row: arrow_csv.InvalidRow) -> str:
    if not header.dropped:
        return row.text or ""
    # Its fields do not match the columns: any of them may be the password.
    header.redacted += 1
    return f"row {header.redacted} withheld: it may hold a password"


class ElementSplitter:
    """Splits a JSON array in a stream of UTF-8 chunks into its elements.

    The array is the one under `key` of the file's object, or the file's own top-level array when
    `key` is None. Strings are found by their unescaped quotes, depth by counting brackets outside
    strings. The rest of an unfinished element is scanned again with the next chunk, so that the
    bytes are the only state.
    """

    def __init__(self, key: str | None) -> None:
        self._key = key
        self._rest = b""
        self._outside: list[bytes] = []
        self._state = "before"
        self._empty = True

    def feed(self, chunk: bytes) -> pa.Array:
        """Add the next chunk; return the elements that have become complete, in order."""
        text = self._rest + chunk
        if self._state == "before":
            text = self._enter(text)
        if self._state == "after":
            self._outside.append(chunk)
            return _NOTHING
        if self._state != "inside":
            if len(text) > LARGEST_UNFINISHED:
                _refuse_structure("the array of records does not begin where it should")
            self._rest = text
            return _NOTHING
        starts, closed = _element_starts(text)
        elements = _spans(text, starts)
        self._rest = text[starts[-1] :]
        if closed:
            self._state = "after"
            self._outside.append(self._rest)
            self._rest = b""
            if self._empty and len(elements) == 1 and elements[0].as_py() == "":
                return _NOTHING
        elif len(self._rest) > LARGEST_UNFINISHED:
            _refuse_structure("the file holds an unclosed record")
        if len(elements):
            self._empty = False
            if pc.any(pc.equal(elements, "")).as_py():
                _refuse_structure("the array of records has a comma too many")
        return elements

    def _enter(self, text: bytes) -> bytes:
        """Skip to just behind the array's opening bracket, if `text` has it."""
        start = _array_start(text, self._key)
        if start is None:
            if self._key is None and text.lstrip()[:1] == b"{":
                self._state = "lone"
            return text
        self._outside.append(text[:start])
        self._state = "inside"
        return text[start:]

    def finish(self) -> pa.Array:
        """Return the lone record, if the file was one.

        Raises:
            RefusedDeliveryError: The array was not found, or not closed.
        """
        if self._state == "lone":
            return pa.array([self._rest.decode().strip()], pa.string())
        if self._state != "after":
            raise RefusedDeliveryError(
                "DEL-STRUCTURE", "the array of records is missing or not closed"
            )
        self.envelope()
        return _NOTHING

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
            raise RefusedDeliveryError(
                "DEL-STRUCTURE", "what surrounds the array of records is not JSON"
            ) from None
        return value if isinstance(value, dict) else {}

    def _members(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """Return an object of the envelope; refuse a repeated key, as either value may be right."""
        keys = sorted(key for key, _ in pairs)
        if twice := [key for key, following in pairwise(keys) if key == following]:
            which = f" ({self._key})" if self._key in twice else ""
            _refuse_structure(f"around the records a key comes twice{which}")
        return dict(pairs)


def _no_number(_: str) -> Never:
    raise ValueError


_NOTHING = pa.array([], pa.string())


def _element_starts(text: bytes) -> tuple[np.ndarray, bool]:
    """Return where elements begin inside an open array, and whether it is closed.

    They begin at 0, behind each comma at the array's level, and behind its closing bracket.
    """
    places, marks, depth = structure(text)
    closing = np.flatnonzero(depth < 0)
    end = closing[0] if len(closing) else len(places)
    commas = places[:end][(depth[:end] == 0) & (marks[:end] == ord(","))]
    ends = np.append(commas, places[end]) if len(closing) else commas
    return np.concatenate(([0], ends + 1)), bool(len(closing))


def _array_start(text: bytes, key: str | None) -> int | None:
    """Return the position behind the opening bracket of the array, or None if it is not in `text`.

    The array is the one under `key`, or the file itself when `key` is None.
    """
    if key is None:
        match = re.match(rb"\s*\[", text)
        return match.end() if match else None
    places, marks, depth = structure(text)
    for place in places[(marks == ord("[")) & (depth == 2)]:
        if _key_before(text[max(0, place - LONGEST_KEY) : place]) == key:
            return int(place) + 1
    return None


def _key_before(text: bytes) -> object:
    """Return the key at the end of `text`, before its colon; None when there is none."""
    head = text.rstrip()
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


def _spans(text: bytes, starts: np.ndarray) -> pa.Array:
    """Return the spans between consecutive starts, trimmed, each without its last byte.

    That byte is the separator.
    """
    if len(starts) < 2:
        return _NOTHING
    offsets = pa.py_buffer(starts.astype(np.int32))
    spans = pa.Array.from_buffers(pa.binary(), len(starts) - 1, [None, offsets, pa.py_buffer(text)])
    return pc.utf8_trim_whitespace(pc.binary_slice(spans, 0, -1).cast(pa.string()))


class _Stream:
    """A file-like object over chunks of bytes, for Arrow to read from."""

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
        result, self._rest = (
            (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        )
        return result

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
    """Return an empty database; cached, because opening one takes longer than a batch does."""
    return duckdb.connect()


def _as_objects(header: Header, columns: list[Any]) -> pa.Array:
    """Return a JSON object per row. The query uses positions as names, so any header works."""
    rows = pa.table({f"c{place}": columns[place] for place in header.names})
    members = ", ".join(
        f"{quoting.literal(name)}, c{place}" for place, name in header.names.items()
    )
    with _database().cursor() as connection:
        connection.register("delivered", rows)
        return (
            connection.execute(f"SELECT json_object({members})::VARCHAR AS payload FROM delivered")
            .to_arrow_table()["payload"]
            .combine_chunks()
        )


def _batch(number: int, payload: pa.Array, fault: str | None = None) -> pa.Table:
    faults = pa.array([[fault] if fault else []] * len(payload), pa.list_(pa.string()))
    return pa.Table.from_arrays(
        [pa.array(np.arange(number, number + len(payload))), payload.cast(pa.string()), faults],
        schema=BATCH,
    )
