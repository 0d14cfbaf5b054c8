"""Lines on stderr: for people, or as JSON for machines where REGISTER_LOG is `json`.

`quiet` leaves out what only tells how far something is.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import Literal

VARIABLE = "REGISTER_LOG"
Level = Literal["info", "warning", "error"]


def is_json() -> bool:
    """Return whether lines are JSON."""
    return os.environ.get(VARIABLE) == "json"


def is_quiet() -> bool:
    """Return whether nothing is printed of how far something is."""
    return os.environ.get(VARIABLE) == "quiet"


def log(message: str, level: Level = "info", **fields: object) -> None:
    """Print a line on stderr.

    Args:
        fields: What machines get besides: names, ids and counts.
    """
    if is_json():
        at = datetime.now().astimezone().isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "level": level, "message": message, **fields}, default=str)
    elif level == "info" and is_quiet():
        return
    else:
        line = message
    print(line, file=sys.stderr, flush=True)
