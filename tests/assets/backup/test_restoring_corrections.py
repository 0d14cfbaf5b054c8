"""A restored generation from before a correction says what was corrected, and holds no old value
whose time is over.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.backup import generations, restoring
from assets.rights import rectification
from assets.storage.data_root import Home
from tests.support.corrections import FIRST, NEW_MAIL, OLD_MAIL, OVER, REQUEST, aino, crm
from tests.support.data_roots import contents, copied, found_anywhere
from tests.support.registers import TODAY, refresh, rows

NOW = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A register that was backed up, then corrected; and the generation."""
    home = Home(tmp_path_factory.mktemp("corrected") / "data")
    home.create()
    crm(home, FIRST)
    refresh(home, date(2026, 11, 19))
    generation = generations.make(home, None, NOW).name
    rectification.deliver(
        home,
        aino(home)["registrant_id"],
        REQUEST,
        {"email": NEW_MAIL},
        datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    )
    refresh(home, TODAY)
    return home.root, generation


@pytest.fixture
def home(corrected: tuple[Path, str], tmp_path: Path) -> Home:
    return Home(copied(corrected[0], tmp_path / "data"))


@pytest.fixture
def generation(corrected: tuple[Path, str]) -> str:
    return corrected[1]


def test_a_generation_from_before_a_correction_comes_back_corrected(
    home: Home, generation: str
) -> None:
    refresh(home, TODAY)
    held = contents(home.root)
    restoring.restore(home, None, generation, TODAY)
    assert contents(home.root) == held
    assert aino(home)["email"] == NEW_MAIL


def test_an_old_value_whose_time_is_over_does_not_come_back(home: Home, generation: str) -> None:
    refresh(home, OVER)
    assert found_anywhere(home.root, [OLD_MAIL]) == []
    restoring.restore(home, None, generation, OVER)
    assert found_anywhere(home.root, [OLD_MAIL]) == []
    assert aino(home)["email"] == NEW_MAIL
    crm(home, OVER)
    refresh(home, OVER)
    assert found_anywhere(home.root, [OLD_MAIL]) == []


def test_into_an_empty_data_root_come_the_corrections_of_the_newest_generation(
    home: Home, generation: str, tmp_path: Path
) -> None:
    refresh(home, TODAY)
    generations.make(home, None, datetime(2026, 11, 21, 3, 0, tzinfo=UTC))
    empty = Home(tmp_path / "empty")
    empty.create()
    shutil.copytree(home.secrets / "backup-keys", empty.secrets / "backup-keys")
    restoring.restore(empty, home.root / "backups", generation, TODAY)
    assert contents(empty.root) == contents(home.root)
    assert rows(empty, "SELECT stands FROM corrections") == [{"stands": True}]
