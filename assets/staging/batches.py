"""Batches of raw in which records are staged: small in rows and in bytes, so memory stays flat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

BATCH_ROWS = 25_000
BATCH_BYTES = 16 << 20
# Rows that are read at once: a record has 4 MiB at most, so even those fit into memory.
PIECE_ROWS = 256


def bounded(pieces: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield rows of raw in batches that are small in rows and in bytes, each in one piece: over
    many small ones DuckDB does not keep the order of the rows.
    """
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for piece in pieces:
        if waiting and (rows + piece.num_rows > BATCH_ROWS or size + piece.nbytes > BATCH_BYTES):
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, rows, size = [], 0, 0
        waiting.append(piece)
        rows, size = rows + piece.num_rows, size + piece.nbytes
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()
