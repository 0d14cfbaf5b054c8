"""Separated values behind a header, streamed by Arrow's reader."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from assets.ingest import column_names
from assets.ingest.file_formats import decoding
from assets.ingest.file_formats.batches import FileFacts, batch, objects, refuse_structure
from assets.ingest.file_formats.decoding import decoded
from assets.sources.formats import Csv
from schemas.delivery import RefusedDeliveryError


def records(path: Path, codec: str, declared: Csv, facts: FileFacts) -> Iterator[pa.Table]:
    """Yield the rows as JSON objects of strings.

    A row with another number of fields comes after the good ones read with it, as its text, with
    REC-CSV-FIELDS; unless only blank trailing columns make the difference.

    Raises:
        RefusedDeliveryError: The file is not CSV, or its header does not identify each column.
    """
    header = Header(declared)
    facts.missing_columns = header.missing
    misfits: list[arrow_csv.InvalidRow] = []

    def misfit(row: arrow_csv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    def opened(types: dict[str, pa.DataType]) -> arrow_csv.CSVStreamingReader:
        return _open(path, codec, declared.delimiter, misfit, types)

    number = 0
    try:
        with opened({}) as reader:
            columns = reader.schema.names
        header.read(columns)
        facts.missing_columns = header.missing
        facts.blank_columns, facts.dropped_columns = header.blank, header.dropped
        misfits.clear()
        with opened(dict.fromkeys(columns, pa.string())) as reader:
            for block in reader:
                for rows, fault in _rows(header, block, misfits):
                    yield batch(number, rows, fault)
                    number += len(rows)
                misfits.clear()
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            _refuse_long_row()
        if "Empty CSV file" not in str(error):
            refuse_structure(f"the file is not {_NAMES[declared.delimiter]} text with a header")
        _read_only_line(path, codec, declared, header)
        facts.missing_columns = header.missing
    for rows, fault in _rows(header, None, misfits):
        yield batch(number, rows, fault)
        number += len(rows)


def _read_only_line(path: Path, codec: str, declared: Csv, header: Header) -> None:
    """Read the header of a file in which Arrow finds no line: it has one without an end, or none.

    Raises:
        RefusedDeliveryError: It is no header, or has no end at all.
    """
    chunks = decoded(path, codec)
    text = next(chunks, b"").decode()
    if any(chunks):
        _refuse_long_row()
    if text.strip():
        header.read(next(csv.reader([text.strip()], delimiter=declared.delimiter)))


def _refuse_long_row() -> Never:
    refuse_structure(
        f"a row is longer than {decoding.CHUNK >> 20} MiB: is a quotation mark not closed?"
    )


_NAMES = {",": "comma-separated", ";": "semicolon-separated", "\t": "tab-separated"}


class Header:
    """The header of a file, compared with the columns that the dataset declares.

    A column is the declared one when only capitals, white space or invisible characters
    distinguish their names, and gets its declared name; others keep theirs, trimmed. Columns of
    passwords are never read, and blank ones at the end are ignored.
    """

    def __init__(self, declared: Csv) -> None:
        self.delimiter = declared.delimiter
        self._names = declared.columns
        self._declared = {column_names.compatible(name): name for name in declared.columns} | {
            column_names.compatible(other): name
            for name, others in declared.also_called.items()
            for other in others
        }
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
        self.missing: list[str] = list(declared.columns)
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
            refuse_structure(f"column {blank} of the header is blank: give it a name")
        named = [self._name(column) for column in columns[: self.width]]
        self._each_once(named, folded)
        secret = [column_names.is_secret(column) for column in columns[: self.width]]
        self.names = {place: name for place, name in enumerate(named) if not secret[place]}
        self.dropped = sum(secret)
        self.missing = [name for name in self._names if name not in named]
        if not self.names or (self._names and len(self.missing) == len(self._names)):
            refuse_structure(
                "the header has none of the dataset's columns: is the file "
                f"{_NAMES[self.delimiter]}?"
            )

    def objects(self, columns: list[Any]) -> pa.Array:
        """Return a JSON object per row of all columns."""
        return objects(list(self.names.values()), [columns[place] for place in self.names])

    def _name(self, column: str) -> str:
        known = self._declared.get(column_names.compatible(column))
        return known or column_names.trimmed(column)

    def _each_once(self, named: list[str], folded: list[str]) -> None:
        declared = set(self._names)
        places: dict[str, int] = {}
        for place, name in enumerate(named):
            key = name if name in declared else folded[place]
            first = places.setdefault(key, place)
            if first != place:
                which = f" ({name})" if name in declared else ""
                refuse_structure(
                    f"the header has the same column twice{which}: columns {first + 1} and "
                    f"{place + 1} differ in nothing but capitals or blanks"
                )


def _rows(
    header: Header, block: pa.RecordBatch | None, misfits: list[arrow_csv.InvalidRow]
) -> Iterator[tuple[pa.Array, str | None]]:
    """Yield the payloads of a block's rows, the misfits last, each with its fault."""
    if block is not None and block.num_rows:
        for place in range(header.width, block.num_columns):
            if pc.any(pc.not_equal(pc.utf8_trim_whitespace(block.column(place)), "")).as_py():
                refuse_structure(
                    f"column {place + 1} has values but no name: the header's is blank"
                )
        yield header.objects(block.columns), None
    if not misfits:
        return
    fitting = [_without_blank_end(header, row) for row in misfits]
    whole = [fields for fields in fitting if fields is not None]
    if whole:
        columns = [pa.array(column, pa.string()) for column in zip(*whole, strict=True)]
        yield header.objects(columns), None
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
        text = io.StringIO(row.text or "", newline="")
        fields = next(csv.reader(text, delimiter=header.delimiter), [])
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


def _open(
    path: Path,
    codec: str,
    delimiter: str,
    misfit: Callable[[arrow_csv.InvalidRow], str],
    types: dict[str, pa.DataType],
) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        pa.PythonFile(_Stream(decoded(path, codec)), mode="r"),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=decoding.CHUNK),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=misfit
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=types, strings_can_be_null=False, null_values=[]
        ),
    )
