"""A restored generation from before a correction has the corrected value, and no old value that is
beyond its retention period.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.backup import generations, restoring
from assets.rights import rectification
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.support.corrections import FIRST, NEW_MAIL, OLD_MAIL, OVER, REQUEST, aino, crm
from tests.support.data_roots import contents, copied, files_containing
from tests.support.registers import TODAY, refresh, rows

NOW = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A register that was backed up, then corrected; and the generation."""
    data_root = DataRoot(tmp_path_factory.mktemp("corrected") / "data")
    data_root.create()
    crm(data_root, FIRST)
    refresh(data_root, date(2026, 11, 19))
    generation = generations.make(data_root, None, NOW).name
    rectification.deliver(
        data_root,
        aino(data_root)["registrant_id"],
        REQUEST,
        {"email": NEW_MAIL},
        datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    )
    refresh(data_root, TODAY)
    return data_root.root, generation


@pytest.fixture
def data_root(corrected: tuple[Path, str], tmp_path: Path) -> DataRoot:
    return DataRoot(copied(corrected[0], tmp_path / "data"))


@pytest.fixture
def generation(corrected: tuple[Path, str]) -> str:
    return corrected[1]


def test_a_generation_from_before_a_correction_comes_back_corrected(
    data_root: DataRoot, generation: str
) -> None:
    refresh(data_root, TODAY, MARTS)
    before = contents(data_root.root)
    restoring.restore(data_root, None, generation, TODAY)
    assert contents(data_root.root) == before
    assert aino(data_root)["email"] == NEW_MAIL


def test_an_old_value_beyond_its_retention_period_does_not_come_back(
    data_root: DataRoot, generation: str
) -> None:
    refresh(data_root, OVER, ["customer_care"])
    assert files_containing(data_root.root, [OLD_MAIL]) == []
    restoring.restore(data_root, None, generation, OVER)
    assert files_containing(data_root.root, [OLD_MAIL]) == []
    assert aino(data_root)["email"] == NEW_MAIL
    crm(data_root, OVER)
    refresh(data_root, OVER)
    assert files_containing(data_root.root, [OLD_MAIL]) == []


def test_into_an_empty_data_root_come_the_corrections_of_the_newest_generation(
    data_root: DataRoot, generation: str, tmp_path: Path
) -> None:
    refresh(data_root, TODAY, MARTS)
    generations.make(data_root, None, datetime(2026, 11, 21, 3, 0, tzinfo=UTC))
    empty = DataRoot(tmp_path / "empty")
    empty.create()
    shutil.copytree(data_root.secrets / "backup-keys", empty.secrets / "backup-keys")
    restoring.restore(empty, data_root.root / "backups", generation, TODAY)
    assert contents(empty.root) == contents(data_root.root)
    assert rows(empty, "SELECT stands FROM corrections") == [{"stands": True}]
