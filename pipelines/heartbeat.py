"""The heartbeat: a sign of life that somebody outside misses when it stops.

The watch touches `watch/heartbeat` in the data root and calls a URL each minute, when it has looked
at everything. A service as healthchecks.io, or a scheduler of one's own, raises the alarm when the
calls stop: whatever has died, machine, daemon or sensor, needs not say so itself.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta
from pathlib import Path

from assets.storage.atomic_files import writing
from pipelines.notifications import Problem, no_urls_logged, secret_text

URL_FILE = "heartbeat-url"
URL_VARIABLE = "REGISTER_HEARTBEAT_URL"
SILENT_AFTER = timedelta(minutes=10)
SECONDS_TO_ANSWER = 10
SILENT = Problem("daemon", "Dagster's daemon has ended, or its sensors do not tick: start it again")
"""Sent by the process of the UI; over when the watch ticks again."""
_log = logging.getLogger("register.heartbeat")


def send(root: Path, now: datetime) -> bool:
    """Touch the file, and call the URL if there is one; return whether it answered."""
    with writing(_file(root)) as unfinished:
        unfinished.write_text(now.isoformat(timespec="seconds"), encoding="utf-8")
    address = url(root)
    if not address:
        return True
    import httpx

    try:
        with no_urls_logged():
            answer = httpx.get(address, timeout=SECONDS_TO_ANSWER, follow_redirects=True)
        why = "" if answer.is_success else f"status {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = type(error).__name__
    if why:
        _log.warning("the heartbeat's URL does not answer: %s", why)
    return not why


def url(root: Path) -> str:
    """Return the URL, of the environment or of `secrets/heartbeat-url`; empty where none is."""
    return os.environ.get(URL_VARIABLE, "").strip() or secret_text(root, URL_FILE).strip()


def last(root: Path) -> datetime | None:
    """Return when the watch last ticked; None where it never has."""
    try:
        return datetime.fromisoformat(_file(root).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _file(root: Path) -> Path:
    return root / "watch" / "heartbeat"
