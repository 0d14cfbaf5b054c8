"""Text of which each line is a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from assets.ingest.file_formats.batches import FileFacts, batch, objects
from assets.ingest.file_formats.lines import lines
from assets.sources.formats import TextLines


def records(path: Path, codec: str, _: TextLines, __: FileFacts) -> Iterator[pa.Table]:
    """Yield the non-blank lines of the file, as objects."""
    number = 0
    for line in lines(path, codec):
        yield batch(number, objects(["line"], [line]))
        number += len(line)
