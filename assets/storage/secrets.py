"""The pepper: the secret key of suppression hashes, pseudonyms and certificates.

It is made once, with the data root, and lies in `secrets/`, outside the lake.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from assets.storage.atomic_files import writing
from assets.storage.safe_errors import PlainError

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot

PEPPER_BYTES = 32
_RESTORE = (
    "; nothing is written, because people who were erased would come back with their next "
    "delivery: restore secrets/pepper"
)


class PepperError(PlainError):
    """The secret key is not where it was."""


def pepper(data_root: DataRoot) -> bytes:
    """Return the pepper.

    Raises:
        PepperError: It is missing, or cut. It is not replaced by a new one: with another pepper,
            nobody who was erased would be recognised when they are delivered again.
    """
    try:
        content = _path(data_root).read_bytes()
    except FileNotFoundError:
        raise PepperError(f"CERT-PEPPER: secrets/pepper is missing{_RESTORE}") from None
    if len(content) != PEPPER_BYTES:
        raise PepperError(
            f"CERT-PEPPER: secrets/pepper has {len(content)} bytes and not {PEPPER_BYTES}{_RESTORE}"
        )
    return content


def fingerprint_of(content: bytes) -> str:
    """Return a value that distinguishes peppers and reveals nothing of them."""
    return hmac.new(content, b"fingerprint of the pepper", hashlib.sha256).hexdigest()[:32]


def fingerprint(data_root: DataRoot) -> str:
    """Return the fingerprint of the pepper."""
    return fingerprint_of(pepper(data_root))


def create_pepper(data_root: DataRoot) -> bool:
    """Make the pepper, unless there is one or one was lost (`pepper` then raises); return whether
    it was made.
    """
    if _path(data_root).exists() or _is_in_use(data_root):
        return False
    with writing(_path(data_root)) as unfinished:
        unfinished.write_bytes(secrets.token_bytes(PEPPER_BYTES))
    return True


def _path(data_root: DataRoot) -> Path:
    return data_root.secrets / "pepper"


def _is_in_use(data_root: DataRoot) -> bool:
    """Return whether anything was made with a pepper, or came in while there was one."""
    made = (data_root.requests / "suppressions.parquet", data_root.register("membership"))
    return (
        any(path.exists() for path in made)
        or any(data_root.requests.glob("Q*.json"))
        or any((data_root.requests / "certificates").glob("Q*.json"))
        or any((data_root.lake / "deliveries").glob("*/*/*.json"))
        or any(data_root.marts.glob("*.duckdb"))
        or bool(data_root.files("raw"))
        or _has_recorded_list(data_root)
    )


def _has_recorded_list(data_root: DataRoot) -> bool:
    """Return whether a suppression list is recorded, or its state cannot be read."""
    for folder in (data_root.requests, data_root.secrets):
        try:
            state = json.loads((folder / "suppressions.json").read_bytes())
            if any(content["sha256"] for content in state["lists"]):
                return True
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            return True
    return False
