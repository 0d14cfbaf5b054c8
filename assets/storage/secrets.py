"""The pepper: the secret key of suppression hashes, pseudonyms and certificates.

It is made once, with the data root, and lies in `secrets/`, outside the lake.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from assets.storage.atomic_files import writing
from assets.storage.safe_errors import PlainError

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot

PEPPER_BYTES = 32


class PepperError(PlainError):
    """The secret key is not where it was."""


def pepper(data_root: DataRoot) -> bytes:
    """Return the pepper.

    Raises:
        PepperError: It is missing. It is not replaced by a new one: with another pepper, nobody who
            was erased would be recognised when they are delivered again.
    """
    try:
        return _path(data_root).read_bytes()
    except FileNotFoundError:
        raise PepperError(
            "secrets/pepper is missing, and this data root was made with it: restore it from a "
            "backup (`register restore`) or from where secrets/ is kept"
        ) from None


def create_pepper(data_root: DataRoot) -> None:
    """Make the pepper, unless there is one or one was lost: `pepper` then says so."""
    if not _path(data_root).exists() and not _is_in_use(data_root):
        with writing(_path(data_root)) as unfinished:
            unfinished.write_bytes(secrets.token_bytes(PEPPER_BYTES))


def _path(data_root: DataRoot) -> Path:
    return data_root.secrets / "pepper"


def _is_in_use(data_root: DataRoot) -> bool:
    """Return whether anything was made with a pepper, or came in while there was one."""
    made = (data_root.requests / "suppressions.parquet", data_root.register("membership"))
    return (
        any(path.exists() for path in made)
        or any(data_root.requests.glob("Q*.json"))
        or bool(data_root.files("raw"))
    )
