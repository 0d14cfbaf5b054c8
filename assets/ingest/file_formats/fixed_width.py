"""Fixed-width lines: each field by its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.file_formats.batches import FileFacts, batch, objects
from assets.ingest.file_formats.lines import lines
from assets.sources.formats import FixedWidth


def records(path: Path, codec: str, declared: FixedWidth, _: FileFacts) -> Iterator[pa.Table]:
    """Yield the lines as objects; behind them those of another length, as their text."""
    number = 0
    for line in lines(path, codec, trimmed=False):
        behind = pc.utf8_slice_codeunits(line, declared.width)
        fits = pc.and_(
            pc.greater_equal(pc.utf8_length(line), declared.width),
            pc.equal(pc.utf8_trim_whitespace(behind), ""),
        )
        fitting, others = line.filter(fits), line.filter(pc.invert(fits))
        if len(fitting):
            columns = [
                pc.utf8_trim_whitespace(
                    pc.utf8_slice_codeunits(fitting, each.start - 1, each.start - 1 + each.length)
                )
                for each in declared.fields
            ]
            names = [each.name for each in declared.fields]
            yield batch(number, objects(names, columns, sparse=True))
        if len(others):
            yield batch(number + len(fitting), others, "REC-LINE-LENGTH")
        number += len(line)
