"""Encryption of what identifies people in open requests and notices.

Each has an AES-256-GCM key of its own, which is destroyed with it:

    secrets/request-keys/<name>.key   32 random bytes; in no backup

Once the key is destroyed, every copy of the encrypted text is unreadable: an older state of the
file on the disk, in a snapshot, or in a backup. The name is authenticated, so that the text of one
request cannot be taken for another's.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from assets.storage.atomic_files import side_by_side, sync, write_all
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError

KEY_BYTES = 32
NONCE_BYTES = 12


class DecryptionError(PlainError):
    """An encrypted text cannot be decrypted: it was changed, or its key is another's."""


def keys(data_root: DataRoot) -> Path:
    """Return the folder of the keys of open requests."""
    return data_root.secrets / "request-keys"


def key_path(data_root: DataRoot, name: str) -> Path:
    """Return the path of the key of a request or notice."""
    return keys(data_root) / f"{name}.key"


def encrypt(data_root: DataRoot, contents: Mapping[str, object]) -> dict[str, str]:
    """Return each content encrypted under the key of its name, as text.

    Missing keys are made first, durably.
    """
    new = {
        key_path(data_root, name): secrets.token_bytes(KEY_BYTES)
        for name in contents
        if not key_path(data_root, name).exists()
    }
    write_all(new)
    return {
        name: _encrypted(name, key_path(data_root, name).read_bytes(), content)
        for name, content in contents.items()
    }


def _encrypted(name: str, key: bytes, content: object) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, name.encode())).decode()


def decrypt(data_root: DataRoot, name: str, encrypted: str) -> Any:
    """Return the decrypted content; None when its key does not exist.

    Raises:
        DecryptionError: The text was changed, or the key is another's.
    """
    try:
        key = key_path(data_root, name).read_bytes()
    except FileNotFoundError:
        return None
    whole = base64.b64decode(encrypted)
    try:
        return json.loads(
            AESGCM(key).decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], name.encode())
        )
    except (InvalidTag, ValueError):
        raise DecryptionError(
            f"what is encrypted under {name} is not what was written, or its key is another: "
            "bring back both requests/ and secrets/"
        ) from None


def opened(data_root: DataRoot, name: str, encrypted: str) -> Any:
    """Return the decrypted content; None when it cannot be read, whatever is wrong with its key."""
    try:
        return decrypt(data_root, name, encrypted)
    except DecryptionError:
        return None


def destroy(data_root: DataRoot, names: Iterable[str]) -> None:
    """Overwrite and remove the keys, durably; missing ones are ignored."""
    paths = [path for name in names if (path := key_path(data_root, name)).exists()]
    side_by_side(_overwrite, paths)
    for path in paths:
        path.unlink(missing_ok=True)
    if paths:
        sync(paths[0].parent)


def _overwrite(path: Path) -> None:
    with suppress(FileNotFoundError), path.open("r+b") as file:
        file.write(bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
