"""Coming back to a generation: opened to its end, rid of whoever was erased and corrected as was asked since, built, proven; then put in place.

All of it happens in `.restored/` beside what is there, which nothing reads. Only then the folders are exchanged, by
renames that a note on the disk makes repeatable: killed before the note, the old state is whole and the attempt is swept; killed after it,
whoever takes the writer's lock next finishes the exchange before anything is read.

Requests, suppressions, certificates and the pepper that are there stay, for they are newer than the backup's. Into an empty data root
come those of the newest generation that can be opened, not those of the one restored: an erasure between the two stays done.
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
from assets.backup.generations import (
    SUFFIX,
    BackupError,
    every,
    folder_of,
    key_path,
    opened,
    sync_tree,
)
from assets.erasure.proof import identifiers, mart_files
from assets.ingest import suppression
from assets.marts import building as marts
from assets.register import building as register
from assets.register.corrections import LET_GO
from assets.retention import sweep
from assets.storage.atomic_files import writing
from assets.storage.data_root import Home
from schemas.marts import MARTS

# All of what registrants say of themselves, and which records raw has let go of because of it.
_CORRECTIONS = (
    *(f"lake/{layer}/self" for layer in ("deliveries", "raw", "staged", "quarantine")),
    f"lake/{LET_GO}",
)


@dataclass(frozen=True)
class Restored:
    """What came of it: rows that the suppressions removed, by source, and rows of the register."""

    generation: str
    removed: dict[str, int]
    registrants: int
    requests_from: str


def restore(home: Home, folder: Path | None, generation: str, today: date) -> Restored:
    """Restore the generation in place of what is there, or into an empty data root. Only while the writer's lock is held.

    Raises BackupError or SealError, and leaves what is there, when the backup cannot be opened whole, or when someone
    erased could not be kept out.
    """
    for needed in (folder_of(home, folder) / f"{generation}{SUFFIX}", key_path(home, generation)):
        if not needed.exists():
            what = (
                "key in secrets/backup-keys: it was destroyed, or is kept elsewhere"
                if needed.suffix == ".key"
                else "file in the folder of backups"
            )
            raise BackupError(f"BACKUP-UNKNOWN: generation {generation} has no {what}")
    new, requests_from, removed = prepare(home, folder, generation)
    built = register.build(new, today)
    # What was wrong and past its time, or what else has come to its end since, is in the generation's files still.
    sweep.sweep(new, today)
    for purpose in MARTS:
        marts.build(new, purpose, today)
        marts.publish(new, purpose)
    _prove(new)
    shutil.rmtree(new.spill)
    sync_tree(new.root)
    parts = ["lake", "marts", *(["requests", "secrets/pepper"] if requests_from != "here" else [])]
    exchange.begin(home, parts)
    exchange.finish(home)
    return Restored(generation, removed, built.rows["registrants"], requests_from)


def prepare(
    home: Home, folder: Path | None, generation: str, known: Collection[str] | None = None
) -> tuple[Home, str, dict[str, int]]:
    """Unpack the generation into `.restored/`, without those who have been erased and as was
    corrected since: that data root, where its requests come from, and the rows removed per source.
    The register in it is still the old one. `known`: see `replaying.replay`.
    """
    new = Home(home.root / exchange.NEW, home.policy)
    shutil.rmtree(new.root, ignore_errors=True)
    new.create()
    requests_from = _unpack_all(home, folder, generation, new)
    _bring_corrections(home, new)
    return new, requests_from, replay(new, known)


def _unpack_all(home: Home, folder: Path | None, generation: str, new: Home) -> str:
    """Unpack the generation, with the requests and the pepper that hold today; answers where these came from."""
    if suppression.path(home).exists() or any(home.requests.glob("Q*.json")):
        _unpack(home, folder, generation, new, lambda name: name.startswith("lake/"))
        shutil.copytree(home.requests, new.requests, dirs_exist_ok=True)
        _copy_pepper(home, new)
        return "here"
    newest = [one.name for one in every(home, folder) if one.has_file and one.has_key][-1]
    _unpack(home, folder, generation, new, lambda name: name.startswith("lake/"))
    _unpack(
        home,
        folder,
        newest,
        new,
        lambda name: not name.startswith("lake/") or name.startswith(_CORRECTIONS),
    )
    return newest


def _bring_corrections(home: Home, new: Home) -> None:
    """What registrants have told and had corrected since stands in what is restored, too: `self` as it is today, where it is."""
    if not (home.lake / "deliveries" / "self").exists():
        return
    for one in _CORRECTIONS:
        there, place = home.root / one, new.root / one
        if place.is_dir():
            shutil.rmtree(place)
        if there.is_dir():
            shutil.copytree(there, place)
        elif there.exists():
            shutil.copy2(there, place)


def _copy_pepper(home: Home, new: Home) -> None:
    if not (home.secrets / "pepper").exists():
        raise BackupError(
            "BACKUP-PEPPER: there are requests but no secrets/pepper: bring the pepper back, or move requests/ away to have the backup's"
        )
    with writing(new.secrets / "pepper") as unfinished:
        unfinished.write_bytes(home.pepper)


def _unpack(
    home: Home, folder: Path | None, generation: str, new: Home, wanted: Callable[[str], bool]
) -> None:
    """Unpack the wanted part; reads to the end, so that what follows is verified too."""
    with (folder_of(home, folder) / f"{generation}{SUFFIX}").open("rb") as file:
        sealed = opened(home, file, generation)
        with tarfile.open(fileobj=sealed, mode="r|") as archive:  # type: ignore[call-overload]
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
        sealed.read()


def _prove(new: Home) -> None:
    """Nobody who has been erased is in what was restored; raises BackupError with the number of findings."""
    findings = []
    with new.connect() as connection:
        if identifiers.prepare(new, connection):
            findings += identifiers.in_lake(new, connection)
            for purpose in MARTS:
                findings += identifiers.in_mart(connection, purpose, marts.mart_path(new, purpose))
    for purpose in MARTS:
        findings += mart_files.check(new, marts.mart_path(new, purpose), f"marts.{purpose}")
    if findings:
        told = ", ".join(f"{one.code} in {one.where} ({one.count})" for one in findings[:5])
        raise BackupError(
            f"BACKUP-REPLAY: what was restored still holds someone who has been erased: {told}; nothing was changed"
        )
