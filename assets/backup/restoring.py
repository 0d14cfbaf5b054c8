"""Restoring a generation: decrypted to its end, with the erasures and corrections since applied.

The register and the marts are built from it and proven. All of this happens in `.restored/` beside
the current state, which is not touched until the folders are exchanged (`exchange`).

Current requests, suppressions, certificates and pepper stay, since they are newer than the
backup's. An empty data root gets those of the newest generation that can be opened, not those of
the restored one: an erasure between the two stays done.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from assets.backup import exchange
from assets.backup.erasure_replay import replay
from assets.backup.generations import open_generation, sync_tree
from assets.erasure.proof import identifiers, mart_files, suppression_check
from assets.ingest import suppression
from assets.marts import building as marts
from assets.register import building as register
from assets.register import holds
from assets.register.corrections import LET_GO
from assets.requests import encrypted_identity
from assets.retention import sweep
from assets.storage import mart_encryption, recorded_files, suppression_state
from assets.storage.atomic_files import remove, writing
from assets.storage.backup_generations import SUFFIX, BackupError, every, folder_of, key_path
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from assets.storage.sessions import connect
from schemas.marts import MARTS

# All statements by registrants themselves, and the records removed from raw because of them.
_CORRECTIONS = (
    *(f"lake/{layer}/self" for layer in ("deliveries", "raw", "staged", "quarantine")),
    LET_GO.path,
)


@dataclass(frozen=True)
class Restored:
    """The result: rows removed by the suppressions, by source, and rows of the register.

    `unreadable`: ids of holds and open requests without a key; everybody's data stays past
    its time until they are back, or the holds and requests have ended.
    """

    generation: str
    removed: dict[str, int]
    registrants: int
    requests_from: str
    unreadable: list[str]


def restore(data_root: DataRoot, folder: Path | None, generation: str, today: date) -> Restored:
    """Replace the current state by the generation, or fill an empty data root. Only under the lock.

    Raises:
        BackupError: There is no such generation, or an erased person is still in it.
        DecryptionError: It cannot be decrypted to its end. The current state stays, in both cases.
        PepperError, SuppressionStateError: What keeps the erased out is not as recorded: without
            it the generation would bring them back.
    """
    suppression_check.check(data_root)
    for needed in (
        folder_of(data_root, folder) / f"{generation}{SUFFIX}",
        key_path(data_root, generation),
    ):
        if not needed.exists():
            what = (
                "key in secrets/backup-keys: it was destroyed, or is kept elsewhere"
                if needed.suffix == ".key"
                else "file in the folder of backups"
            )
            raise BackupError(f"BACKUP-UNKNOWN: generation {generation} has no {what}")
    new, requests_from, removed = prepare(data_root, folder, generation)
    built = register.build(new, today)
    # The generation's files contain data that was since corrected or reached the end of its
    # retention period.
    sweep.sweep(new, today)
    for purpose in MARTS:
        marts.build(new, purpose, today)
        marts.publish(new, purpose)
    _prove(new)
    unreadable = holds.unreadable(new, today)
    shutil.rmtree(new.spill)
    sync_tree(new.root)
    secrets = ["secrets/pepper", f"secrets/{suppression_state.STATE}"]
    parts = ["lake", "marts", *(["requests", *secrets] if requests_from != "here" else [])]
    exchange.begin(data_root, parts)
    exchange.finish(data_root)
    return Restored(generation, removed, built.rows["registrants"], requests_from, unreadable)


def prepare(
    data_root: DataRoot, folder: Path | None, generation: str, known: Collection[str] | None = None
) -> tuple[DataRoot, str, dict[str, int]]:
    """Unpack the generation into `.restored/`, with the erasures and corrections since applied.

    The register in it is still the old one.

    Args:
        data_root: The data root.
        folder: The folder of the backups, None for its own.
        generation: The name of the generation.
        known: As in `erasure_replay.replay`.

    Returns:
        That data root, the origin of its requests, and the rows removed per source.
    """
    new = DataRoot(data_root.root / exchange.NEW, data_root.policy)
    shutil.rmtree(new.root, ignore_errors=True)
    new.create()
    # Made with the pepper of a new data root; the restored one has its own.
    remove(*suppression_state.places(new))
    shutil.rmtree(new.lake)
    new.lake.mkdir(mode=0o700)
    _link_keys(data_root, new)
    requests_from = _unpack_all(data_root, folder, generation, new)
    _bring_corrections(data_root, new)
    return new, requests_from, replay(new, known)


def _link_keys(data_root: DataRoot, new: DataRoot) -> None:
    """Let the new data root read open requests, which hold data, and encrypt its marts; the keys
    are never copied.
    """
    for keys in (encrypted_identity.keys, mart_encryption.keys_folder):
        if keys(data_root).is_dir():
            keys(new).symlink_to(keys(data_root).resolve(), target_is_directory=True)


def _unpack_all(data_root: DataRoot, folder: Path | None, generation: str, new: DataRoot) -> str:
    """Unpack the generation, with today's requests and pepper; return the origin of these."""
    if suppression.path(data_root).exists() or any(data_root.requests.glob("Q*.json")):
        _unpack(data_root, folder, generation, new, lambda name: name.startswith("lake/"))
        shutil.copytree(data_root.requests, new.requests, dirs_exist_ok=True)
        _copy_pepper(data_root, new)
        suppression_state.record_copy(new)
        return "here"
    newest = [each.name for each in every(data_root, folder) if each.is_whole][-1]
    _unpack(data_root, folder, generation, new, lambda name: name.startswith("lake/"))
    _unpack(
        data_root,
        folder,
        newest,
        new,
        lambda name: not name.startswith("lake/") or name.startswith(_CORRECTIONS),
    )
    suppression_state.record_copy(new)
    # Their folders have files of both generations.
    for name in _CORRECTIONS:
        for recorded in (new.root / name).rglob("*") if (new.root / name).is_dir() else ():
            if recorded.is_dir() and (recorded / recorded_files.SUMS).exists():
                recorded_files.record(recorded)
    _record_let_go(new)
    return newest


