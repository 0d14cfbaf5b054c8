"""A data root with two namesakes whom every source knows and two spouses with one mailbox, refreshed; and who is who in it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from assets.home import Home
from tests.conftest import refresh, rows
from tests.e2e.homes import copied
from tests.e2e.test_erasure import FIRST_DAY, LEAVES, SECOND_DAY, SHARED, SPOUSES, STAYS, deliver

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Europe/Helsinki"))
__all__ = ["FIRST_DAY", "LEAVES", "NOW", "SECOND_DAY", "SHARED", "SPOUSES", "STAYS", "TODAY", "home", "registrant_of", "world"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world") / "data"
    deliver(root, FIRST_DAY, SECOND_DAY)
    refresh(Home(root), TODAY)
    return root


@pytest.fixture
def home(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(copied(world, tmp_path / "data"))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


def registrant_of(home: Home, value: str) -> str:
    found = {row["registrant_id"] for row in rows(home, f"SELECT registrant_id FROM identifiers WHERE value = '{value}'")}
    assert len(found) == 1
    return str(found.pop())
