"""The bytes of a delivered file, in chunks: unpacked if it is a `.zip`, and decoded as declared."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from assets.ingest.file_formats import zip_files
from schemas.delivery import RefusedDeliveryError

CHUNK = 8 << 20
# Byte-order marks as they appear at the start of text decoded with another encoding.
FOREIGN_MARKS = ("\u00ef\u00bb\u00bf", "\u00ff\u00fe", "\u00fe\u00ff", "\ufffe")


def chunks(path: Path, size: int | None = None) -> Iterator[bytes]:
    """Yield the bytes of the file, or of the one file in it if it is a `.zip`.

    Raises:
        RefusedDeliveryError: The file cannot be read, or is not such a `.zip`.
    """
    size = size or CHUNK
    try:
        if zip_files.is_zip(path):
            yield from zip_files.chunks(path, size)
            return
        with path.open("rb") as file:
            while chunk := file.read(size):
                yield chunk
    except OSError:
        raise RefusedDeliveryError("DEL-UNREADABLE") from None


def decoded(path: Path, codec: str, size: int | None = None) -> Iterator[bytes]:
    """Yield the file's text as UTF-8 chunks.

    Raises:
        RefusedDeliveryError: The file is not in the declared encoding, or cannot be read.
    """
    decoder = codecs.getincrementaldecoder(codec)(errors="strict")
    try:
        first = True
        for chunk in chunks(path, size):
            text = decoder.decode(chunk)
            if first and text.startswith(FOREIGN_MARKS):
                raise RefusedDeliveryError(
                    "DEL-ENCODING", "the file begins with another encoding's byte-order mark"
                )
            yield (text.removeprefix("\ufeff") if first else text).encode()
            first = False
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise RefusedDeliveryError(
            "DEL-ENCODING", "the file is not in the encoding that its manifest declares"
        ) from None
