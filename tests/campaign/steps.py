"""The commands that a campaign disturbs, each with a data root that is ready for it and with what
an undisturbed run leaves.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.ingest.deliveries import Entry
from assets.storage.data_root import DataRoot
from tests.support.commands import AS_OF, LAST_DAY, Ended, register
from tests.support.data_roots import contents, copied, ledger_entries, parquet_rows
from tests.support.erasing import cleared
from tests.support.mentions_world import deliver_unreadable

SAMPLE = ("--seed", "16", "--days", "2", "--last-day", LAST_DAY)
NAMES = (
    *("refresh", "erase", "retention", "backup", "restore"),
    *("backup-elsewhere", "restore-on-an-empty-disk", "repair", "hold", "deliver"),
)
HOLD = ("--ground", "HOLD-CLAIM", "--owner", "legal")
LATER = ("--as-of", "2028-11-20")  # what is past its period by then is swept


@dataclass(frozen=True)
class Outcome:
    """What a command leaves: rows of every table, and the ledger of deliveries."""

    contents: dict[str, list[tuple[Any, ...]]]
    ledger: list[Entry]


@dataclass(frozen=True)
class Step:
    """A command, the data root that it starts from, and what it leaves there undisturbed.

    Attributes:
        seconds: How long the undisturbed run took.
        room: By how many bytes the data root grew with it.
    """

    name: str
    ready: Path
    arguments: tuple[str, ...]
    seconds: float
    room: int
    outcome: Outcome


def outcome(root: Path) -> Outcome:
    return Outcome(contents(root), ledger_entries(root))


def size(root: Path) -> int:
    """Bytes of all files under the root, in blocks of 4 KiB as a file system counts them."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in files)


def prepare(folder: Path, registrants: int, names: Collection[str] = NAMES) -> list[Step]:
    """Make the data roots of the steps so named in the folder, by the commands themselves."""
    sampled = folder / "sampled"
    _run(sampled, "sample", "--registrants", str(registrants), *SAMPLE)
    steps = [_step(folder, "refresh", sampled, ("refresh", *AS_OF))]
    if set(names) != {"refresh"}:
        steps += _after_refresh(folder, sampled, names)
    return [step for step in steps if step.name in names]


def _after_refresh(folder: Path, sampled: Path, names: Collection[str]) -> list[Step]:
    refreshed = folder / "after-refresh"
    generation = str(_run(refreshed, "backup", "--json").data["made"])
    code, other = _codes(refreshed)[:2]

    def restored() -> Path:
        root = folder / "after-erase"
        return copied(root if root.exists() else refreshed, folder / "to-restore")

    steps: dict[str, Callable[[], tuple[Path, tuple[str, ...]]]] = {
        "erase": lambda: (
            _asked(copied(refreshed, folder / "asked"), code, other),
            ("erase", *AS_OF),
        ),
        "retention": lambda: (refreshed, ("retention", *LATER)),
        "backup": lambda: (refreshed, ("backup",)),
        "restore": lambda: (restored(), ("restore", generation, *AS_OF)),
        "backup-elsewhere": lambda: (refreshed, ("backup", "--to", str(folder / "elsewhere"))),
        "restore-on-an-empty-disk": lambda: (
            _empty(refreshed, folder / "empty"),
            ("restore", generation, *AS_OF),
        ),
        "repair": lambda: (_damaged(copied(refreshed, folder / "damaged")), ("repair", "--yes")),
        "hold": lambda: (refreshed, ("hold", "add", *HOLD, "--identity-code", code)),
        "deliver": lambda: (refreshed, _delivered(sampled, folder)),
    }
    return [_step(folder, name, *make()) for name, make in steps.items() if name in names]


def _step(folder: Path, name: str, ready: Path, arguments: tuple[str, ...]) -> Step:
    root = copied(ready, folder / f"after-{name}")
    before = size(root)
    ended = _run(root, *arguments)
    return Step(name, ready, arguments, ended.seconds, size(root) - before, outcome(root))


def _codes(root: Path) -> list[str]:
    rows = parquet_rows(root / "lake" / "register" / "identifiers.parquet")
    return sorted({row[2] for row in rows if row[1] == "identity_code"})


def _empty(refreshed: Path, root: Path) -> Path:
    """A new disk with backups and secrets."""
    for name in ("secrets", "backups"):
        copied(refreshed / name, root / name)
    return root


def _delivered(sampled: Path, folder: Path) -> tuple[str, ...]:
    """The command that delivers a file of the sample again."""
    file = sorted((sampled / "inbox" / "crm").glob("*/contracts*.csv"))[0]
    encoding = json.loads(file.with_name(f"{file.name}.manifest.json").read_text())["encoding"]
    delivered = shutil.copy(file, folder)
    named = ("--source", "crm", "--dataset", "contracts", "--encoding", encoding)
    return ("deliver", str(delivered), *named, "--day", LAST_DAY)


def _damaged(root: Path) -> Path:
    """The data root without a table, a staged file and a file that only the backup has."""
    data_root = DataRoot(root)
    staged = data_root.files("staged", "crm", name="*/identifiers")[0]
    for path in (staged, data_root.register("registrants"), data_root.register("membership")):
        path.unlink()
    return root


def _asked(root: Path, code: str, other: str) -> Path:
    """The data root with a request for erasure that nothing holds up, and unreadable records that
    mention who is erased: one of theirs, one of somebody else.
    """
    texts = {"theirs0code": code, "redacted0code": f"{other} {code}"}
    deliver_unreadable(DataRoot(root), LAST_DAY, texts)
    _run(root, "refresh", *AS_OF)
    asked = _run(root, "request", "erasure", "--channel", "written", "--identity-code", code)
    cleared(DataRoot(root), [asked.out.strip()])
    return root


def _run(root: Path, *arguments: str) -> Ended:
    ended = register(root, *arguments)
    if ended.code:
        raise RuntimeError(f"{arguments} ended with {ended.code}: {ended.err}")
    return ended
