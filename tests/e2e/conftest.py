"""One sampled and one refreshed data root for all tests that run real processes; each test works on a copy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assets.home import Home
from tests.e2e.homes import LAST_DAY, Ended, contents, copied, refresh, register


@dataclass(frozen=True)
class Refreshed:
    """A data root after its first refresh, which nothing disturbed."""

    root: Path
    ended: Ended
    contents: dict[str, list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with three days of sample deliveries, nothing taken in yet, and its secret made."""
    root = tmp_path_factory.mktemp("sampled") / "data"
    ended = register(
        root,
        "sample",
        "--registrants",
        "300",
        "--seed",
        "11",
        "--days",
        "3",
        "--last-day",
        LAST_DAY,
    )
    assert (ended.code, ended.err) == (0, "")
    assert Home(root).pepper
    return root


@pytest.fixture(scope="session")
def refreshed(sampled: Path, tmp_path_factory: pytest.TempPathFactory) -> Refreshed:
    # A data root may have nearly any name.
    root = copied(sampled, tmp_path_factory.mktemp("refreshed") / "it's a home, 50% {of} #1")
    ended = refresh(root)
    return Refreshed(root, ended, contents(root))
