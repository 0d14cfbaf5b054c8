"""The data root: where everything of one register lies.

    inbox/<source>/<day>/             what sources deliver
    lake/deliveries/<source>/<day>/   the delivery ledger, one JSON each, nothing personal
    lake/raw/<source>/<day>/          one Parquet file per delivery
    lake/staged/<source>/<day>/<delivery>/<table>.parquet
    lake/quarantine/<source>/<day>/<delivery>.parquet
    lake/register/<table>.parquet
    lake/informed.parquet             who was informed that we have their data from others
                                      (GDPR 14): ids and days
    marts/<purpose>.duckdb  requests/  secrets/  outbox/  dagster/  spill/

Every file of the lake is written under a temporary name in its own folder, synced, and put in
place by one rename; a reader sees the old file or the new one, never half of one.
"""

from __future__ import annotations

import os
import shutil
import stat
from datetime import date
from pathlib import Path

from assets.storage import layout, recorded_files, suppression_state
from assets.storage.atomic_files import UNFINISHED, is_locked
from assets.storage.safe_errors import PlainError
from assets.storage.secrets import create_pepper
from schemas.policy.loader import load_policy
from schemas.policy.model import Policy

RECORDED = layout.NOTE


class DataRoot:
    """The paths of the data root at `root`. Cheap to make; nothing is written before `create`."""

    def __init__(self, root: Path, policy: Policy | None = None) -> None:
        self.root = root.absolute()
        self.policy = policy or load_policy()
        self.inbox = self.root / "inbox"
        self.lake = self.root / "lake"
        self.marts = self.root / "marts"
        self.requests = self.root / "requests"
        self.secrets = self.root / "secrets"
        self.dagster = self.root / "dagster"
        self.spill = self.root / "spill"
        self.outbox = self.root / "outbox"
        self.readers = self.root / "readers.yaml"

    def create(self, *, migrating: bool = False) -> None:
        """Create the folders, readable by their owner only, and the pepper. Repeatable.

        Folders that others may read are closed to them, but for the two where others deliver. Where
        `readers.yaml` lets groups read marts, others may pass through the folders of marts and
        keys, and list none; what lies there is opened by group.

        Raises:
            PlainError: The data root belongs to another user, or has a layout that this version
                would misread.
        """
        layout.check(self.lake, migrating=migrating)
        folders = (
            self.root,
            self.inbox,
            self.lake,
            self.marts,
            self.requests,
            self.secrets,
            self.dagster,
            self.spill,
            self.outbox,
        )
        for folder in (*folders, self.requests / "inbox"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(self.root)
        keys = self.secrets / "mart-keys"
        for folder in (*folders, keys) if keys.is_dir() else folders:
            mode = self.mode_of(folder)
            if folder != self.inbox and stat.S_IMODE(folder.stat().st_mode) & 0o077 != mode & 0o077:
                folder.chmod(mode)
        if create_pepper(self):
            suppression_state.begin(self)
            self.note_recorded()

    def passed_through(self) -> list[Path]:
        """Return the folders that others may pass through to the marts that they may read."""
        if not self.readers.exists():
            return []
        passed = (self.root, self.marts, self.secrets, self.secrets / "mart-keys")
        return [folder for folder in passed if folder.is_dir()]

    def mode_of(self, folder: Path) -> int:
        """Return what others may do with a folder, as the system's mode."""
        return 0o711 if folder in self.passed_through() else 0o700

    def note_recorded(self) -> None:
        """Note the current layout, in which every file of the layers is recorded: from now on, one
        that is not is damage.

        Data roots from before files were recorded get the note by `register migrate`.
        """
        recorded_files.write_all({self.lake / RECORDED: layout.note()})

    @property
    def is_recorded(self) -> bool:
        """Whether every file of the layers is recorded."""
        return (self.lake / RECORDED).exists()

    def sweep(self) -> None:
        """Remove what a killed run left behind: unfinished files and spilled data.

        Only under the writer's lock. Deliveries, requests and their keys are written without it, so
        what is unfinished among them is a leftover only when its process has ended.
        """
        unlocked = (self.inbox, self.requests, self.outbox, self.secrets)
        for leftover in self.root.glob(f"{UNFINISHED}*"):
            leftover.unlink()
        for folder in (self.lake, self.marts, self.root / "backups", *unlocked):
            for leftover in folder.rglob(f"{UNFINISHED}*"):
                if folder in unlocked and _is_in_use(leftover):
                    continue
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        for spilled in self.spill.iterdir():
            if not spilled.name.isdigit() or not _is_running(int(spilled.name)):
                shutil.rmtree(spilled, ignore_errors=True)

    def files(self, layer: str, source: str = "*", day: str = "*", name: str = "*") -> list[Path]:
        """Return the layer's Parquet files, sorted; in staged, `name` is `<delivery>/<table>`."""
        return sorted((self.lake / layer).glob(f"{source}/{day}/{name}.parquet"))

    def register(self, table: str) -> Path:
        return self.lake / "register" / f"{table}.parquet"


def _check_owner(root: Path) -> None:
    """Refuse the data root of another user: their next run could not read what this one writes."""
    owner = root.stat().st_uid
    if owner != os.geteuid():
        raise PlainError(
            f"the data root belongs to the user with number {owner}, and this runs as number "
            f"{os.geteuid()}: run it as its owner"
        )


def _is_in_use(unfinished: Path) -> bool:
    """Return whether a process still writes a file: another one is running, or has locked it."""
    process = unfinished.name.removeprefix(UNFINISHED).split("-")[0]
    if process.isdigit() and int(process) != os.getpid() and _is_running(int(process)):
        return True
    return is_locked(unfinished)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def delivery_day(text: str) -> date | None:
    """Return the date that a folder's name is, or None unless it is one in ISO 8601."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None
