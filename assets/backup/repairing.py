"""Making again what can be made again, and putting back what a backup has as it was recorded.

Staged and quarantine are staged again from raw, if raw still has all of their records; register and
marts are built again from staged. Raw, the ledger, requests, and whatever remembers what staged has
not (`kept_files`) come back from the newest generation with the recorded bytes; where none has
them, that is what is left to a person. Nothing is built while a memory is lost: a build would go on
without it (`accepted_losses`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pyarrow.parquet as pq

from assets.backup import intact_copies, suppression_copies
from assets.backup.damage import Damage, record_of, vouched_for
from assets.ingest import deliveries
from assets.ingest.deliveries import Entry
from assets.ingest.raw_files import raw_path
from assets.register import build_state
from assets.register.corrections import WRONG
from assets.register.pair_cache import BEFORE, COMPARED
from assets.register.review import GREY_PAIRS
from assets.staging import lake_rewrite
from assets.staging.staged import quarantine_path, staged_folder
from assets.storage import kept_files, recorded_files
from assets.storage.data_root import RECORDED, DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.recorded_files import SUMS, DamagedFileError, Sum

# Files beside the register's tables that its build makes again.
_BUILT = {COMPARED, BEFORE, GREY_PAIRS, WRONG}
STAGE, BUILD, RECORD, COPY, NOTHING = "stage again", "build again", "record", "put back", "-"
READ, WAIT = "read again", "waits"


@dataclass(frozen=True)
class Step:
    """What is done about a damage: one of the words above, and the generation of a copy."""

    damage: Damage
    action: str
    generation: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether the damage can be put right here."""
        return self.action not in (NOTHING, WAIT)

    @property
    def loss(self) -> KeptFile | None:
        """What is lost for good, if it is something that a build would go on without."""
        return None if self.is_possible else kept_files.of(self.damage.path)


def plan(data_root: DataRoot, damages: Iterable[Damage], folder: Path | None = None) -> list[Step]:
    """Return what would be done about each damage; changes nothing.

    Args:
        data_root: The data root.
        damages: As `damage.examine` returns them.
        folder: The folder of backups, None for its own.
    """
    listed = list(damages)
    damaged = {damage.path for damage in listed}
    actions = {damage: _action(data_root, damage, damaged) for damage in listed}
    wanted = {
        damage.path: _is_recorded(record_of(data_root, damage).accepted.get(_name(damage), []))
        for damage, action in actions.items()
        if action == NOTHING and not damage.code.startswith("CERT-")
    }
    copies = intact_copies.newest_with(data_root, folder, wanted) if wanted else {}
    if any(damage.code in ("CERT-PEPPER", "CERT-SUPPRESSION") for damage in listed):
        copies |= suppression_copies.restore_lost(data_root, folder, write=False)
    steps = [
        Step(damage, COPY, copies[damage.path])
        if action == NOTHING and damage.path in copies
        else Step(damage, action)
        for damage, action in actions.items()
    ]
    if any(step.loss for step in steps):
        return [replace(step, action=WAIT) if step.action == BUILD else step for step in steps]
    return steps


def _action(data_root: DataRoot, damage: Damage, damaged: set[str]) -> str:
    name = _name(damage)
    if name in (SUMS, RECORDED) or damage.code == "FILE-UNRECORDED":
        return RECORD
    if damage.layer in ("staged", "quarantine") and damage.delivery:
        entry = _entry(data_root, damage, damaged)
        return STAGE if entry and _has_every_record(data_root, entry, damaged) else NOTHING
    if kept_files.of(damage.path):
        return NOTHING
    if damage.layer == "refused":
        return READ
    if damage.layer in ("register", "incremental", "marts", "built") or (
        damage.layer == "lake" and name in _BUILT
    ):
        return BUILD
    return NOTHING


