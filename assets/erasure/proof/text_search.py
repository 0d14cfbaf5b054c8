"""The identifiers of open requests in texts, in any spelling: the proof's own search, apart from
the removal's.

Every text of a table is reduced once to lower-case ASCII letters and digits, and eight of them at a
time are looked up in a table of the spellings; what occurs there is confirmed on the text itself
(`spellings`). So time does not depend on the number of identifiers, and memory is bounded by
a batch. Texts that are escaped (URL, JSON, HTML; within each other, too) or not in ASCII are
unescaped and brought to NFKC first: they are few.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assets.erasure.proof.byte_search import PARQUET_ROWS, Windows, forms
from assets.erasure.proof.spellings import (
    SHORTEST,
    SHORTEST_WORD,
    Spelling,
    alike,
    spelling_of,
)
from assets.storage.quoting import name
from schemas.token_rules import QUOTED, SPREADSHEET, TAG


def _zeros_to_nines() -> str:
    """Return the decimal digits of other scripts as the inside of a character class, for RE2."""
    zeros = [zero for zero in range(128, sys.maxunicode) if unicodedata.decimal(chr(zero), -1) == 0]
    return "".join(f"\\x{{{zero:x}}}-\\x{{{zero + 9:x}}}" for zero in zeros)


BETWEEN = b"\0"
CHUNK = 8 * 1024 * 1024
LONGEST = 1024
"""Bytes that the longest spelling may take, escapes included."""
_BEFORE, _AFTER = 64, 96
_ADJOINING_BEFORE, _ADJOINING_AFTER = 32, 12
_ROUNDS = 4
_ESCAPES = (
    r"\\\\|(?:%[0-9A-Fa-f]{2})+|(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\[nrtbf]"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,24});"
)
_ESCAPED = re.compile(_ESCAPES)
_OTHER_DIGITS = re.compile(r"(?![0-9])\d")
_INVISIBLE = (
    r"\p{Cf}|\x{34F}|\x{115F}|\x{1160}|\x{17B4}|\x{17B5}|\x{2800}|\x{3164}|\x{FFA0}"
    r"|[\x{180B}-\x{180F}\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]"
)
_HYPHENS = r"\p{Pd}|[\x{2D7}\x{2043}\x{2212}]"
SPECIAL = f"{_ESCAPES}|[{_zeros_to_nines()}]"
READ_OTHERWISE = (
    rf"{QUOTED}|[0-9A-Za-z.@-]= [0-9A-Za-z.@-]|[0-9A-Za-z@.](?:</?[A-Za-z]|<!)|{SPREADSHEET}"
)
"""Texts that people do not read as they are written: quoted-printable, with tags of HTML, or with
numbers of spreadsheets."""
_MAY_READ_OTHERWISE = re.compile(rf"[=<]|{SPREADSHEET}".encode())
_SPREADSHEET = re.compile(SPREADSHEET)
_LINE_BREAK = re.compile(r"=(?:\r?\n|(?:\\+[rn])+| )")
_QUOTED_RUN = re.compile(r"(?:=[0-9A-Fa-f]{2})+")
_TAG = re.compile(TAG)


Meaning = TypeVar("Meaning")


def _letters_and_digits() -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return for each byte its lower-case letter or digit; 0: none."""
    kept = np.zeros(256, np.uint8)
    for character in b"0123456789abcdefghijklmnopqrstuvwxyz":
        kept[character] = kept[ord(chr(character).upper())] = character
    return kept


_KEPT = _letters_and_digits()


@dataclass
class Hits:
    """The hits by request: written as usual (`usual`), and in another spelling (`unusual`).

    `embedded` are identifiers that only stand within a longer word of somebody else's;
    `field_numbers` those that are all the digits of a field; `identifiers` those that were hit.
    """

    usual: Counter[str] = field(default_factory=Counter)
    unusual: Counter[str] = field(default_factory=Counter)
    embedded: set[str] = field(default_factory=set)
    field_numbers: set[str] = field(default_factory=set)
    identifiers: set[str] = field(default_factory=set)

    def add(self, other: Hits) -> None:
        """Add the hits of another search."""
        self.usual.update(other.usual)
        self.unusual.update(other.unusual)
        self.embedded |= other.embedded
        self.field_numbers |= other.field_numbers
        self.identifiers |= other.identifiers


