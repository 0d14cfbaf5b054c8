"""Which of many texts are worth looking for spellings in: those that hold a fragment which every
spelling has.

A whole column is taken at once: what is neither a letter nor a digit is dropped, and eight bytes at
a time are looked up in a table of how fragments begin, so the time does not depend on how many
identifiers are searched. A text with escapes that may hide a letter or a digit is decoded first;
there are few of those.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.ingest.mentions.decoding import readings
from assets.ingest.mentions.spellings import squeezed
from assets.storage.data_root import DataRoot
from assets.storage.relations import Relation, Scope
from schemas.columns import TableModel, arrow_schema
from schemas.staged import CANONICAL, ContactPoints, Identifiers
from schemas.token_rules import ALIKE_BLOCKS

BATCH_ROWS = 16_384

_WINDOW = 6
_MASK = np.uint64((1 << 8 * _WINDOW) - 1)
_BITS = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_END, _BETWEEN = 0xFF, b"\xfe"
_LETTERS = b"0123456789abcdefghijklmnopqrstuvwxyz"
_DROPPED = bytes(set(range(255)) - {*_LETTERS, *_LETTERS.upper()})
_LOWER = bytes(range(256)).lower()
# What may hide a letter or digit: escapes of one, and other alphabets' digits and letters, where
# they look like ASCII and stand beside it.
HIDING = (
    r"%(?:25)*(?:3\d|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa]|[eEfF][0-9A-Fa-f]%|[dD][0-5]%)"
    r"|\\u(?:00[3-7]|0[346]|1[dD]|2[14]|[fF][fF])|\\x[3-7]|&(?:amp;)*#"
    r"|(?:=[2-7][0-9A-Fa-f]){2}|=[C-Fc-f][0-9A-Fa-f]=|[0-9A-Za-z@.](?:</?[A-Za-z]|<!)"
    rf"|[0-9A-Za-z@._-][{ALIKE_BLOCKS}]|[{ALIKE_BLOCKS}][0-9A-Za-z@._-]"
    r"|[A-Za-z][\x{300}-\x{36f}]"
    r"|[\x{660}-\x{669}\x{6f0}-\x{6f9}\x{966}-\x{96f}\x{2460}-\x{24ff}"
    r"\x{ff10}-\x{ff5a}\x{1d400}-\x{1d7ff}]"
)
# Escapes of anything else: their letters and digits are no part of the text.
_ESCAPES = (
    r"\\+(?:[nrtbf]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})|%(?:25)*[0-9A-Fa-f]{2}|=[0-9A-Fa-f]{2}"
    r"|&(?:amp;)*(?:[A-Za-z]{2,10}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});"
)

WORTH_READING = Relation(
    name="worth_reading",
    summary="Records of raw and staged whose texts may contain a searched value.",
    columns={"delivery_id": "VARCHAR", "layer": "VARCHAR", "record_no": "BIGINT"},
    amended_from=("decided_redactions",),
    scope=Scope.RECORD,
)


class Prefilter:
    """A set of fragments, of ASCII letters in lower case and digits. Built once, for any number of
    columns.

    Attributes:
        scanned: The records found in each version of a file; files are replaced, never changed.
    """

    def __init__(self, fragments: Iterable[bytes]) -> None:
        self.scanned: dict[tuple[Path, int, int], list[int]] = {}
        given = {fragment for fragment in fragments if fragment}
        self._short = sorted(identifier for identifier in given if len(identifier) < _WINDOW)
        # By how they begin, and how long they are: an address has many forms that begin alike.
        self._by_start: dict[int, dict[int, set[bytes]]] = {}
        for identifier in given:
            if len(identifier) >= _WINDOW:
                start = int.from_bytes(identifier[:_WINDOW], "little")
                alike = self._by_start.setdefault(start, {})
                alike.setdefault(len(identifier), set()).add(identifier)
        self._table = np.zeros(1 << _BITS, dtype=bool)
        self._table[_slots(np.array(list(self._by_start), dtype=np.uint64))] = True

    def __bool__(self) -> bool:
        return bool(self._by_start or self._short)

    def candidates(self, texts: pa.Array) -> np.ndarray:
        """The indexes of the texts that may contain a searched value, sorted."""
        if len(texts) == 0 or not self:
            return np.array([], np.int64)
        texts = texts.cast(pa.string())
        indexes = self._among(_joined(texts))
        escaped = np.flatnonzero(_matching(texts, _ESCAPES))
        if len(escaped):
            unescaped = pc.replace_substring_regex(texts.take(pa.array(escaped)), _ESCAPES, "")
            indexes = np.union1d(indexes, escaped[self._among(_joined(unescaped))])
        hiding = np.flatnonzero(_matching(texts, HIDING))
        decoded = [
            _BETWEEN.join(squeezed(reading.text) for reading in readings(texts[index].as_py()))
            for index in hiding.tolist()
        ]
        if decoded:
            also = self._among(b"".join(text + bytes([_END]) for text in decoded))
            indexes = np.union1d(indexes, hiding[also])
        return indexes

    def _among(self, content: bytes) -> np.ndarray:
        """The numbers of the texts, each of which ends with a byte that no text has."""
        places = self._places(content)
        for fragment in self._short:
            at = content.find(fragment)
            while at >= 0:
                places.append(at)
                at = content.find(fragment, at + 1)
        if not places:
            return np.array([], np.int64)
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _END)
        return np.unique(np.searchsorted(ends, np.array(places, np.int64), side="right"))

    def _places(self, content: bytes) -> list[int]:
        if not self._by_start:
            return []
        padded = content + bytes(15)
        places: list[int] = []
        for offset in range(8):
            windows = np.frombuffer(padded, "<u8", offset=offset, count=(len(padded) - offset) // 8)
            hits = np.flatnonzero(self._table[_slots(windows & _MASK)]) * 8 + offset
            places += [
                at
                for at in hits.tolist()
                if any(
                    content[at : at + length] in forms
                    for length, forms in self._by_start.get(
                        int.from_bytes(content[at : at + _WINDOW], "little"), {}
                    ).items()
                )
            ]
        return places


def _matching(texts: pa.Array, pattern: str) -> np.ndarray:
    matching = pc.match_substring_regex(texts, pattern).fill_null(False)
    return np.asarray(matching.to_numpy(zero_copy_only=False))


def _joined(texts: pa.Array) -> bytes:
    """The letters and digits of all texts, in lower case, each text ended by a byte that no text
    has.
    """
    ended = pc.binary_join(
        pa.ListArray.from_arrays(
            pa.array([0, len(texts)], pa.int32()), texts.cast(pa.binary()).fill_null(b"")
        ),
        bytes([_END]),
    )
    return bytes(ended[0].as_py() + bytes([_END])).translate(_LOWER, _DROPPED)


def _slots(windows: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (windows * _SPREAD) >> np.uint64(64 - _BITS)


# What determines what a row is and who it is about.
KEYS = frozenset({"record_key", "person_key", "request", "replaces"})
# What people's own records state of them in a field for it.
STATED = frozenset(
    {
        "subject", "match_key", "fingerprint", "replaced_by", "identity_code", "customer_number",
        "visitor_id", "user_id", "business_id", "contract_number", "order_number", "visit",
        "kind", "op", "type",
    }
)  # fmt: skip


def texts_of(model: type[TableModel]) -> list[str]:
    """The columns of a staged table in which somebody else may be mentioned."""
    if model in (Identifiers, ContactPoints):
        return []
    return [column for column in fields_of(model) if column not in STATED]


def fields_of(model: type[TableModel]) -> list[str]:
    """The columns of a staged table that have what a source wrote into a field, whether a text or
    an identifier: a source may have written a text where an identifier belongs.
    """
    declared = model.to_schema().columns
    return [
        field.name
        for field in arrow_schema(model)
        if field.type == pa.string()
        and field.name not in KEYS
        and not any(check.name == "isin" for check in declared[field.name].checks)
    ]


def files_with_texts(data_root: DataRoot) -> list[tuple[str, Path, list[str]]]:
    """Every file of raw and staged that has texts: its layer, its path, and the columns of
    texts.
    """
    files = [("raw", path, ["payload"]) for path in data_root.files("raw")]
    for table, model in CANONICAL.items():
        if columns := texts_of(model):
            paths = data_root.files("staged", name=f"*/{table}")
            files += [(f"staged.{table}", path, columns) for path in paths]
    return files


def scan_lake(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, prefilter: Prefilter
) -> None:
    """Make `worth_reading(delivery_id, layer, record_no)`: records of raw and staged with texts
    that may contain a searched value.

    Reads all texts once, a batch in memory per thread. Repeated with the same prefilter, it reads
    only files that were replaced or added since.
    """
    records: list[tuple[str, str, int]] = []

    def scan(layer: str, path: Path, columns: list[str]) -> list[tuple[str, str, int]]:
        delivery = path.parent.name if layer.startswith("staged") else path.stem
        return [(delivery, layer, number) for number in _in_file(path, columns, prefilter)]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for some in threads.map(
            lambda file: scan(*file), files_with_texts(data_root) if prefilter else []
        ):
            records += some
    columns = [list(column) for column in zip(*records, strict=True)] if records else [[], [], []]
    connection.execute(
        f"""{WORTH_READING.create} AS SELECT DISTINCT
            unnest($1::VARCHAR[]) AS delivery_id, unnest($2::VARCHAR[]) AS layer,
            unnest($3::BIGINT[]) AS record_no""",
        columns,
    )


def _in_file(path: Path, columns: list[str], prefilter: Prefilter) -> list[int]:
    version = (path, path.stat().st_ino, path.stat().st_mtime_ns)
    if version in prefilter.scanned:
        return prefilter.scanned[version]
    numbers: set[int] = set()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=["record_no", *columns]):
            for column in columns:
                hits = prefilter.candidates(batch.column(column))
                numbers.update(batch.column("record_no").take(pa.array(hits)).to_pylist())
    prefilter.scanned[version] = sorted(numbers)
    return prefilter.scanned[version]