def _entry(data_root: DataRoot, damage: Damage, damaged: set[str]) -> Entry | None:
    """Return the delivery's entry in the ledger, unless that is damaged itself."""
    path = deliveries.entry_path(data_root, damage.source, damage.day, damage.delivery)
    if not path.exists() or str(path.relative_to(data_root.root)) in damaged:
        return None
    try:
        return deliveries.parsed(path)
    except DamagedFileError:
        return None


def _has_every_record(data_root: DataRoot, entry: Entry, damaged: set[str]) -> bool:
    """Return whether raw is intact and has every record that was staged or quarantined.

    Raw may be kept for less long, and does not have what retention took values from.
    """
    raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
    if not raw.exists() or str(raw.relative_to(data_root.root)) in damaged:
        return False
    records = entry.staged + entry.quarantined + entry.duplicates
    return not entry.removing and int(pq.read_metadata(raw).num_rows) == records


def _is_recorded(accepted: list[Sum]) -> Callable[[IO[bytes]], bool]:
    """Return whether a copy has one of the recorded hashes."""
    hashes = {each.sha256 for each in accepted}

    def test(file: IO[bytes]) -> bool:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest() in hashes

    return test


def carry_out(data_root: DataRoot, steps: Iterable[Step], folder: Path | None = None) -> bool:
    """Put back copies, record files, stage deliveries again, and remove what is to be built again.

    Only under the writer's lock. Killed in between, the rest is found and done by the next call.

    Returns:
        Whether register and marts are to be built again: not while a memory is lost.
    """
    done = list(steps)
    intact_copies.put_back(
        data_root,
        folder,
        {step.damage.path: step.generation for step in done if step.action == COPY},
    )
    for parent in sorted(
        {(data_root.root / step.damage.path).parent for step in done if step.action == RECORD}
    ):
        accepted = recorded_files.read(parent).accepted
        present = (path.name for path in vouched_for(data_root) if path.parent == parent)
        recorded_files.record(parent, [name for name in present if name not in accepted])
    if any(_name(step.damage) == RECORDED for step in done):
        data_root.note_recorded()
    entries = {
        (step.damage.source, step.damage.day, step.damage.delivery)
        for step in done
        if step.action == STAGE
    }
    lake_rewrite.stage_again(data_root, entries)
    recorded_files.remove(*(_place(data_root, step) for step in done if step.action == READ))
    built = [_place(data_root, step) for step in done if step.action == BUILD]
    if built:
        # First: then the next call or refresh builds, if this one is killed.
        build_state.invalidate(data_root)
        recorded_files.remove(*built)
    was_built = any((data_root.lake / "register").glob("*.parquet"))
    is_lost = any(step.loss for step in done)
    return not is_lost and (
        bool(entries or built) or (was_built and not build_state.is_valid(data_root))
    )


def _place(data_root: DataRoot, step: Step) -> Path:
    return data_root.root / step.damage.path


def record_all(data_root: DataRoot) -> int:
    """Record every file of the layers of a data root from before files were recorded.

    Returns:
        The number of files that had no record.
    """
    folders: dict[Path, list[str]] = {}
    for path in vouched_for(data_root):
        folders.setdefault(path.parent, []).append(path.name)
    for entry in deliveries.ledger(data_root):
        # Also of deliveries without a file: that there is none is then known to be right.
        raw = raw_path(data_root, entry.source, entry.day, entry.delivery_id)
        parents = [raw.parent, quarantine_path(data_root, entry).parent]
        if entry.staged + entry.quarantined + entry.duplicates == 0:
            parents.append(staged_folder(data_root, entry))
        for parent in parents:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folders.setdefault(parent, [])
    count = 0
    for parent, names in sorted(folders.items()):
        accepted = recorded_files.read(parent).accepted
        count += recorded_files.record(parent, [name for name in names if name not in accepted])
    data_root.note_recorded()
    return count


def _name(damage: Damage) -> str:
    return damage.path.rsplit("/", 1)[-1]
