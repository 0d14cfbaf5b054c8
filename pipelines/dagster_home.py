"""Where Dagster's instance is: in the data root, with the shipped settings, or where a team has it.

A team sets DAGSTER_HOME to a folder with a `dagster.yaml` of its own (PostgreSQL, say): commands
then report to the instance that its webserver shows, and leave those settings alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from importlib.resources import files
from pathlib import Path

from assets.storage.atomic_files import writing
from pipelines.writer_lock import data_root_path

# SHA-256 of the `dagster.yaml` files that were shipped before, without the folder of events. A data
# root that still has one of them, unedited, gets the current one; edited settings are not changed.
EARLIER = (
    "d8a034276e5a503a2bd1c2f2ba859bbfacbadcd87bc6f204b0380813c3eb6923",
    "c18ecce229a1a3c263d1444844200dc374f4da4e0e3e173890042ec60dffada6",
    "fb1467a0969ea68f70849aee3d894af5de9ae23e0f25f4f6c4d118756e8a57c3",
)
EVENTS_IN_BATCH = "1000"
EVENTS = Path("history") / "runs"
"""Where Dagster's own SQLite storage keeps events, too."""
SETTINGS = "dagster.yaml"
_CLASS = "  class: EventLogStorage\n"
_EVENTS = "  config:\n    base_dir: {}\n"
_EVENTS_LINES = re.compile(r"(?<=  class: EventLogStorage\n)  config:\n    base_dir: .*\n")


# What this process has set DAGSTER_HOME to.
_SET: set[str] = set()


def dagster_home(root: Path | None = None) -> Path:
    """Return the folder of the instance: that of DAGSTER_HOME where a team has one, else the data
    root's. A folder without settings, or within a data root, is no team's.

    Args:
        root: The data root; default: REGISTER_HOME.
    """
    own = (root or data_root_path()) / "dagster"
    named = os.environ.get("DAGSTER_HOME", "")
    teams = Path(named)
    is_teams = (
        named not in ("", *_SET)
        and (teams / SETTINGS).exists()
        and not (teams.parent / "lake").is_dir()
    )
    return teams if is_teams else own


def is_begun(root: Path) -> bool:
    """Return whether there is an instance already."""
    return (dagster_home(root) / SETTINGS).exists()


def prepare_dagster(root: Path | None = None) -> None:
    """Point Dagster at its instance; a data root's is made when missing. Call before getting an
    instance.

    Args:
        root: The data root; default: REGISTER_HOME.
    """
    home = dagster_home(root)
    if home == (root or data_root_path()) / "dagster":
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(home, 0o700)
        _write_settings(home)
        _SET.add(str(home))
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_REDACT_USER_CODE_ERRORS", "1")
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_IN_BATCH)


def _write_settings(folder: Path) -> None:
    """Write the shipped settings with the folder's own events, unless somebody has edited them; a
    file that was cut is written again.

    The folder of events is written down, since a storage class does not learn from which folder
    its settings were read. It is corrected when the data root has moved.
    """
    settings = folder / SETTINGS
    shipped = (Path(str(files("pipelines"))).parent / "dagster.yaml").read_text(encoding="utf-8")
    wanted = shipped.replace(_CLASS, _CLASS + _EVENTS.format(json.dumps(str(folder / EVENTS))))
    present = settings.read_text("utf-8", "replace") if settings.exists() else shipped
    plain = _EVENTS_LINES.sub("", present)
    is_cut = wanted.startswith(present)
    if present != wanted and (plain == shipped or _sha256(plain) in EARLIER or is_cut):
        with writing(settings) as unfinished:
            unfinished.write_text(wanted, encoding="utf-8")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
