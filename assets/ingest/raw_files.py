"""Paths of raw files."""

from __future__ import annotations

from pathlib import Path

from assets.storage.data_root import DataRoot


def raw_path(data_root: DataRoot, source: str, day: str, delivery: str) -> Path:
    """Return the path of the raw records of a delivery."""
    return data_root.lake / "raw" / source / day / f"{delivery}.parquet"
