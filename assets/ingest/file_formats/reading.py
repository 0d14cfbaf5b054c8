"""Reading a delivered file by the format that its dataset declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.ingest.file_formats import (
    fixed_width,
    json_array,
    json_document,
    json_lines,
    mail,
    separated,
    tab_separated,
    text_lines,
    xml_records,
)
from assets.ingest.file_formats.batches import FileFacts
from assets.sources import formats

READERS: Mapping[type, Callable[[Path, str, Any, FileFacts], Iterator[pa.Table]]] = {
    formats.JsonArray: json_array.records,
    formats.JsonDocument: json_document.records,
    formats.JsonLines: json_lines.records,
    formats.Csv: separated.records,
    formats.TabSeparated: tab_separated.records,
    formats.FixedWidth: fixed_width.records,
    formats.XmlRecords: xml_records.records,
    formats.TextLines: text_lines.records,
    formats.Mail: mail.records,
}


def records(
    path: Path, codec: str, declared: formats.Format, facts: FileFacts | None = None
) -> Iterator[pa.Table]:
    """Yield the records of a file, in batches, in constant memory.

    Args:
        codec: The Python codec of the encoding that the manifest declares.
        facts: Has, afterwards, what was found out about the file beside its records.

    Raises:
        RefusedDeliveryError: The file as a whole is not of its format or encoding.
    """
    return READERS[type(declared)](path, codec, declared, facts or FileFacts())