class Forms(Generic[Meaning]):
    """Looks texts up for squeezed forms, each of at least eight letters and digits. Built once.

    Shorter ones, which are few, are looked for one by one.

    Args:
        forms: each form with what it means, as often as it means something.
    """

    def __init__(self, forms: Iterable[tuple[bytes, Meaning]]) -> None:
        self._by_window: dict[int, list[tuple[bytes, int, Meaning]]] = {}
        self._short: list[tuple[bytes, Meaning]] = []
        for form, meaning in forms:
            if len(form) < SHORTEST:
                self._short.append((form, meaning))
                continue
            # Numbers differ in their ends, addresses and names by their beginnings.
            at = len(form) - SHORTEST if form.isdigit() else 0
            window = int.from_bytes(form[at : at + SHORTEST], "little")
            self._by_window.setdefault(window, []).append((form, at, meaning))
        self._windows = Windows(self._by_window)

    def __bool__(self) -> bool:
        return bool(self._by_window or self._short)

    def find(self, content: bytes) -> Iterator[tuple[int, int, Meaning]]:
        """Yield beginning and end of each form in texts that are not escaped, and what it means."""
        kept = _KEPT[np.frombuffer(content, np.uint8)]
        squeezed = kept[kept != 0].tobytes()
        places: np.ndarray[tuple[int], np.dtype[np.int64]] | None = None
        for start, length, meaning in self._in_squeezed(squeezed):
            places = np.flatnonzero(kept) if places is None else places
            first, last = int(places[start]), int(places[start + length - 1])
            if BETWEEN not in content[first:last]:
                yield first, last + 1, meaning

    def _in_squeezed(self, squeezed: bytes) -> Iterator[tuple[int, int, Meaning]]:
        for at in self._windows.places(squeezed):
            window = int.from_bytes(squeezed[at : at + SHORTEST], "little")
            for form, back, meaning in self._by_window.get(window, ()):
                start = at - back
                if start >= 0 and squeezed[start : start + len(form)] == form:
                    yield start, len(form), meaning
        for form, meaning in self._short:
            at = squeezed.find(form)
            while at >= 0:
                yield at, len(form), meaning
                at = squeezed.find(form, at + 1)


class Texts:
    """Searches texts for identifiers. Built once, for any number of texts.

    Args:
        requests: by identifier `<type>:<value>`, the ids of the requests that have it.
    """

    def __init__(self, requests: Mapping[str, Iterable[str]]) -> None:
        self._requests = {identifier: sorted(set(ids)) for identifier, ids in requests.items()}
        spellings = filter(None, map(spelling_of, sorted(self._requests)))
        self._forms = Forms(
            (form, spelling) for spelling in spellings for form in spelling.squeezed
        )

    def __bool__(self) -> bool:
        return bool(self._forms)

    def in_array(self, column: pa.Array) -> Hits:
        """Search every text of a column, also of those within lists and structures."""
        hits = Hits()
        for texts in _texts(column):
            for _, content in readable(texts):
                hits.add(self.in_plain(content))
        return hits

    def in_content(self, content: bytes) -> Hits:
        """Search the content of a file. What is text, and not binary data, is unescaped first."""
        if b"\0" in content:
            return self.in_plain(content)
        if not (content.isascii() and _is_unescaped(content)):
            content = _plain(content)
        hits = self.in_plain(content)
        if _MAY_READ_OTHERWISE.search(content):
            otherwise = _as_read(content)
            if otherwise != content:
                hits.add(self.in_plain(otherwise))
        return hits

    def in_plain(self, content: bytes) -> Hits:
        """Search texts that are not escaped, joined by zero bytes."""
        hits = Hits()
        for start, end, spelling in self._forms.find(content):
            self._confirm(content, start, end, spelling, hits)
        return hits

    def _confirm(
        self, content: bytes, start: int, end: int, spelling: Spelling, hits: Hits
    ) -> None:
        before = content[max(0, start - _BEFORE) : start].rpartition(BETWEEN)[2]
        after = content[end : end + _AFTER].partition(BETWEEN)[0]
        around = (before + content[start:end] + after).decode("utf-8", "ignore")
        near = (before[-_ADJOINING_BEFORE:] + content[start:end] + after).lower()
        begins = min(len(before), _ADJOINING_BEFORE)
        as_usual = any(
            form in near[: begins + max(len(form), end - start) + _ADJOINING_AFTER]
            for form in forms(spelling.identifier)
        )
        if spelling.is_in(around):
            counted = hits.usual if as_usual else hits.unusual
            counted.update(self._requests[spelling.identifier])
            hits.identifiers.add(spelling.identifier)
        elif spelling.is_field_number_of(around):
            hits.field_numbers.add(spelling.identifier)
        elif as_usual:
            hits.embedded.add(spelling.identifier)


