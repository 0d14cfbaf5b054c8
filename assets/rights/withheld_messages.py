"""Messages that an erasure takes out of the outbox before it is proven.

    `requests/held-messages/<message key>.json`   `{"by": ids of erasures, "confirms": id of the
    erasure that it confirms, if it does, "sealed": name and content}`
    `requests/held-messages/copy-<message key>.json`   the same of a confirmation that waits in the
    outbox

A message names its recipient, and the proof searches the outbox. But an erasure that cannot be
proven may be refused, and what waited to be sent must then go out. So the messages are encrypted,
each under a key of its own, until the erasure is certified (`destroy`) or refused (`put_back`).
Only the confirmation of an erasure outlives it: until it is sent (`take`), or for as long as the
policy keeps messages (`expire`). It is encrypted when it is written (`copy`), so that closing many
erasures writes nothing more for each; a refused erasure has nothing to confirm (`put_back`).
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from assets.requests import encrypted_identity
from assets.rights import outbound_messages
from assets.storage.atomic_files import remove, sync, write_all
from assets.storage.data_root import DataRoot

CONFIRMATION = "erasure"
"""The kind of message that confirms an erasure."""


def folder(data_root: DataRoot) -> Path:
    """Where withheld messages are kept."""
    return data_root.requests / "held-messages"


def copy(data_root: DataRoot, confirmations: Iterable[Path]) -> None:
    """Encrypt a copy of confirmations in the outbox, for `hold` to keep. Repeatable."""
    write_all(_encrypted(data_root, dict.fromkeys(confirmations, ()), _copy_path))


def hold(
    data_root: DataRoot, erasures: Iterable[str], messages: Mapping[Path, Iterable[str]]
) -> None:
    """Encrypt messages and take them out of the outbox. Repeatable.

    Of a confirmation the copy is kept; it is destroyed if the message has been sent meanwhile.

    Args:
        data_root: The data root.
        erasures: The ids of the erasures that are about to be proven.
        messages: The files of the messages, each with the ids of the erasures that concern it.
    """
    there, proving = {_copy_path(data_root, _key_name(path)) for path in messages}, set(erasures)
    copies = [
        path for path, entry in _every(data_root, "copy-M*.json") if entry["confirms"] in proving
    ]
    _forget(data_root, [path for path in copies if path not in there])
    kept = [path for path in copies if path in there]
    for path in kept:
        path.replace(_path(data_root, _key_of(path)))
    if kept:
        sync(folder(data_root))
    new = {
        path: by for path, by in messages.items() if not _path(data_root, _key_name(path)).exists()
    }
    write_all(_encrypted(data_root, new, _path))
    remove(*messages)


def destroy(data_root: DataRoot, erasures: Iterable[str]) -> None:
    """Destroy the messages that any of these erasures holds: their recipients have been erased."""
    certified = set(erasures)
    _forget(
        data_root,
        [
            path
            for path, entry in _every(data_root)
            if certified & set(entry["by"]) and not entry.get("confirms")
        ],
    )


def take(data_root: DataRoot, erasure: str) -> dict[str, Any] | None:
    """Return the confirmation of an erasure, to be sent, and destroy it here; None if there is
    none.
    """
    for path, entry in _every(data_root):
        if entry.get("confirms") == erasure:
            message = encrypted_identity.decrypt(data_root, path.stem, entry["sealed"])
            _forget(data_root, [path])
            if message:
                content: dict[str, Any] = json.loads(b64decode(message["content"]))
                return content
    return None


def waiting(data_root: DataRoot) -> list[str]:
    """Return the ids of the erasures of which a confirmation waits to be sent."""
    return sorted(entry["confirms"] for _, entry in _every(data_root) if entry.get("confirms"))


def expire(data_root: DataRoot, today: date) -> int:
    """Destroy the confirmations that have waited for too long, and return how many."""
    over = data_root.policy.requests.messages_kept.before(today)
    late = [
        path
        for path, entry in _every(data_root)
        if entry.get("confirms")
        and datetime.fromtimestamp(path.stat().st_mtime, data_root.policy.zone).date() <= over
    ]
    _forget(data_root, late)
    return len(late)


def put_back(data_root: DataRoot, erasure: str) -> int:
    """Put the messages that a refused erasure holds back into the outbox, and return how many.

    What another erasure holds, too, stays. Its confirmation is destroyed, as it was refused.
    Killed in between, the same again has the same end.
    """
    files: dict[Path, bytes] = {}
    done: list[Path] = []
    confirmations: list[Path] = []
    for path, entry in _every(data_root):
        if erasure not in entry["by"]:
            continue
        if entry.get("confirms"):
            confirmations.append(path)
            continue
        if others := set(entry["by"]) - {erasure}:
            files[path] = _written(others, entry["sealed"])
            continue
        done.append(path)
        if message := encrypted_identity.decrypt(data_root, path.stem, entry["sealed"]):
            files[outbound_messages.folder(data_root) / message["name"]] = b64decode(
                message["content"]
            )
    write_all(files)
    outbound_messages.destroy(data_root, [erasure], CONFIRMATION)
    confirmations += [
        path for path, entry in _every(data_root, "copy-M*.json") if entry["confirms"] == erasure
    ]
    _forget(data_root, [*done, *confirmations])
    return len(done)


def _every(data_root: DataRoot, names: str = "M*.json") -> list[tuple[Path, dict[str, Any]]]:
    return [(path, json.loads(path.read_bytes())) for path in sorted(folder(data_root).glob(names))]


def _forget(data_root: DataRoot, paths: Sequence[Path]) -> None:
    encrypted_identity.destroy(data_root, map(_key_of, paths))
    remove(*paths)


def _encrypted(
    data_root: DataRoot,
    messages: Mapping[Path, Iterable[str]],
    path_of: Callable[[DataRoot, str], Path],
) -> dict[Path, bytes]:
    """Return the files of the messages, encrypted; a confirmation is its own erasure's alone."""
    by_key = {_key_name(path): path for path in messages}
    contents = {
        key: {"name": path.name, "content": b64encode(path.read_bytes()).decode()}
        for key, path in by_key.items()
    }
    locked = encrypted_identity.encrypt(data_root, contents)
    files = {}
    for key, path in by_key.items():
        confirms = _confirms(path)
        by = {confirms} if confirms else set(messages[path])
        files[path_of(data_root, key)] = _written(by, locked[key], confirms)
    return files


def _key_name(message: Path) -> str:
    return "M" + hashlib.sha256(message.name.encode()).hexdigest()[:24].upper()


def _path(data_root: DataRoot, key: str) -> Path:
    return folder(data_root) / f"{key}.json"


def _copy_path(data_root: DataRoot, key: str) -> Path:
    return folder(data_root) / f"copy-{key}.json"


def _key_of(path: Path) -> str:
    return path.stem.removeprefix("copy-")


def _written(by: set[str], locked: str, confirms: str = "") -> bytes:
    entry = {"by": sorted(by), "sealed": locked, **({"confirms": confirms} if confirms else {})}
    return json.dumps(entry, sort_keys=True).encode()


def _confirms(message: Path) -> str:
    """Return the id of the erasure that a message confirms; empty for any other file."""
    with suppress(ValueError, AttributeError, RecursionError):
        content = json.loads(message.read_bytes())
        if content.get("kind") == CONFIRMATION:
            return str(content["request_id"])
    return ""
