"""Which generation has an intact copy of a file that was lost or damaged, and putting it back.

Cost: each generation is decrypted, the newest first, until every file was found. The keys of
backups are in `secrets/backup-keys`, so that neither pepper nor lake is needed to open one.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from assets.backup.encryption import DecryptionError
from assets.backup.generations import open_generation
from assets.storage.atomic_files import writing
from assets.storage.backup_generations import SUFFIX, every, folder_of
from assets.storage.data_root import DataRoot

IsIntact = Callable[[IO[bytes]], bool]


def newest_with(
    data_root: DataRoot, folder: Path | None, wanted: Mapping[str, IsIntact], only: str = ""
) -> dict[str, str]:
    """Return the newest generation with an intact copy of each file; files without one are left
    out.

    Args:
        data_root: The data root.
        folder: The folder of the backups, None for its own.
        wanted: Path below the data root -> whether a copy of it is intact.
        only: The one generation to look at; empty for all.
    """
    copies: dict[str, str] = {}
    generations = [each.name for each in every(data_root, folder) if each.is_whole]
    for generation in [only] if only in generations else [] if only else reversed(generations):
        missing = {name: test for name, test in wanted.items() if name not in copies}
        if not missing:
            break
        try:
            for name, content in members(data_root, folder, generation):
                if name in missing and missing[name](content):
                    copies[name] = generation
        except (DecryptionError, tarfile.TarError):
            # A damaged generation has no copy that can be trusted.
            copies = {name: found for name, found in copies.items() if found != generation}
    return copies


def put_back(data_root: DataRoot, folder: Path | None, copies: Mapping[str, str]) -> None:
    """Replace files by their copies in generations, each atomically.

    Args:
        data_root: The data root.
        folder: The folder of the backups, None for its own.
        copies: Path below the data root -> generation, as `newest_with` returns it.

    Raises:
        DecryptionError: A generation is not what was written.
    """
    for generation in sorted(set(copies.values())):
        for name, content in members(data_root, folder, generation):
            if copies.get(name) == generation:
                with (
                    writing(data_root.root / name) as unfinished,
                    unfinished.open("wb") as target,
                ):
                    shutil.copyfileobj(content, target)


def members(
    data_root: DataRoot, folder: Path | None, generation: str
) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the files of a generation, and read it to its verified end."""
    with (folder_of(data_root, folder) / f"{generation}{SUFFIX}").open("rb") as file:
        stream = open_generation(data_root, file, generation)
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
            for entry in archive:
                content = archive.extractfile(entry) if entry.isfile() else None
                if content:
                    yield entry.name, content
        stream.read()
