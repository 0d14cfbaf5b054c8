"""What is on disk of requests."""

from __future__ import annotations

from datetime import UTC, datetime

from assets.storage.data_root import DataRoot

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def every_byte(data_root: DataRoot) -> bytes:
    return b"\n".join(
        path.read_bytes() for path in sorted(data_root.root.rglob("*")) if path.is_file()
    )
