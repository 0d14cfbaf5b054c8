"""Tab-separated values without a header, under the columns that the dataset declares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.file_formats.batches import FileFacts, batch, objects
from assets.ingest.file_formats.lines import lines
from assets.sources.formats import TabSeparated


def records(path: Path, codec: str, declared: TabSeparated, _: FileFacts) -> Iterator[pa.Table]:
    """Yield the lines as objects; behind them those of another number of values, as their text."""
    number, width = 0, len(declared.columns)
    for line in lines(path, codec, trimmed=False):
        fits = pc.equal(pc.add(pc.count_substring(line, "\t"), 1), width)
        fitting, others = line.filter(fits), line.filter(pc.invert(fits))
        if len(fitting):
            values = pc.list_flatten(pc.split_pattern(fitting, "\t"))
            columns = [
                values.take(pa.array(np.arange(place, len(values), width)))
                for place in range(width)
            ]
            yield batch(number, objects(declared.columns, columns, sparse=True))
        if len(others):
            yield batch(number + len(fitting), others, "REC-FIELDS")
        number += len(line)
