"""One sampled and one refreshed data root for all tests that run real processes; each test works on a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.home import Home
from tests.support.commands import LAST_DAY, Refreshed, refresh, register
from tests.support.data_roots import contents, copied


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
