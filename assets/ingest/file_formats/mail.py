"""Mail: the headers of messages, and the fields of delivery and feedback reports in them.

Bodies pass by: they are hashed and counted, and never kept. Of the body of a `multipart/report`
the parts with fields are read (`mail_headers`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.ingest.file_formats import batches, mail_headers
from assets.ingest.file_formats.batches import Composed, FileFacts, refuse_structure
from assets.ingest.file_formats.decoding import chunks
from assets.sources.formats import Mail

# A longer line is handed on in parts.
LONGEST_LINE = 1 << 20
# `From <sender> <day> <time> <year>`; a line of a body may begin with the word, too.
_BEGINS_MESSAGE = re.compile(rb"From .{0,400}\d\d:\d\d.{0,40}\d{4}\s*$")


def records(path: Path, codec: str, declared: Mail, _: FileFacts) -> Iterator[pa.Table]:
    """Yield the messages of the file as JSON objects."""
    return batches.batches(_records(path, codec, declared))


def _records(path: Path, codec: str, declared: Mail) -> Iterator[Composed]:
    message: _Message | None = None
    after_blank = True
    for line, begins in _lines(path):
        if declared.mailbox and begins and after_blank and _BEGINS_MESSAGE.match(line):
            if message:
                yield message.finished()
            message = _Message(codec, declared)
        elif message:
            message.add(line)
        elif line.strip():
            if declared.mailbox:
                refuse_structure("the file does not begin with a line `From ...`: is it an mbox?")
            message = _Message(codec, declared)
            message.add(line)
        after_blank = begins and line in (b"\n", b"\r\n")
    if message:
        yield message.finished()


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield the lines with their ends, long ones in parts; and whether a line begins there."""
    rest, begins = b"", True
    for chunk in chunks(path):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n", begins
            begins = True
        if len(rest) > LONGEST_LINE:
            yield rest, begins
            rest, begins = b"", False
    if rest:
        yield rest, begins


class _Message:
    """A message that is being read, line by line."""

    def __init__(self, codec: str, declared: Mail) -> None:
        self._codec, self._declared = codec, declared
        self._head: list[bytes] = []
        self._head_size = 0
        self._in_head = True
        self._report: list[bytes] | None = None
        # Of an mbox the blank line before the next message is not the body's.
        self._blank = b""
        self._sha256 = hashlib.sha256()
        self._bytes = 0

    def add(self, line: bytes) -> None:
        """Add the next line."""
        if self._in_head:
            self._add_to_head(line)
            return
        if self._declared.mailbox:
            line, self._blank = (
                (self._blank, line) if line in (b"\n", b"\r\n") else (self._blank + line, b"")
            )
        self._count(line)
        if self._report is not None and self._bytes <= batches.LARGEST_RECORD:
            self._report.append(line)

    def _add_to_head(self, line: bytes) -> None:
        if line.strip(b"\r\n"):
            self._head_size += len(line)
            if self._head_size <= batches.LARGEST_RECORD:
                self._head.append(line)
            else:
                self._count(line)
            return
        self._in_head = False
        if mail_headers.is_report(b"".join(self._head)):
            self._report = []

    def _count(self, line: bytes) -> None:
        self._sha256.update(line)
        self._bytes += len(line)

    def finished(self) -> Composed:
        """Return the message as a JSON object, and its fault."""
        made: dict[str, Any] = {
            "body": {"sha256": self._sha256.hexdigest(), "bytes": self._bytes},
        }
        if self._head_size > batches.LARGEST_RECORD:
            head = hashlib.sha256(b"".join(self._head)).hexdigest()
            return json.dumps({"sha256": head, **made}), "REC-TOO-LARGE"
        repeating = frozenset(self._declared.repeating)
        headers, fine = mail_headers.fields(b"".join(self._head), self._codec, repeating)
        reports = mail_headers.reports(
            b"".join(self._head), b"".join(self._report or ()), self._codec, repeating
        )
        made = {"headers": headers, **made, "reports": reports}
        text = json.dumps(made, ensure_ascii=False, separators=(",", ":"))
        return text, None if fine else "REC-HEADERS"