def readable(texts: pa.Array) -> Iterator[tuple[pa.Array, bytes]]:
    """Yield texts without escapes, in NFKC, joined by zero bytes, with their places in the array.

    Some megabytes at a time. Texts in plain ASCII, which most are, are joined as they are.
    """
    places = pa.array(np.arange(len(texts)))
    special, ascii_only = pc.match_substring_regex(texts, SPECIAL), pc.string_is_ascii(texts)
    letters = pc.and_not(pc.invert(ascii_only), special)
    for chosen, made_plain in (
        (pc.and_not(ascii_only, special), bytes),
        (letters, _normal),
        (special, _plain),
    ):
        for where, content in _joined(texts.filter(chosen), places.filter(chosen)):
            written = made_plain(content)
            yield where, written
            yield from _read_otherwise(where, written)


def _read_otherwise(where: pa.Array, content: bytes) -> Iterator[tuple[pa.Array, bytes]]:
    """Yield the texts that people read otherwise than they are written, as they read them."""
    if not _MAY_READ_OTHERWISE.search(content):
        return
    texts = pa.array(content.decode("utf-8", "replace").split("\0"), pa.large_string())
    chosen = pc.match_substring_regex(texts, READ_OTHERWISE)
    if len(texts) == len(where):
        for part, joined in _joined(texts.filter(chosen), where.filter(chosen)):
            yield part, _as_read(joined)


def _as_read(content: bytes) -> bytes:
    """Return texts without quoted-printable and HTML's tags, and a spreadsheet's numbers in digits;
    what prints nothing stays as it is.
    """
    text = _TAG.sub("", _LINE_BREAK.sub("", content.decode("utf-8", "replace")))
    text = _SPREADSHEET.sub(_in_digits, text)
    return _QUOTED_RUN.sub(_printed, text).encode("utf-8", "replace")


def _in_digits(number: re.Match[str]) -> str:
    """Return the number without point and exponent, if that is all that its exponent says."""
    mantissa, exponent = re.split("[eE]", number[0])
    whole, decimals = re.split("[.,]", mantissa)
    return whole + decimals if len(decimals) == int(exponent) else number[0]


def _printed(run: re.Match[str]) -> str:
    text = _decoded(bytes.fromhex(run[0].replace("=", "")))
    return text if text.isprintable() else run[0]


def _normal(content: bytes) -> bytes:
    return alike(unicodedata.normalize("NFKC", content.decode())).encode()


def plain_texts(texts: pa.ChunkedArray) -> pa.Array:
    """Return texts without escapes, in NFKC, without invisible characters, with plain hyphens.

    Behind a text that people read otherwise than it is written stands what they read.
    """
    whole = texts.combine_chunks()
    special = pc.fill_null(pc.match_substring_regex(whole, SPECIAL), False)
    special = pc.or_(special, pc.invert(pc.fill_null(pc.string_is_ascii(whole), True)))
    unescaped = [_plain(text.encode()).decode() for text in whole.filter(special).to_pylist()]
    whole = pc.replace_with_mask(whole, special, pa.array(unescaped, whole.type))
    otherwise = pc.fill_null(pc.match_substring_regex(whole, READ_OTHERWISE), False)
    both = [
        f"{text}\n{_as_read(text.encode()).decode()}"
        for text in whole.filter(otherwise).to_pylist()
    ]
    whole = pc.replace_with_mask(whole, otherwise, pa.array(both, whole.type))
    whole = pc.utf8_normalize(whole, "NFKC")
    for pattern, plain in ((_INVISIBLE, ""), (_HYPHENS, "-"), (r"\s|\pZ", " ")):
        whole = pc.replace_substring_regex(whole, pattern, plain)
    return whole


def _is_unescaped(content: bytes) -> bool:
    return not any(sign in content for sign in (b"%", b"\\", b"&"))


