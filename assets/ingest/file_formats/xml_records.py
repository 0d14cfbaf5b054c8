"""XML documents of which certain elements are records, parsed as a stream by expat.

Nothing is believed that a file can grow by: a document type declaration (entities, external files)
refuses it, and depth, size and unfinished markup are bounded. A record that is too large or too
deep is not kept: a hash of its content stands for it, so that it counts and is recognised again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pyarrow as pa

from assets.ingest.file_formats import batches
from assets.ingest.file_formats.batches import Composed, FileFacts, refuse_structure
from assets.ingest.file_formats.decoding import decoded
from assets.sources.formats import XmlRecords
from schemas.delivery import RefusedDeliveryError

# So small that expat, which looks at unfinished markup again, does so seldom.
PIECE = 1 << 20
LARGEST_MARKUP = 16 << 20
# Elements around and in a record; expat has memory for each open one.
DEEPEST_DOCUMENT = 10_000
_SEPARATOR = "\n"
Element = dict[str, Any]


def records(path: Path, codec: str, declared: XmlRecords, _: FileFacts) -> Iterator[pa.Table]:
    """Yield the record elements as JSON objects."""
    return batches.batches(_records(path, codec, declared))


def _records(path: Path, codec: str, declared: XmlRecords) -> Iterator[Composed]:
    document = _Document(declared, codec)
    parser = expat.ParserCreate("utf-8", _SEPARATOR)
    parser.buffer_text = True
    parser.XmlDeclHandler = document.declared
    parser.StartDoctypeDeclHandler = document.doctype
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.end
    parser.CharacterDataHandler = document.text
    fed = 0
    try:
        for piece in decoded(path, codec, PIECE):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > LARGEST_MARKUP:
                refuse_structure("the file holds markup without an end")
            yield from document.finished()
        parser.Parse(b"", True)
        yield from document.finished()
        document.check_has_records()
    except expat.ExpatError:
        refuse_structure("the file is not well-formed XML")


def _local(name: str) -> str:
    return name.rpartition(_SEPARATOR)[2]


class _Document:
    """Makes objects of the record elements that a parser meets."""

    def __init__(self, format_: XmlRecords, codec: str) -> None:
        self._any_namespace = format_.name.startswith("{*}")
        self._name = format_.name.removeprefix("{").removeprefix("*}").replace("}", _SEPARATOR)
        self._depth = format_.depth
        self._repeating = frozenset(format_.repeating)
        self._codec = codec
        self._open = 0
        self._elements = self._records = 0
        self._stack: list[Element] = []
        self._in_record = 0
        self._fault: str | None = None
        self._size = 0
        self._content = hashlib.sha256()
        self._finished: list[Composed] = []

    def finished(self) -> list[Composed]:
        """Return the records that have ended since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def declared(self, _: str, encoding: str | None, __: int) -> None:
        """Refuse a file that says that it is in another encoding than its manifest does."""
        if encoding and _codec_family(encoding) != _codec_family(self._codec):
            raise RefusedDeliveryError(
                "DEL-ENCODING", "the XML declaration names another encoding than the manifest"
            )

    def doctype(self, *_: object) -> None:
        """Refuse a document type declaration."""
        refuse_structure("the file has a document type declaration, which may define entities")

    def check_has_records(self) -> None:
        """Refuse a document of other elements alone: it may be an error that was sent as data."""
        if self._elements > 1 and not self._records:
            refuse_structure(f"the document has no element {_local(self._name)} where records are")

    def _is_record(self, name: str) -> bool:
        return self._name == (_local(name) if self._any_namespace else name)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        if self._open > DEEPEST_DOCUMENT:
            refuse_structure(f"elements nest deeper than {DEEPEST_DOCUMENT}")
        at_depth = self._depth is None or self._open == self._depth
        self._elements += 1
        if not self._in_record and at_depth and self._is_record(name):
            self._records += 1
            self._in_record = self._open + 1
            self._fault, self._size, self._content = None, 0, hashlib.sha256()
        self._open += 1
        if self._in_record:
            self._count("<", name, *(part for pair in attributes.items() for part in pair))
            if self._open - self._in_record >= batches.DEEPEST_RECORD:
                self._spoil("REC-TOO-DEEP")
            if self._fault is None:
                element: Element = {}
                for key, value in attributes.items():
                    self._add(element, f"@{_local(key)}", value)
                self._stack.append(element)

    def text(self, text: str) -> None:
        """Add text to the open element."""
        if self._in_record:
            self._count(text)
            if self._fault is None:
                element = self._stack[-1]
                element["#text"] = element.get("#text", "") + text

    def end(self, name: str) -> None:
        """Finish an element: its text, or its object, becomes a member of the one around it."""
        self._open -= 1
        if not self._in_record:
            return
        self._count(">")
        is_record = self._open < self._in_record
        if self._fault is None:
            element = self._stack.pop()
            if not (text := element.pop("#text", "").strip()):
                pass
            elif element or is_record:
                element["#text"] = text
            if is_record:
                self._finished.append((_as_json(element), None))
            else:
                self._add(self._stack[-1], _local(name), element or text)
        elif is_record:
            self._finished.append((_as_json({"sha256": self._content.hexdigest()}), self._fault))
        if is_record:
            self._in_record = 0

    def _add(self, around: Element, name: str, value: Element | str) -> None:
        """Add a member; further ones of its name make it a list."""
        if name not in around:
            around[name] = [value] if name in self._repeating else value
        elif isinstance(around[name], list):
            around[name].append(value)
        else:
            around[name] = [around[name], value]

    def _count(self, *parts: str) -> None:
        for part in parts:
            self._size += len(part)
            self._content.update(part.encode())
        if self._size > batches.LARGEST_RECORD:
            self._spoil("REC-TOO-LARGE")

    def _spoil(self, fault: str) -> None:
        self._fault = self._fault or fault
        self._stack.clear()


def _as_json(element: Element) -> str:
    return json.dumps(element, ensure_ascii=False, separators=(",", ":"))


def _codec_family(encoding: str) -> str:
    name = encoding.lower().replace("_", "-")
    for family in ("utf-8", "utf-16", "iso-8859-1"):
        if name.startswith(family):
            return family
    return {"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "us-ascii": "utf-8"}.get(
        name, {"windows-1252": "cp1252"}.get(name, name)
    )
