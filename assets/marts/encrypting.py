"""Encrypting published marts, and exchanging their keys.

Each mart is written again under its new key and replaces the old file by one rename; keys that
nothing is encrypted with any more are destroyed. Killed in between, both keys open what there is,
and repeating the command finishes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from assets.marts.building import candidate_path, mart_path
from assets.storage import atomic_files, mart_encryption, recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.mart_encryption import attach, attach_new, keys_folder
from assets.storage.mart_readers import give
from assets.storage.quoting import literal
from assets.storage.sessions import connect
from schemas.marts import MARTS


def encrypt(data_root: DataRoot, purposes: Iterable[str]) -> list[str]:
    """Encrypt marts under new keys, and destroy earlier keys. Only under the writer's lock.

    Returns:
        The marts that were rewritten; the others are encrypted when they are next built.
    """
    rewritten = []
    for purpose in purposes:
        mart_encryption.add_key(data_root, purpose)
        if _rewrite(data_root, purpose):
            rewritten.append(purpose)
        mart_encryption.forget_earlier(data_root, purpose)
    share(data_root)
    return rewritten


def decrypt(data_root: DataRoot, purposes: Iterable[str]) -> None:
    """Write marts without encryption, and destroy their keys. Only under the writer's lock."""
    for purpose in purposes:
        mart_encryption.stop(data_root, purpose)
        _rewrite(data_root, purpose)
        mart_encryption.destroy(data_root, purpose)
    share(data_root)


def statement(data_root: DataRoot, purpose: str) -> str:
    """Return the SQL that opens the published mart from any DuckDB, its key included.

    Raises:
        MartKeyError: It is not encrypted.
    """
    every = mart_encryption.keys(data_root, purpose)
    if not every:
        raise mart_encryption.MartKeyError(f"the mart {purpose} has no key: it is not encrypted")
    return (
        f"ATTACH {literal(mart_path(data_root, purpose))} AS {purpose} "
        f"(READ_ONLY, ENCRYPTION_KEY '{every[0]}')"
    )


def _rewrite(data_root: DataRoot, purpose: str) -> bool:
    """Write the published mart, and one that waits, again; return whether one is published."""
    published, candidate = mart_path(data_root, purpose), candidate_path(data_root, purpose)
    for path, writing in (
        (candidate, atomic_files.writing),
        (published, recorded_files.writing),
    ):
        if not path.exists():
            continue
        with connect(data_root) as connection, writing(path) as unfinished:
            attach(data_root, connection, path, "before", purpose)
            # One checkpoint, at the end, as in `building`.
            connection.execute("SET checkpoint_threshold = '1TB'")
            attach_new(data_root, connection, unfinished, "after", purpose)
            connection.execute("COPY FROM DATABASE before TO after")
            connection.execute("DETACH after")
    return published.exists()


def share(data_root: DataRoot) -> None:
    """Give each mart and its key to the group that may read it, and all others to nobody.

    Raises:
        ReadersError: `readers.yaml` is invalid, or this user is not in one of its groups.
    """
    for purpose in MARTS:
        give(
            data_root,
            purpose,
            mart_path(data_root, purpose),
            candidate_path(data_root, purpose),
            keys_folder(data_root) / purpose,
        )
