"""Watermarks: up to where a connector has fetched, one small JSON file each in `lake/fetched`.

They are in the lake, so that a backup has those that fit its deliveries, and are written under the
writer's lock, as all that is in the lake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.kept_files import KeptFile
from assets.storage.recorded_files import DamagedFileError

Mark = Mapping[str, str]
WATERMARKS = KeptFile(
    "lake/fetched/*.json",
    "up to where a connector has fetched",
    "it fetches from the beginning; what was delivered before is recognised",
)


def read(data_root: DataRoot, name: str) -> Mark:
    """Return the watermark of a connector; empty before its first fetch.

    Raises:
        DamagedFileError: It is missing, or not what was written.
    """
    path = _path(data_root, name)
    recorded_files.check(path)
    try:
        mark = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise DamagedFileError("FILE-CHANGED", path) from None
    return {str(key): str(value) for key, value in mark.items()}


def write(data_root: DataRoot, name: str, mark: Mark) -> None:
    """Write the watermark, durably. Only under the writer's lock."""
    recorded_files.write_all({_path(data_root, name): json.dumps(mark, sort_keys=True).encode()})


def _path(data_root: DataRoot, name: str) -> Path:
    return data_root.lake / "fetched" / f"{name}.json"
