"""Fixtures that all tests share; functions and people that they share are in `tests/support`."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.support.known_registrants import FIRST_DAY, SECOND_DAY, deliver
from tests.support.made_once import made_once
from tests.support.one_thread import use_one_thread
from tests.support.registers import TODAY, refresh

pytest_plugins = ["tests.support.seconds"]
# The same examples in every run: a change that breaks a property is the change of that run.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

MEMORY = Path("/dev/shm")  # noqa: S108  (what is in memory needs no waiting for a disk)
ROOM = 4_000_000_000
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Lines that only tell how far something is would be among what a command prints.
os.environ.setdefault("REGISTER_LOG", "quiet")

use_one_thread()


def pytest_collection_finish() -> None:
    """What the imports and the collection made stays: the collector need not visit it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def data_root(tmp_path: Path) -> DataRoot:
    made = DataRoot(tmp_path / "data")
    made.create()
    return made


@pytest.fixture(scope="session")
def known_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refreshed data root with two namesakes and two spouses (`tests.support.known_registrants`).

    Only copies of it are changed.
    """

    def make(folder: Path) -> None:
        deliver(folder / "data", FIRST_DAY, SECOND_DAY)
        refresh(DataRoot(folder / "data"), TODAY, MARTS)

    return made_once(tmp_path_factory, "known", make) / "data"


@pytest.fixture
def known_data_root(known_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    """A copy of it, and REGISTER_HOME."""
    made = DataRoot(Path(shutil.copytree(known_root, tmp_path / "known")))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made
