"""Dagster's instance: in the data root, with the shipped settings."""

from __future__ import annotations

import hashlib
import os
from importlib.resources import files
from pathlib import Path

from assets.storage.atomic_files import writing
from pipelines.writer_lock import data_root_path

# SHA-256 of the `dagster.yaml` files that were shipped before. A data root that still has one of
# them, unedited, gets the current one; edited settings are not changed.
EARLIER = (
    "d8a034276e5a503a2bd1c2f2ba859bbfacbadcd87bc6f204b0380813c3eb6923",
    "c18ecce229a1a3c263d1444844200dc374f4da4e0e3e173890042ec60dffada6",
)
EVENTS_IN_BATCH = "1000"


def prepare_dagster(root: Path | None = None) -> None:
    """Point Dagster at a data root's instance, made when missing; call before getting an instance.

    Args:
        root: The data root; default: REGISTER_HOME.
    """
    data_root = (root or data_root_path()) / "dagster"
    data_root.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(data_root, 0o700)
    settings = data_root / "dagster.yaml"
    shipped = Path(str(files("pipelines"))).parent / "dagster.yaml"
    if not settings.exists() or _sha256(settings) in EARLIER:
        with writing(settings) as unfinished:
            unfinished.write_bytes(shipped.read_bytes())
    os.environ["DAGSTER_HOME"] = str(data_root)
    os.environ.setdefault("DAGSTER_REDACT_USER_CODE_ERRORS", "1")
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_IN_BATCH)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
