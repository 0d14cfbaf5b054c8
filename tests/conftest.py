"""Fixtures that all tests share; functions and people that they share are in `tests/support`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import settings

from assets.home import Home
from tests.support.registers import TODAY, refresh

# The same examples in every run: a change that breaks a property is the change of that run.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "data")
    made.create()
    return made


@pytest.fixture(scope="session")
def known_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refreshed data root with two namesakes and two spouses (`tests.support.known_registrants`).

    Only copies of it are changed.
    """
    from tests.support.known_registrants import FIRST_DAY, SECOND_DAY, deliver

    root = tmp_path_factory.mktemp("known") / "data"
    deliver(root, FIRST_DAY, SECOND_DAY)
    refresh(Home(root), TODAY)
    return root


@pytest.fixture
def known_home(known_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of it, and REGISTER_HOME."""
    made = Home(Path(shutil.copytree(known_root, tmp_path / "known")))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made
