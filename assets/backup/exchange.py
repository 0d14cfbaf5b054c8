"""Replacing the current state by a restored one: renames that a note on disk makes repeatable.

Killed before the note, the old state is whole and the prepared one is swept; killed after it, the
next holder of the writer's lock finishes the exchange before anything is read.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from assets.storage.atomic_files import remove, sync, writing
from assets.storage.data_root import DataRoot

NEW, OLD, NOTE = ".restored", ".replaced", "restore.json"


def begin(data_root: DataRoot, parts: list[str]) -> None:
    """Record, durably, that `parts` (names in the data root) of `.restored/` are to be moved in."""
    with writing(data_root.root / NOTE) as unfinished:
        unfinished.write_text(json.dumps({"parts": parts}))


def finish(data_root: DataRoot) -> bool:
    """Finish a recorded exchange, sweep leftovers of an attempt, and return whether there was one.

    Repeatable at any point.
    """
    note = data_root.root / NOTE
    noted = note.exists()
    if noted:
        for part in json.loads(note.read_text())["parts"]:
            _put(data_root.root / NEW / part, data_root.root / part, data_root.root / OLD / part)
        remove(note)
    for leftover in (data_root.root / NEW, data_root.root / OLD):
        if leftover.exists():
            shutil.rmtree(leftover)
    return noted


def _put(new: Path, place: Path, old: Path) -> None:
    if not new.exists():
        return
    for path in (old, place):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.exists() and not old.exists():
        place.rename(old)
    elif place.is_dir():
        # Killed between the two renames; the folder is an empty one, created since.
        shutil.rmtree(place)
    new.rename(place)
    sync(place.parent)
