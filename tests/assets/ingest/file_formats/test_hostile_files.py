"""What has no end, or is nothing but depth, is refused after a bounded part of it was read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.ingest.file_formats import batches, decoding, json_array, mail, reading, xml_records
from assets.sources.formats import (
    Csv,
    Field,
    FixedWidth,
    Format,
    JsonArray,
    JsonDocument,
    JsonLines,
    Mail,
    TabSeparated,
    TextLines,
    XmlRecords,
)
from schemas.delivery import RefusedDeliveryError
from tests.support.examples import examples

FORMATS: dict[str, Format] = {
    "array": JsonArray(),
    "array under keys": JsonArray(("data", "rows")),
    "document": JsonDocument(),
    "lines": JsonLines(),
    "csv": Csv(("a",)),
    "tabs": TabSeparated(("a", "b")),
    "fixed width": FixedWidth((Field("a", 1, 5),)),
    "xml": XmlRecords("a"),
    "xml document": XmlRecords("a", depth=0),
    "text": TextLines(),
    "mail": Mail(),
    "mailbox": Mail(mailbox=True),
}
# What comes first, and what then goes on for a gigabyte.
CONTENTS = {
    "NULs": ("", "\0"),
    "a line": ("", "x"),
    "a text": ('["', "x"),
    "a text in an object": ('{"data":{"rows":[{"a":"', "x"),
    "a cell": ('a\n"', "x,"),
    "open brackets": ("", "["),
    "open objects": ("", '{"a":'),
    "records without an end": ('{"data":{"rows":[', '{"a":['),
    "backslashes": ('["', "\\"),
    "open elements": ("", "<a>"),
    "elements in a record": ("<s><a>", "<b/>"),
    "an attribute": ("<s><a b='", "x"),
    "a comment": ("<s><!--", "x"),
    "a header": ("From: ", "x"),
    "a message": ("From a@b Mon Nov 30 10:00:00 2026\nA: b\n\n", "x" * 70 + "\n"),
    "envelope behind": ('{"data":{"rows":[]},"x":"', "x"),
}
# Chunks and limits are a hundredth of what they are; the proportions are the same.
CHUNK = 1 << 16
ENDLESS = 1_000
# A body passes by; a line is a record; of a record that is too large a hash is kept.
TAKEN_AS_IT_COMES = ("mail", "mailbox", "a message", "elements in a record")


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", FORMATS)
def test_what_has_no_end_is_refused_early(
    monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    beginning, unit = CONTENTS[content]
    block = (unit * (CHUNK // len(unit))).encode()
    read = 0

    def chunks(_: Path, __: int | None = None) -> Iterator[bytes]:
        nonlocal read
        yield beginning.encode()
        for number in range(ENDLESS):
            if number > 4 and {name, content} & set(TAKEN_AS_IT_COMES):
                return
            read += len(block)
            yield block

    monkeypatch.setattr(decoding, "chunks", chunks)
    monkeypatch.setattr(mail, "chunks", chunks)
    monkeypatch.setattr(decoding, "CHUNK", CHUNK)
    monkeypatch.setattr(batches, "LARGEST_UNFINISHED", 4 * CHUNK)
    monkeypatch.setattr(batches, "LARGEST_RECORD", CHUNK)
    monkeypatch.setattr(json_array, "LARGEST_ENVELOPE", CHUNK)
    monkeypatch.setattr(xml_records, "LARGEST_MARKUP", CHUNK)
    monkeypatch.setattr(mail, "LONGEST_LINE", CHUNK)
    codes = set()
    try:
        for batch in reading.records(Path("unused"), "utf-8-sig", FORMATS[name]):
            codes |= {code for faults in batch["faults"].to_pylist() for code in faults}
    except RefusedDeliveryError as refused:
        codes.add(refused.code)
    assert codes or {name, content} & {"a message", "mail"}
    # Arrow reads 32 blocks ahead.
    assert read <= 40 * CHUNK


TOKENS = st.sampled_from(
    [b"\n", b"\r\n", b"\t", b"a", b" ", b"\0", b"\xff", b"\xc3\xa4", b'"', b"\\", b"[", b"]", b"{",
     b"}", b",", b":", b"<s>", b"<a>", b"</a>", b"</s>", b"<a/>", b"&amp;", b"From: x",
     b"From a@b Mon Nov 30 10:00:00 2026", b'{"data":{"rows":[', b"]}}", b"a\tb", b"12345"]
)  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(parts=st.lists(TOKENS, max_size=30), chunk=st.integers(1, 5))
def test_any_bytes_give_the_same_records_however_they_are_cut_or_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, parts: list[bytes], chunk: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"".join(parts))

    def read(size: int) -> list[tuple[str, list[str]]] | str:
        # Arrow reads a row of CSV from one block or the next, and no row is longer than one.
        monkeypatch.setattr(decoding, "CHUNK", size if name != "csv" else 1000)
        monkeypatch.setattr(xml_records, "PIECE", size)
        try:
            rows = [
                row
                for batch in reading.records(path, "iso-8859-1", FORMATS[name])
                for row in batch.to_pylist()
            ]
        except RefusedDeliveryError as refused:
            return refused.code
        assert [row["record_no"] for row in rows] == list(range(len(rows)))
        if FORMATS[name].composed:
            assert all(
                isinstance(json.loads(row["payload"]), dict) for row in rows if not row["faults"]
            )
        # Faulty lines come behind the good ones that were read with them.
        return sorted((row["payload"], row["faults"]) for row in rows)

    assert read(chunk) == read(1000)
