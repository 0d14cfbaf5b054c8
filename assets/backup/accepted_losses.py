"""Going on without what a lost file remembers, where no backup has it as recorded.

A build would count lower, or forget, and nobody would see it: so a person decides it, by name and
with a reason, and that is recorded in `requests/accepted-losses.jsonl`. An older copy of a backup
remembers more than none: what has been removed since then is lost, the rest a build makes again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from assets.backup import intact_copies
from assets.backup.repairing import Step
from assets.register import build_state
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.safe_errors import PlainError

WITHOUT = "none"
"""The name of no generation: a build goes on without the file."""


class LossError(PlainError):
    """There is no such loss, or no such copy."""


@dataclass(frozen=True)
class Loss:
    """A file that remembers, lost for good; `generation` has the newest older copy, if any."""

    path: str
    kept: KeptFile
    generation: str

    def __str__(self) -> str:
        place = self.generation or WITHOUT
        older = f"backup {place} has an older copy" if self.generation else "nor an older one"
        return (
            f"No backup has {self.path} as recorded: it remembers {self.kept.remembers}. Without "
            f"it: {self.kept.without} ({older}). `register repair --accept-losses {place} --by "
            "NAME --why TEXT` goes on."
        )


def losses(data_root: DataRoot, folder: Path | None, steps: Iterable[Step]) -> list[Loss]:
    """Return what the steps cannot put back, with its newest older copies. Cost: each generation
    is decrypted."""
    lost = {step.damage.path: step.loss for step in steps if step.loss}
    readable = _is_readable(data_root)
    copies = intact_copies.newest_with(data_root, folder, dict.fromkeys(lost, readable))
    return [Loss(path, kept, copies.get(path, "")) for path, kept in lost.items()]


def accept(
    data_root: DataRoot,
    folder: Path | None,
    steps: Iterable[Step],
    generation: str,
    by: str,
    why: str,
    now: datetime,
) -> list[str]:
    """Go on with the older copies of a generation, or without; return the paths.

    Only under the writer's lock; then the register is to be built again.

    Raises:
        LossError: Nothing is lost, or the generation has no copy that can be read.
    """
    lost = [step.damage.path for step in steps if step.loss]
    if not lost:
        raise LossError("nothing is lost that a build would go on without: nothing to accept")
    copies: dict[str, str] = {}
    if generation != WITHOUT:
        wanted = dict.fromkeys(lost, _is_readable(data_root))
        copies = intact_copies.newest_with(data_root, folder, wanted, only=generation)
        if not copies:
            raise LossError(f"backup {generation} has no readable copy of {', '.join(lost)}")
    line = {"by": by, "why": why, "at": now.isoformat(timespec="seconds"), "lost": lost}
    recorded_files.append_line(
        data_root.requests / "accepted-losses.jsonl", {**line, "copies": copies}
    )
    # First: then the next call or refresh builds, if this one is killed.
    build_state.invalidate(data_root)
    recorded_files.remove(*(data_root.root / path for path in lost if path not in copies))
    intact_copies.put_back(data_root, folder, copies)
    for path in copies:
        recorded_files.record((data_root.root / path).parent, [path.rsplit("/", 1)[-1]])
    return lost


def _is_readable(data_root: DataRoot) -> intact_copies.IsIntact:
    """Return whether a copy can be read to its end."""

    def test(file: IO[bytes]) -> bool:
        with tempfile.TemporaryFile(dir=data_root.spill) as copy:
            shutil.copyfileobj(file, copy)
            copy.seek(0)
            try:
                if copy.read(4) == b"PAR1":
                    for _ in pq.ParquetFile(copy).iter_batches():
                        pass
                else:
                    copy.seek(0)
                    json.load(copy)
            except (pa.ArrowException, ValueError, OSError):
                return False
        return True

    return test
