"""Where the raw records of a delivery lie."""

from __future__ import annotations

from pathlib import Path

from assets.storage.data_root import Home


def raw_path(home: Home, source: str, day: str, delivery: str) -> Path:
    """Where the records of a delivery lie."""
    return home.lake / "raw" / source / day / f"{delivery}.parquet"
