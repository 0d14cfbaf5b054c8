"""JSON lines: a record on every line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from assets.ingest.file_formats.batches import FileFacts, batch
from assets.ingest.file_formats.lines import lines
from assets.sources.formats import JsonLines


def records(path: Path, codec: str, _: JsonLines, __: FileFacts) -> Iterator[pa.Table]:
    """Yield the non-blank lines of the file."""
    number = 0
    for payload in lines(path, codec):
        yield batch(number, payload)
        number += len(payload)
