"""A record that could not be taken apart is erased by its text, and does not come back with the
next delivery or an old backup.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assets.backup import generations, restoring
from assets.erasure.proof import identifiers
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from tests.support.data_roots import copied, files_containing
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, erased
from tests.support.namesakes import FIRST_DAY, LEAVES, SECOND_DAY, contact, deliver
from tests.support.registers import build, refresh, take_in


def deliver_unreadable(data_root: DataRoot, day: str) -> None:
    """A row with more fields than the header, which names the person."""
    rows = csv([contact("880001112299", "Somebody", "Else", "other@example.fi", "1970-01-01")])
    width = rows.decode().splitlines()[0].count(",") + 1
    broken = ",".join(['"x"'] * (width + 2)) + f',"{LEAVES.identity_code}"\n'
    put(data_root, "crm", day, "contacts", rows + broken.encode(), 2)


@pytest.fixture(scope="module")
def known_unread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("unread") / "data")
    deliver(data_root.root, FIRST_DAY, SECOND_DAY)
    deliver_unreadable(data_root, SECOND_DAY)
    refresh(data_root, TODAY, ["customer_care"])
    assert any(
        name.startswith("lake/raw/crm/2026-11-18")
        for name in files_containing(data_root.root, [LEAVES.identity_code])
    )
    return data_root.root


@pytest.fixture
def known(known_unread: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(known_unread, tmp_path / "data"))


def test_it_is_erased_and_stays_so_when_it_is_delivered_again(known: DataRoot) -> None:
    erased(known)
    assert files_containing(known.root, LEAVES.identifiers) == []
    deliver_unreadable(known, "2026-11-19")
    ingested = [entry for done in take_in(known, TODAY) for entry in done.entries]
    assert [entry.suppressed for entry in ingested] == [1]
    build(known, TODAY)
    assert files_containing(known.root, LEAVES.identifiers) == []


def test_a_backup_from_before_does_not_bring_it_back(known: DataRoot) -> None:
    generation = generations.make(known, None, NOW).name
    erased(known)
    restoring.restore(known, None, generation, date(2026, 11, 20))
    assert files_containing(known.root, LEAVES.identifiers) == []


def test_a_file_from_before_shows(known: DataRoot, tmp_path) -> None:
    before = copied(known.root, tmp_path / "before")
    erased(known)
    for path in (before / "lake/raw/crm/2026-11-18").glob("*.parquet"):
        (known.lake / "raw/crm/2026-11-18" / path.name).write_bytes(path.read_bytes())
    with connect(known) as connection:
        identifiers.prepare(known, connection)
        assert [finding.where for finding in identifiers.in_lake(known, connection, ["raw"])] == [
            "raw.raw"
        ]
