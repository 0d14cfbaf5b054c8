"""The connectors that are configured: a file in the data root, or one that is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.writer_lock import data_root_path

if TYPE_CHECKING:
    from assets.connectors.connector import Connector


def connectors_file() -> Path | None:
    """Return REGISTER_CONNECTORS, or `connectors.yaml` in the data root if it is there."""
    named = os.environ.get("REGISTER_CONNECTORS")
    path = Path(named).absolute() if named else data_root_path() / "connectors.yaml"
    return path if named or path.exists() else None


def configured() -> Mapping[str, Connector]:
    """Return the connectors by name; none, if there is no file.

    Raises:
        FetchError: The file is not valid.
    """
    path = connectors_file()
    if path is None:
        return {}
    # Its clients take a while to import.
    from assets.connectors.configuration import load

    return load(path)
