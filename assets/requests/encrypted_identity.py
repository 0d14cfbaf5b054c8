"""What identifies people in an open request or notice: sealed with AES-256-GCM under a key of its own, which is destroyed with it.

    secrets/request-keys/<name>.key   32 random bytes; in no backup

Once the key is gone, every copy of what was sealed with it is unreadable: an older state of the file on the disk, one in a
snapshot, one in a backup. The name is authenticated, so that nothing sealed for one can be passed off as another's.
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
from assets.storage.data_root import Home
from assets.storage.safe_errors import PlainError

KEY_BYTES = 32
NONCE_BYTES = 12


class SealedError(PlainError):
    """What was sealed cannot be opened: it was changed, or its key is another's."""


def key_path(home: Home, name: str) -> Path:
    """Where the key of what is named lies."""
    return home.secrets / "request-keys" / f"{name}.key"


def seal(home: Home, contents: Mapping[str, object]) -> dict[str, str]:
    """Each content sealed under the key of its name, as text; keys that there are not yet are made first, and durable."""
    new = {
        key_path(home, name): secrets.token_bytes(KEY_BYTES)
        for name in contents
        if not key_path(home, name).exists()
    }
    write_all(new)
    return {
        name: _sealed(name, key_path(home, name).read_bytes(), content)
        for name, content in contents.items()
    }


def _sealed(name: str, key: bytes, content: object) -> str:
    nonce = secrets.token_bytes(NONCE_BYTES)
    text = json.dumps(content, sort_keys=True, ensure_ascii=False).encode()
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, name.encode())).decode()


def unseal(home: Home, name: str, sealed: str) -> Any:
    """What was sealed; None when its key is not here. Raises SealedError when the text or the key is not the one."""
    try:
        key = key_path(home, name).read_bytes()
    except FileNotFoundError:
        return None
    whole = base64.b64decode(sealed)
    try:
        return json.loads(
            AESGCM(key).decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], name.encode())
        )
    except (InvalidTag, ValueError):
        raise SealedError(
            f"what is sealed under {name} is not what was written, or its key is another: bring back requests/ and secrets/ together"
        ) from None


def destroy(home: Home, names: Iterable[str]) -> None:
    """Overwrite and remove the keys, durably; those that are gone already are no matter."""
    paths = [path for name in names if (path := key_path(home, name)).exists()]
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
