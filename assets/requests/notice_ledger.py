"""The ledger of notices to recipients (GDPR 19): one file per notice, nothing personal in plain
text.

requests/notices/<notice_id>.json    recipient, right, marts, days and state; keys of rows encrypted
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import DamagedFileError, remove


@dataclass(frozen=True)
class Notice:
    """What became of one notice. `due_on`: by when the recipient must acknowledge, or is notified
    again.
    """

    notice_id: str
    request_id: str
    recipient: str
    right: str
    marts: tuple[str, ...]
    mechanism_holds: bool
    state: Literal["prepared", "open", "acknowledged"] = "prepared"
    written_on: str = ""
    due_on: str = ""
    attempts: int = 0
    acknowledged_on: str = ""


def folder(data_root: DataRoot) -> Path:
    """Where it is kept what became of them."""
    return data_root.requests / "notices"


def written(notice: Notice, locked: str) -> bytes:
    """Return the content of a notice's file; `locked` is its encrypted part, or empty."""
    return json.dumps(
        {**asdict(notice), **({"sealed": locked} if locked else {})}, sort_keys=True
    ).encode()


def read(path: Path) -> tuple[Notice, str]:
    """Return the notice of a file, and its encrypted part."""
    try:
        fields = dict(json.loads(path.read_bytes()))
        locked = fields.pop("sealed", "")
        return Notice(**{**fields, "marts": tuple(fields["marts"])}), locked
    except (ValueError, TypeError, KeyError):
        raise DamagedFileError("FILE-CHANGED", path) from None


def every(data_root: DataRoot) -> list[Notice]:
    """Return all notices that were sent, by id; a prepared notice is not sent yet."""
    notices = [read(path)[0] for path in sorted(folder(data_root).glob("N*.json"))]
    return [notice for notice in notices if notice.state != "prepared"]


def forget(data_root: DataRoot, before: date) -> int:
    """Remove the records of notices acknowledged on `before` or earlier, and return their
    number.
    """
    old = [
        notice
        for notice in every(data_root)
        if notice.state == "acknowledged" and notice.acknowledged_on <= str(before)
    ]
    for notice in old:
        remove(folder(data_root) / f"{notice.notice_id}.json")
    return len(old)
