"""What the files of a dataset look like. A format is data: `assets.ingest.file_formats` has a
module for each, which turns a file into records.

A record is a JSON object as text. Where the file is JSON it is the vendor's own text; for the
other formats (`composed`) the reader makes it, by the rule that the format's docstring states.

Any of them may come inside a `.zip` with exactly one file in it: that is a property of the file,
and no format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class JsonArray:
    """A JSON document with an array of records.

    Attributes:
        keys: Where the array is: the keys from the document to it. Empty: the document is the
            array; there, a lone object (an error that was delivered as data) is one record.
        sequence_key: The key, beside the first of `keys`, of the delivery's sequence number.
    """

    keys: tuple[str, ...] = ()
    sequence_key: str | None = None
    kind: ClassVar[str] = "json"
    composed: ClassVar[bool] = False


@dataclass(frozen=True)
class JsonDocument:
    """A JSON document that is one record."""

    kind: ClassVar[str] = "json"
    composed: ClassVar[bool] = False


@dataclass(frozen=True)
class JsonLines:
    """A record on every line that is not blank."""

    kind: ClassVar[str] = "json"
    composed: ClassVar[bool] = False


@dataclass(frozen=True)
class Csv:
    """Separated values behind a header; quotes as in RFC 4180. Each cell is a text under the
    column's name.

    Attributes:
        columns: The columns that the dataset reads. The file has at least one of them; others are
            kept under their own names. Columns of passwords are not read.
        delimiter: What separates the values.
        also_called: Column of `columns` -> what other generations of the file call it.
    """

    columns: tuple[str, ...]
    delimiter: str = ","
    also_called: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: ClassVar[str] = "csv"
    composed: ClassVar[bool] = True


@dataclass(frozen=True)
class TabSeparated:
    """Lines of values separated by tabs, without a header or quotes. Each value is a text under
    the column's name; empty ones are left out. A line with another number of values has the fault
    REC-FIELDS.
    """

    columns: tuple[str, ...]
    kind: ClassVar[str] = "text"
    composed: ClassVar[bool] = True


@dataclass(frozen=True)
class Field:
    """A field of a fixed-width line: its first character, counted from 1, and its length."""

    name: str
    start: int
    length: int


@dataclass(frozen=True)
class FixedWidth:
    """Lines of which each field has its place. Each is a text without the blanks around it; empty
    ones are left out. A line that ends before its last field, or has text behind it, has the fault
    REC-LINE-LENGTH.
    """

    fields: tuple[Field, ...]
    kind: ClassVar[str] = "text"
    composed: ClassVar[bool] = True

    @property
    def width(self) -> int:
        """The length of a line, in characters."""
        return max(each.start - 1 + each.length for each in self.fields)


@dataclass(frozen=True)
class XmlRecords:
    """An XML document in which certain elements are the records; other elements alone are none.

    An element with text alone becomes that text (an empty one ""); any other an object with its
    attributes as "@name", its children by name, and its text, if not blank, as "#text". Children
    of one name become a list when there are several. Names are without namespace and prefix.

    Attributes:
        name: The record's element as `{namespace URI}local name`, a local name for no namespace, or
            `{*}local name` for any.
        depth: How many elements are around it: 0 for the document's own element; None: any number
            (of elements of this name in each other, the outermost).
        repeating: Names of children that are a list also when there is one.
    """

    name: str
    depth: int | None = 1
    repeating: tuple[str, ...] = ()
    kind: ClassVar[str] = "xml"
    composed: ClassVar[bool] = True


@dataclass(frozen=True)
class TextLines:
    """A record on every line that is not blank: `{"line": ...}`."""

    kind: ClassVar[str] = "text"
    composed: ClassVar[bool] = True


@dataclass(frozen=True)
class Mail:
    """Messages, of which the body is never kept.

    A message becomes `{"headers": {...}, "body": {"sha256": ..., "bytes": ...}, "reports": [...]}`.
    Headers are by name in small letters, decoded (RFC 2047); repeated ones are lists. A report
    (RFC 3464, RFC 5965) is `{"type": <media type>, "fields": {...}}` with one entry for each group
    of fields, and one for the headers of the message that it is about.

    Attributes:
        mailbox: The file is an mbox, a message behind each `From ` line; else it is one message.
        repeating: Names of headers and fields that are a list also when there is one.
    """

    mailbox: bool = False
    repeating: tuple[str, ...] = ()
    kind: ClassVar[str] = "mail"
    composed: ClassVar[bool] = True


Format = (
    JsonArray
    | JsonDocument
    | JsonLines
    | Csv
    | TabSeparated
    | FixedWidth
    | XmlRecords
    | TextLines
    | Mail
)
