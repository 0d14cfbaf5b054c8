"""What is in an access package."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any


def unzipped(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def content(path: Path, name: str = "access.json") -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(unzipped(path)[name])
    return parsed
