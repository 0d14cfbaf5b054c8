"""Encrypted content is decrypted unchanged; anything that is changed, cut, moved, exchanged or
opened with another key is refused.
"""

from __future__ import annotations

import contextlib
import io
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.backup import encryption
from assets.backup.encryption import (
    KEY_BYTES,
    TAG,
    DecryptionError,
    EncryptedReader,
    EncryptedWriter,
)
from tests.support.examples import examples

KEY = bytes(range(32))
PIECE = 100
HEADER = 15


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "PIECE", PIECE)


def encrypted(content: bytes, name: str = "G1", key: bytes = KEY, at_once: int = 37) -> bytes:
    target = io.BytesIO()
    with EncryptedWriter(target, key, name) as writer:
        for start in range(0, len(content), at_once):
            writer.write(content[start : start + at_once])
    return target.getvalue()


def opened(stream: bytes, name: str = "G1", key: bytes = KEY) -> bytes:
    return EncryptedReader(io.BytesIO(stream), key, name).read()


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5])
def test_encrypted_content_is_decrypted_unchanged(length: int) -> None:
    content = secrets.token_bytes(length)
    stream = encrypted(content)
    assert opened(stream) == content
    assert len(stream) == HEADER + length + TAG * max(1, -(-length // PIECE))


def test_it_can_be_read_little_by_little() -> None:
    reader = EncryptedReader(io.BytesIO(encrypted(b"abc" * 200)), KEY, "G1")
    assert b"".join(iter(lambda: reader.read(7), b"")) == b"abc" * 200


def test_the_same_content_is_never_encrypted_alike() -> None:
    assert encrypted(b"content" * 50) != encrypted(b"content" * 50)


@settings(deadline=None, max_examples=examples(60), derandomize=True)
@given(at=st.integers(0, HEADER + 3 * (PIECE + TAG) - 1), bit=st.integers(0, 7))
def test_any_changed_bit_shows(at: int, bit: int) -> None:
    stream = bytearray(encrypted(b"x" * 3 * PIECE))
    stream[at] ^= 1 << bit
    with pytest.raises(DecryptionError):
        opened(bytes(stream))


@settings(deadline=None, max_examples=examples(60), derandomize=True)
@given(length=st.integers(0, HEADER + 3 * (PIECE + TAG) - 1))
def test_a_stream_that_was_cut_off_anywhere_shows(length: int) -> None:
    with pytest.raises(DecryptionError):
        opened(encrypted(b"x" * 3 * PIECE)[:length])


def pieces(stream: bytes) -> list[bytes]:
    body = stream[HEADER:]
    return [body[start : start + PIECE + TAG] for start in range(0, len(body), PIECE + TAG)]


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 2], [1, 2], [0, 0, 1, 2], [0, 1], [0, 1, 2, 2]])
def test_pieces_that_are_moved_left_out_or_doubled_show(order: list[int]) -> None:
    stream = encrypted(b"x" * 3 * PIECE)
    cut = pieces(stream)
    with pytest.raises(DecryptionError):
        opened(stream[:HEADER] + b"".join(cut[number] for number in order))


def test_a_piece_of_another_stream_under_the_same_key_shows() -> None:
    first, other = encrypted(b"x" * 3 * PIECE), encrypted(b"y" * 3 * PIECE)
    with pytest.raises(DecryptionError):
        opened(first[:HEADER] + pieces(first)[0] + pieces(other)[1] + pieces(first)[2])


def test_content_after_the_end_shows() -> None:
    with pytest.raises(DecryptionError):
        opened(encrypted(b"x" * 250) + b"more")


def test_another_key_or_another_generations_name_does_not_open_it() -> None:
    for name, key in (("G2", KEY), ("G1", secrets.token_bytes(KEY_BYTES))):
        with pytest.raises(DecryptionError):
            opened(encrypted(b"content"), name, key)


def test_a_stream_has_no_end_when_its_writer_failed() -> None:
    target = io.BytesIO()
    with contextlib.suppress(OSError), EncryptedWriter(target, KEY, "G1") as writer:
        writer.write(b"x" * 250)
        raise OSError
    with pytest.raises(DecryptionError):
        opened(target.getvalue())