def _plain(content: bytes) -> bytes:
    """Return texts without the escapes of URLs, JSON and HTML, in NFKC, with the digits 0 to 9."""
    text = content.decode("utf-8", "replace")
    for _ in range(_ROUNDS):
        before, text = text, _ESCAPED.sub(_character, text)
        if text == before:
            break
    text = alike(unicodedata.normalize("NFKC", text))
    return _OTHER_DIGITS.sub(lambda digit: str(int(digit[0])), text).encode("utf-8", "replace")


def _character(escape: re.Match[str]) -> str:
    """Return what an escape, or a run of them, stands for; a control character is a blank."""
    written = escape[0]
    if written[0] == "%":
        character = _decoded(unquote_to_bytes(written))
    elif written[0] == "&":
        character = html.unescape(written)
    elif written[1] == "\\":
        character = "\\"
    elif written[1] in "ux":
        units = written.encode().decode("unicode_escape")
        character = units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    else:
        character = " "
    return re.sub(r"[\x00-\x1f]", " ", character)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _texts(column: pa.Array) -> Iterator[pa.Array]:
    """Yield the arrays of text within a column, without nulls."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _texts(column.dictionary)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _texts(column.flatten())
    elif pa.types.is_struct(kind):
        for child in column.flatten():
            yield from _texts(child)
    elif pa.types.is_map(kind):
        yield from _texts(column.keys)
        yield from _texts(column.items)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        decoded = [value.decode("utf-8", "replace") for value in column.drop_null().to_pylist()]
        yield pa.array(decoded, pa.large_string())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = column.drop_null().cast(pa.large_string())
        yield texts.filter(pc.greater_equal(pc.binary_length(texts), SHORTEST_WORD))
    elif pa.types.is_integer(kind):
        numbers = column.drop_null()
        if kind.bit_width < 32:
            return
        long_enough = pc.greater_equal(numbers, pa.scalar(10 ** (SHORTEST - 1), kind))
        yield numbers.filter(long_enough).cast(pa.large_string())


def _joined(texts: pa.Array, places: pa.Array) -> Iterator[tuple[pa.Array, bytes]]:
    """Yield the texts joined by zero bytes, some megabytes at a time, with their places."""
    if not len(texts):
        return
    rows = max(1, CHUNK * len(texts) // max(1, texts.nbytes))
    for start in range(0, len(texts), rows):
        part = texts[start : start + rows].cast(pa.binary())
        whole = pa.ListArray.from_arrays(pa.array([0, len(part)], pa.int32()), part)
        yield places[start : start + rows], pc.binary_join(whole, BETWEEN)[0].as_py()


def in_file(texts: Texts, path: Path) -> Hits:
    """Search a file of text, or the texts that a file of another format has as they are."""
    hits = Hits()
    with path.open("rb") as file:
        kept = b""
        while content := file.read(CHUNK):
            hits.add(texts.in_content(kept + content))
            kept = (kept + content)[-LONGEST:]
    return hits


def in_parquet(texts: Texts, path: Path) -> Hits:
    """Search every text of a Parquet file."""
    hits = Hits()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PARQUET_ROWS):
            for column in batch.columns:
                hits.add(texts.in_array(column))
    return hits


def by_record(texts: Texts, path: Path, columns: list[str] | None = None) -> dict[int, Hits]:
    """Return what each record of a Parquet file with `record_no` has, of those that have any.

    To be called for files that have some: halves that have none are left aside. `columns` limits
    the search to these.
    """
    records: dict[int, Hits] = {}
    read = None if columns is None else ["record_no", *columns]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(PARQUET_ROWS, columns=read):
            pending = [batch]
            while pending:
                part = pending.pop()
                hits = Hits()
                for column in part.columns:
                    hits.add(texts.in_array(column))
                if not hits.identifiers:
                    continue
                if part.num_rows > 1:
                    half = part.num_rows // 2
                    pending += [part.slice(0, half), part.slice(half)]
                else:
                    number = part.column("record_no")[0].as_py()
                    records.setdefault(number, Hits()).add(hits)
    return records


def in_duckdb(texts: Texts, connection: duckdb.DuckDBPyConnection, database: str) -> Hits:
    """Search every text of every table of an attached database."""
    hits = Hits()
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ?", [database]
    ).fetchall()
    for schema, table in tables:
        rows = connection.execute(f"FROM {name(database)}.{name(schema)}.{name(table)}")
        for batch in rows.to_arrow_reader(PARQUET_ROWS):
            for column in batch.columns:
                hits.add(texts.in_array(column))
    return hits
