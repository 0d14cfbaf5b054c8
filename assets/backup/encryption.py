"""A stream sealed with AES-256-GCM, in pieces: bounded memory, and any change of it shows.

    header   8 bytes that name the format, 7 random bytes
    piece    1 MiB of content (the last one less, or none) and its tag

The nonce of a piece is the random bytes, its number, and whether it is the last (the STREAM construction of Hoang, Reyhanitabar,
Rogaway and Vizár, 2015): a piece that is changed, left out, moved or taken from another stream does not open, and a
stream that was cut off has no last piece. The generation's name and the header are authenticated with each piece.
"""

from __future__ import annotations

import secrets
import struct
from types import TracebackType
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from assets.storage.safe_errors import PlainError

FORMAT = b"REGBAK01"
PIECE = 1024 * 1024
TAG = 16
KEY_BYTES = 32
_PREFIX = 7


class SealError(PlainError):
    """BACKUP-SEAL: what was read is not what was written, or not with this key."""


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)


class Sealing:
    """A file to write to, whose content is sealed into `target`. Used with `with`: the end of it without an error writes the last piece."""

    def __init__(self, target: BinaryIO, key: bytes, name: str) -> None:
        self._target, self._cipher = target, AESGCM(key)
        self._prefix = secrets.token_bytes(_PREFIX)
        self._header = FORMAT + self._prefix
        self._context = self._header + name.encode()
        self._kept = bytearray()
        self._number = 0
        target.write(self._header)

    def write(self, content: bytes) -> int:
        """Take content; what fills a piece is written. A piece is only written when more follows, for the last one is marked."""
        self._kept += content
        while len(self._kept) > PIECE:
            self._seal(bytes(self._kept[:PIECE]), last=False)
            del self._kept[:PIECE]
        return len(content)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._target.write(
            self._cipher.encrypt(
                _nonce(self._prefix, self._number, last=last), piece, self._context
            )
        )
        self._number += 1

    def __enter__(self) -> Sealing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._seal(bytes(self._kept), last=True)


class Unsealing:
    """A file to read what was sealed; raises SealError at the first piece that is not as it was, and when the end is missing."""

    def __init__(self, source: BinaryIO, key: bytes, name: str) -> None:
        self._source, self._cipher = source, AESGCM(key)
        header = source.read(len(FORMAT) + _PREFIX)
        if not header.startswith(FORMAT) or len(header) != len(FORMAT) + _PREFIX:
            raise SealError(
                "BACKUP-SEAL: the file is not a backup of the register, or it was cut off at the start"
            )
        self._prefix, self._context = header[len(FORMAT) :], header + name.encode()
        self._next = source.read(PIECE + TAG)
        self._kept = bytearray()
        self._number = 0
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (-1: all that is left); fewer only at the end, which has been verified then."""
        while not self._ended and (size < 0 or len(self._kept) < size):
            self._open()
        size = len(self._kept) if size < 0 else size
        content = bytes(self._kept[:size])
        del self._kept[:size]
        return content

    def _open(self) -> None:
        piece, self._next = self._next, self._source.read(PIECE + TAG)
        self._ended = not self._next
        try:
            self._kept += self._cipher.decrypt(
                _nonce(self._prefix, self._number, last=self._ended), piece, self._context
            )
        except InvalidTag:
            raise SealError(
                f"BACKUP-SEAL: piece {self._number + 1} of the backup is not what was written, or the end is missing, or the key is another"
            ) from None
        self._number += 1
