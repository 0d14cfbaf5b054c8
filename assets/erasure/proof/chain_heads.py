"""The signed log of the certificate chain's heads, and its copies: to roll the chain back
unnoticed, all of them must be changed.

    requests/certificates/heads.jsonl       a line per certificate, in order: sequence, request,
                                            hash, root of the Merkle tree so far, signature
    requests/certificates/public-key.pem    to check the signatures without the register's secret
    <backups>/certificate-head.json         the last line, beside the generations in that folder

The third copy is the metadata of the erasure's run in Dagster (`assets.erasure.assets`). A head is
the hash of a certificate, which includes the hash of the one before it, so one head vouches for
all before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assets.storage import recorded_files, signing_key
from assets.storage.atomic_files import write_all
from assets.storage.canonical_json import NotCanonicalError, canonical, parse_canonical
from assets.storage.data_root import DataRoot

LOG = "heads.jsonl"
PUBLIC_KEY = "public-key.pem"
COPY = "certificate-head.json"


@dataclass(frozen=True)
class Head:
    """The chain as of one certificate. Lines of older logs have no root."""

    sequence: int
    request_id: str
    hash: str
    root: str = ""


def folder(data_root: DataRoot) -> Path:
    """Return the folder of the certificates and of the log."""
    return data_root.requests / "certificates"


def log_path(data_root: DataRoot) -> Path:
    """Return the path of the log."""
    return folder(data_root) / LOG


def append(data_root: DataRoot, heads: Sequence[Head]) -> None:
    """Add heads to the log, durably, and renew the copy in `backups/`. A torn last line is cut
    off.
    """
    if not heads:
        return
    path = log_path(data_root)
    lines = b"".join(_line(data_root, head) for head in heads)
    before = path.read_bytes() if path.exists() else b""
    recorded_files.write_all({path: before[: _whole_length(before)] + lines})
    if not (folder(data_root) / PUBLIC_KEY).exists():
        recorded_files.write_all(
            {folder(data_root) / PUBLIC_KEY: signing_key.public_key(data_root)}
        )
    copy_to(data_root, data_root.root / "backups")


def copy_to(data_root: DataRoot, backups: Path) -> None:
    """Put the last line of the log beside the generations in a folder, if both are there."""
    lines = _lines(log_path(data_root))
    if lines and backups.is_dir():
        write_all({backups / COPY: lines[-1]})


def read(data_root: DataRoot) -> list[Head]:
    """Return the heads in the log, in order.

    Raises:
        NotCanonicalError: A line is not what was written, or its signature is not the register's.
    """
    return [_head(data_root, line) for line in _lines(log_path(data_root))]


def last(data_root: DataRoot) -> Head | None:
    """Return the last head in the log, if it is what was written; the others are not read."""
    lines = _lines(log_path(data_root))
    try:
        return _head(data_root, lines[-1]) if lines else None
    except NotCanonicalError:
        return None


def is_public_key(data_root: DataRoot) -> bool:
    """Return whether the file of the public key is the register's: with another one, a forged log
    would pass for signed.
    """
    path = folder(data_root) / PUBLIC_KEY
    return path.exists() and path.read_bytes() == signing_key.public_key(data_root)


def copied(data_root: DataRoot, backups: Path) -> Head | None:
    """Return the copy of the head beside the generations in a folder, if there is one.

    Raises:
        NotCanonicalError: As `read`.
    """
    path = backups / COPY
    return _head(data_root, path.read_bytes()) if path.exists() else None


def _line(data_root: DataRoot, head: Head) -> bytes:
    content = _content(head)
    return canonical({**content, "signature": signing_key.sign(data_root, content)}) + b"\n"


def _content(head: Head) -> dict[str, Any]:
    return {name: value for name, value in asdict(head).items() if value != ""}


def _head(data_root: DataRoot, line: bytes) -> Head:
    content = parse_canonical(line.removesuffix(b"\n"))
    try:
        signing_key.verify(data_root, content, content.pop("signature"))
        return Head(**content)
    except (KeyError, TypeError):
        raise NotCanonicalError from None


def _lines(path: Path) -> list[bytes]:
    """Return the whole lines of a file, without a last one torn by a kill."""
    content = path.read_bytes() if path.exists() else b""
    return content[: _whole_length(content)].splitlines(keepends=True)


def _whole_length(content: bytes) -> int:
    return content.rfind(b"\n") + 1
