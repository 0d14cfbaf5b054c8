"""A JSON document that is one record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from assets.ingest.file_formats import batches
from assets.ingest.file_formats.batches import FileFacts, batch
from assets.ingest.file_formats.decoding import decoded
from assets.sources.formats import JsonDocument


def records(path: Path, codec: str, _: JsonDocument, __: FileFacts) -> Iterator[pa.Table]:
    """Yield the file's text as one record; a blank file has none."""
    parts: list[bytes] = []
    size = 0
    for chunk in decoded(path, codec):
        parts.append(chunk)
        size += len(chunk)
        if size > batches.LARGEST_UNFINISHED:
            batches.refuse_structure("the file is too large to be one record")
    text = b"".join(parts).decode().strip()
    if text:
        yield batch(0, pa.array([text], pa.string()))