def _record_let_go(new: DataRoot) -> None:
    """Record what was taken from elsewhere into a folder with files of the generation."""
    if (new.lake / recorded_files.SUMS).exists():
        recorded_files.record(new.lake, [LET_GO.place(new).name])


def _bring_corrections(data_root: DataRoot, new: DataRoot) -> None:
    """Replace the source `self` by today's, if there is one: corrections since then still apply."""
    if not (data_root.lake / "deliveries" / "self").exists():
        return
    for name in _CORRECTIONS:
        current, restored = data_root.root / name, new.root / name
        if restored.is_dir():
            shutil.rmtree(restored)
        if current.is_dir():
            shutil.copytree(current, restored)
        elif current.exists():
            shutil.copy2(current, restored)
    _record_let_go(new)


def _copy_pepper(data_root: DataRoot, new: DataRoot) -> None:
    if not (data_root.secrets / "pepper").exists():
        raise BackupError(
            "BACKUP-PEPPER: there are requests but no secrets/pepper: bring the pepper back, or "
            "move requests/ away to have the backup's"
        )
    with writing(new.secrets / "pepper") as unfinished:
        unfinished.write_bytes(pepper(data_root))


def _unpack(
    data_root: DataRoot,
    folder: Path | None,
    generation: str,
    new: DataRoot,
    wanted: Callable[[str], bool],
) -> None:
    """Unpack the wanted part; reads to the end, so that the rest is verified too."""
    with (folder_of(data_root, folder) / f"{generation}{SUFFIX}").open("rb") as file:
        stream = open_generation(data_root, file, generation)
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
            for entry in archive:
                path = new.root / entry.name
                if not entry.isfile() or ".." in path.parts or not path.is_relative_to(new.root):
                    raise BackupError(
                        "BACKUP-CONTENT: the backup holds something else than files of the register"
                    )
                content = archive.extractfile(entry)
                if wanted(entry.name) and content:
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    with path.open("wb") as target:
                        shutil.copyfileobj(content, target)
                    path.chmod(0o600)
        stream.read()


def _prove(new: DataRoot) -> None:
    """Raise BackupError with the findings if an erased person is in the restored state."""
    findings = []
    with connect(new) as connection:
        if identifiers.prepare(new, connection):
            findings += identifiers.in_lake(new, connection)
            for purpose in MARTS:
                path = marts.mart_path(new, purpose)
                findings += identifiers.in_mart(new, connection, purpose, path)
    for purpose in MARTS:
        findings += mart_files.check(new, marts.mart_path(new, purpose), f"marts.{purpose}")
    if findings:
        shown = ", ".join(
            f"{finding.code} in {finding.where} ({finding.count})" for finding in findings[:5]
        )
        raise BackupError(
            f"BACKUP-REPLAY: what was restored still holds someone who has been erased: {shown}; "
            f"nothing was changed"
        )
