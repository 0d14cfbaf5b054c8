"""What a fetch works with, on a clock that stands still and pauses that take no time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from assets.connectors.connector import Fetching
from assets.connectors.web_api import Clock
from assets.ingest import deliveries
from assets.storage.data_root import DataRoot
from schemas.delivery import Manifest

NOW = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
TODAY = "2026-11-20"


@dataclass
class Time:
    """A clock that pauses move."""

    now: datetime = NOW
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, sleep=self.sleep)


def fetching(data_root: DataRoot, time: Time | None = None, since: date | None = None) -> Fetching:
    @contextmanager
    def locked() -> Iterator[None]:
        yield

    return Fetching(data_root, locked, (time or Time()).clock, since)


def delivered(data_root: DataRoot, source: str) -> list[tuple[Manifest, Any]]:
    """What waits in the inbox: each manifest, and the content read as JSON."""
    return [
        (Manifest.parse(item.manifest_path.read_bytes()), json.loads(item.path.read_bytes()))
        for item in deliveries.waiting(data_root, source)
    ]


def everything_written(data_root: DataRoot) -> bytes:
    """The bytes of every file of the data root outside the inbox."""
    return b"".join(
        path.read_bytes()
        for path in data_root.root.rglob("*")
        if path.is_file() and "inbox" not in path.relative_to(data_root.root).parts
    )
