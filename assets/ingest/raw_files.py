"""Paths of raw files."""

from __future__ import annotations

from pathlib import Path

from assets.storage.data_root import Home


def raw_path(home: Home, source: str, day: str, delivery: str) -> Path:
    """Return the path of the raw records of a delivery."""
    return home.lake / "raw" / source / day / f"{delivery}.parquet"
