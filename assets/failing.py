"""What may be told of an error: its kind and the places in our code, never its message.

Messages of exceptions quote data (a duplicate key, a failed cast), and whoever logs them would keep it.
"""

from __future__ import annotations

import traceback
from pathlib import Path

HERE = Path(__file__).parents[1]


class PlainError(Exception):
    """An error whose message is ours, says what to do, and never quotes data: it may be told as it is."""


def places(error: BaseException) -> list[str]:
    """Where in our code it was raised, outermost first, as `file:line in function`."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if str(HERE) in frame.filename and "site-packages" not in frame.filename
    ]
    return [
        f"{Path(frame.filename).relative_to(HERE)}:{frame.lineno} in {frame.name}"
        for frame in frames
    ]


def told(error: BaseException) -> str:
    """One line: the message, if it may be told; else the kind of error, the innermost place, and why there is no more."""
    if isinstance(error, PlainError):
        return str(error)
    where = places(error)
    return f"{type(error).__name__} at {where[-1] if where else 'a place outside this code'}; its message is withheld because it may quote data"
