"""The newest backup that has the recorded pepper, and the recorded suppression list."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO

from assets.backup.intact_copies import IsIntact, newest_with, put_back
from assets.storage import suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.secrets import PEPPER_BYTES, fingerprint_of
from assets.storage.suppression_state import LIST_PATH, PEPPER_PATH, State


def restore_lost(data_root: DataRoot, folder: Path | None = None, *, write: bool) -> dict[str, str]:
    """Return the generations that have what is lost of pepper and list, by path.

    Args:
        data_root: The data root.
        folder: The folder of the backups, None for its own.
        write: Whether to put the copies back.
    """
    state = suppression_state.recorded(data_root)
    if state is None:
        return {}
    wanted = {
        name: test
        for name, test in _tests(state).items()
        if not _is_intact(data_root.root / name, test)
        and (name != LIST_PATH or all(content.sha256 for content in state.lists))
    }
    copies = newest_with(data_root, folder, wanted) if wanted else {}
    if write:
        put_back(data_root, folder, copies)
    return copies


def _tests(state: State) -> dict[str, IsIntact]:
    hashes = {content.sha256 for content in state.lists}

    def is_pepper(file: IO[bytes]) -> bool:
        content = file.read(PEPPER_BYTES + 1)
        return len(content) == PEPPER_BYTES and fingerprint_of(content) == state.pepper

    def is_list(file: IO[bytes]) -> bool:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest() in hashes

    return {PEPPER_PATH: is_pepper, LIST_PATH: is_list}


def _is_intact(path: Path, test: IsIntact) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return test(file)
