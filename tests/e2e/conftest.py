"""Data roots for all tests that run real processes; each test works on a copy."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from tests.support.commands import AS_OF, LAST_DAY, Refreshed, console_script, refresh
from tests.support.data_roots import contents, copied
from tests.support.made_once import made_once
from tests.support.namesakes import FIRST_DAY, SECOND_DAY, deliver

SAMPLE = ("--registrants", "100", "--seed", "11", "--days", "2", "--last-day", LAST_DAY)


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of sample deliveries, nothing taken in yet, and the root's secret made."""

    def make(folder: Path) -> None:
        ended = console_script(folder / "data", "sample", *SAMPLE)
        assert (ended.code, ended.err) == (0, "")
        assert pepper(DataRoot(folder / "data"))

    return made_once(tmp_path_factory, "sampled", make) / "data"


@pytest.fixture(scope="session")
def refreshed(sampled: Path, tmp_path_factory: pytest.TempPathFactory) -> Refreshed:
    """The same after its first refresh, which nothing disturbed."""

    def make(folder: Path) -> None:
        # A data root may have nearly any name.
        root = copied(sampled, folder / "it's a home, 50% {of} #1")
        ended = console_script(root, "refresh", *AS_OF)
        (folder / "refreshed").write_bytes(pickle.dumps(Refreshed(root, ended, contents(root))))

    folder = made_once(tmp_path_factory, "refreshed", make)
    made: Refreshed = pickle.loads((folder / "refreshed").read_bytes())  # noqa: S301
    return made


@pytest.fixture(scope="session")
def namesakes_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every source says of two namesakes and two spouses, refreshed by the command."""

    def make(folder: Path) -> None:
        deliver(folder / "data", FIRST_DAY, SECOND_DAY)
        ended = refresh(folder / "data")
        assert (ended.code, ended.err) == (0, "")

    return made_once(tmp_path_factory, "namesakes", make) / "data"
