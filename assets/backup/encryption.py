"""A stream encrypted with AES-256-GCM in pieces: memory is bounded, and any change is detected.

    header   8 bytes that name the format, 7 random bytes
    piece    1 MiB of content (the last one less, or none) and its tag

The nonce of a piece is the random bytes, its number, and whether it is the last (the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015): a piece that is changed, left out,
moved or taken from another stream does not decrypt, and a truncated stream has no last piece. The
generation's name and the header are authenticated with each piece.
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


class DecryptionError(PlainError):
    """BACKUP-SEAL: the content is not what was written, or the key is another."""


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)


class EncryptedWriter:
    """A file to write to, which encrypts its content into `target`.

    A context manager: leaving it without an error writes the last piece.
    """

    def __init__(self, target: BinaryIO, key: bytes, name: str) -> None:
        self._target, self._cipher = target, AESGCM(key)
        self._prefix = secrets.token_bytes(_PREFIX)
        self._header = FORMAT + self._prefix
        self._context = self._header + name.encode()
        self._buffer = bytearray()
        self._number = 0
        target.write(self._header)

    def write(self, content: bytes) -> int:
        """Buffer content, and write each full piece once more follows, since the last is marked."""
        self._buffer += content
        while len(self._buffer) > PIECE:
            self._encrypt(bytes(self._buffer[:PIECE]), last=False)
            del self._buffer[:PIECE]
        return len(content)

    def _encrypt(self, piece: bytes, *, last: bool) -> None:
        self._target.write(
            self._cipher.encrypt(
                _nonce(self._prefix, self._number, last=last), piece, self._context
            )
        )
        self._number += 1

    def __enter__(self) -> EncryptedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._encrypt(bytes(self._buffer), last=True)


class EncryptedReader:
    """A file to read, which decrypts `source`.

    Raises:
        DecryptionError: At the first piece that was changed, and when the end is missing.
    """

    def __init__(self, source: BinaryIO, key: bytes, name: str) -> None:
        self._source, self._cipher = source, AESGCM(key)
        header = source.read(len(FORMAT) + _PREFIX)
        if not header.startswith(FORMAT) or len(header) != len(FORMAT) + _PREFIX:
            raise DecryptionError(
                "BACKUP-SEAL: the file is not a backup of the register, or it was cut off at the "
                "start"
            )
        self._prefix, self._context = header[len(FORMAT) :], header + name.encode()
        self._next = source.read(PIECE + TAG)
        self._buffer = bytearray()
        self._number = 0
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, -1 for the rest; fewer only at the verified end."""
        while not self._ended and (size < 0 or len(self._buffer) < size):
            self._decrypt()
        size = len(self._buffer) if size < 0 else size
        content = bytes(self._buffer[:size])
        del self._buffer[:size]
        return content

    def _decrypt(self) -> None:
        piece, self._next = self._next, self._source.read(PIECE + TAG)
        self._ended = not self._next
        try:
            self._buffer += self._cipher.decrypt(
                _nonce(self._prefix, self._number, last=self._ended), piece, self._context
            )
        except InvalidTag:
            raise DecryptionError(
                f"BACKUP-SEAL: piece {self._number + 1} of the backup is not what was written, or "
                f"the end is missing, or the key is another"
            ) from None
        self._number += 1
