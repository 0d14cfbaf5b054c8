"""The version of a data root's layout, and the refusal of one that this code would misread.

`lake/recorded.json` has the version. Older data roots are distinguished by it, too:

    1   no such file: files of the layers are not recorded in `.sums`
    2   `{}`, or `{"layout": 2}`

A change of the layout is a new version here, with its step in `assets/backup/migrating.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from assets.storage.safe_errors import PlainError

NOTE = "recorded.json"
CURRENT = 2
OLDEST_READ = 1
"""The oldest layout that this version works with as it is; older ones are migrated first."""


class LayoutError(PlainError):
    """The data root has a layout that this version would misread."""


def version(lake: Path) -> int:
    """Return the version of a lake's layout; the current one for a folder without anything in it.

    A note that is damaged says nothing, and is found by the comparison of files.
    """
    try:
        noted = json.loads((lake / NOTE).read_bytes())
    except FileNotFoundError:
        return 1 if lake.is_dir() and any(lake.iterdir()) else CURRENT
    except ValueError:
        return CURRENT
    stated = noted.get("layout", 2) if isinstance(noted, dict) else CURRENT
    return stated if isinstance(stated, int) else CURRENT


def check(lake: Path, *, migrating: bool = False) -> None:
    """Refuse a layout that is newer than this version knows, or too old to be read.

    Args:
        lake: The data root's lake.
        migrating: Whether an old one is about to be brought to the current layout.

    Raises:
        LayoutError: The message says what to do. Nothing has been read or written.
    """
    present = version(lake)
    if present > CURRENT:
        raise LayoutError(
            f"the data root has layout {present}, and this version of the register knows "
            f"{CURRENT}: install the version that wrote it, or a newer one"
        )
    if present < OLDEST_READ and not migrating:
        raise LayoutError(
            f"the data root has layout {present}, and this version of the register works with "
            f"{OLDEST_READ} to {CURRENT}: back it up, then run `register migrate`"
        )


def note() -> bytes:
    """Return the content of the note of the current layout."""
    return json.dumps({"layout": CURRENT}).encode()
