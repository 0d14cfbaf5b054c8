"""Lines of a text, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assets.ingest.file_formats import batches
from assets.ingest.file_formats.decoding import decoded


def lines(path: Path, codec: str, *, trimmed: bool = True) -> Iterator[pa.Array]:
    """Yield the lines of the file that are not blank, without their line break.

    Args:
        trimmed: Without the white space around them.

    Raises:
        RefusedDeliveryError: The file is not in the encoding, or has a line without an end.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in _with_end(decoded(path, codec)):
        end = chunk.rfind(b"\n") + 1
        if not end:
            parts.append(chunk)
            size += len(chunk)
            if size > batches.LARGEST_UNFINISHED:
                batches.refuse_structure("the file holds an endless line")
            continue
        text = b"".join((*parts, chunk[:end]))
        parts, size = [chunk[end:]], len(chunk) - end
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        whole = spans(text, np.concatenate(([0], ends + 1)))
        blank = pc.equal(pc.utf8_trim_whitespace(whole), "")
        whole = pc.utf8_trim_whitespace(whole) if trimmed else pc.utf8_rtrim(whole, "\r")
        whole = whole.filter(pc.invert(blank))
        if len(whole):
            yield whole


def _with_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    yield b"\n"


def spans(text: bytes, starts: np.ndarray) -> pa.Array:
    """Return the spans between consecutive starts, each without its last byte: the separator."""
    if len(starts) < 2:
        return batches.NOTHING
    offsets = pa.py_buffer(starts.astype(np.int32))
    whole = pa.Array.from_buffers(pa.binary(), len(starts) - 1, [None, offsets, pa.py_buffer(text)])
    return pc.binary_slice(whole, 0, -1).cast(pa.string())
