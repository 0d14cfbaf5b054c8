"""One ZIP, the same bytes for the same content and clock, readable by its owner only, at a path
that the caller names.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.storage.atomic_files import writing
from assets.storage.data_root import DataRoot
from assets.storage.safe_errors import PlainError


class ArchiveError(PlainError):
    """The package cannot be written there; the message gives the reason, without the path."""


def as_json(content: Any) -> bytes:
    """Content for machines: UTF-8, sorted keys, nothing left out."""
    return (json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def write(data_root: DataRoot, out: Path, files: Mapping[str, bytes], now: datetime) -> int:
    """Write the files as a ZIP, whole or not at all, and return its size in bytes. Raises
    ArchiveError for a path within the data root.

    What lies in the data root is the register's: an erasure would have to find it there.
    """
    path = out.absolute()
    if path.resolve().is_relative_to(data_root.root.resolve()):
        raise ArchiveError(
            "the package is handed out and not kept: name a file outside the data root"
        )
    if path.is_dir() or not path.parent.is_dir():
        raise ArchiveError(
            "there is no folder for the file that was named: name a file in a folder that exists"
        )
    with (
        writing(path) as unfinished,
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, now.timetuple()[:6])
            entry.create_system, entry.external_attr, entry.compress_type = (
                3,
                0o600 << 16,
                zipfile.ZIP_DEFLATED,
            )
            archive.writestr(entry, files[name])
    return path.stat().st_size
