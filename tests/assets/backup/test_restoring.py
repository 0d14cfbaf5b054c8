"""A restored generation brings back what was lost, and nobody who has been erased since; whole or
not at all.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.backup import exchange, generations, restoring
from assets.backup.encryption import DecryptionError
from assets.erasure.proof.verification import verify
from assets.requests import holds, ledger
from assets.rights import workflow
from assets.storage import backup_generations
from assets.storage.backup_generations import BackupError
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from tests.support.data_roots import contents, copied, files_containing
from tests.support.erasing import NOW, TODAY, erased
from tests.support.namesakes import LEAVES
from tests.support.registers import refresh, rows

# By then the time of everybody without a contract is over.
LONG_AFTER = date(2030, 11, 20)


@dataclass(frozen=True)
class Made:
    """A data root backed up before the erasure, and then erased; and its content before."""

    root: Path
    generation: str
    before: dict[str, list[tuple[object, ...]]]


def registrant_ids(data_root: DataRoot) -> set[str]:
    return {row["registrant_id"] for row in rows(data_root, "SELECT * FROM registrants")}


@pytest.fixture(scope="module")
def made(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = copied(known_root, tmp_path_factory.mktemp("made") / "data")
    data_root = DataRoot(root)
    before = contents(root)
    generation = generations.make(data_root, None, NOW).name
    erased(data_root)
    assert files_containing(root, LEAVES.identifiers) == []
    return Made(root, generation, before)


@pytest.fixture
def data_root(made: Made, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(made.root, tmp_path / "data"))


def test_a_generation_from_before_an_erasure_does_not_bring_the_person_back(
    made: Made, data_root: DataRoot
) -> None:
    before = contents(data_root.root)
    done = restoring.restore(data_root, None, made.generation, TODAY)
    assert done.requests_from == "here"
    assert sum(done.removed.values()) > 0
    assert files_containing(data_root.root, LEAVES.identifiers) == []
    assert contents(data_root.root) == before
    assert verify(data_root).findings == []
    assert not (data_root.root / exchange.NEW).exists()
    assert not (data_root.root / exchange.OLD).exists()
    refresh(data_root, TODAY)
    assert contents(data_root.root) == before


def test_an_empty_data_root_gets_the_newest_requests_with_the_lake_that_was_asked_for(
    made: Made, data_root: DataRoot, tmp_path: Path
) -> None:
    newest = generations.make(data_root, None, datetime(2026, 11, 20, 4, 0, tzinfo=UTC)).name
    empty = DataRoot(tmp_path / "empty")
    empty.create()
    shutil.copytree(data_root.secrets / "backup-keys", empty.secrets / "backup-keys")
    done = restoring.restore(empty, data_root.root / "backups", made.generation, TODAY)
    assert done.requests_from == newest
    assert files_containing(empty.root, LEAVES.identifiers) == []
    assert contents(empty.root) == contents(data_root.root)
    assert pepper(empty) == pepper(data_root)
    assert [request.state for request in ledger.every(empty)] == ["closed"]


def test_what_was_lost_comes_back(made: Made, data_root: DataRoot, tmp_path: Path) -> None:
    """Without any erasure since: exactly what was there."""
    empty = DataRoot(tmp_path / "empty")
    empty.create()
    shutil.copytree(data_root.secrets / "backup-keys", empty.secrets / "backup-keys")
    assert restoring.restore(empty, made.root / "backups", made.generation, TODAY).removed == {}
    assert contents(empty.root) == made.before
    assert all(path.stat().st_mode & 0o077 == 0 for path in empty.root.rglob("*") if path.is_file())


def test_the_lost_keys_of_open_requests_stop_no_restore_and_nothing_goes_until_they_are_closed(
    known_root: Path, tmp_path: Path
) -> None:
    """Keys of requests are in no backup: which data the requests keep is then unknown."""
    lost = DataRoot(copied(known_root, tmp_path / "lost"))
    everybody = registrant_ids(lost)
    request_id = ledger.receive(lost, "access", "written", ["customer_number:C999"], NOW)
    hold_id = holds.add(lost, ["customer_number:C999"], "HOLD-CLAIM", "legal", "liisa", NOW)
    newest = generations.make(lost, None, NOW).name
    empty = DataRoot(tmp_path / "empty")
    empty.create()
    shutil.copytree(lost.secrets / "backup-keys", empty.secrets / "backup-keys")
    done = restoring.restore(empty, lost.root / "backups", newest, LONG_AFTER)
    assert done.unreadable == [hold_id, request_id]
    assert registrant_ids(empty) == everybody
    holds.end(empty, hold_id, "liisa", NOW)
    workflow.close(empty, request_id, NOW)
    refresh(empty, LONG_AFTER)
    assert registrant_ids(empty) < everybody


@pytest.mark.parametrize("damage", ["changed", "cut off", "another key", "no key", "no file"])
def test_a_damaged_generation_changes_nothing(made: Made, data_root: DataRoot, damage: str) -> None:
    file, key = (
        data_root.root / "backups" / f"{made.generation}.backup",
        backup_generations.key_path(data_root, made.generation),
    )
    content = bytearray(file.read_bytes())
    if damage == "changed":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "cut off":
        file.write_bytes(content[:-100])
    elif damage == "another key":
        key.write_bytes(bytes(32))
    else:
        (key if damage == "no key" else file).unlink()
    before = contents(data_root.root)
    with pytest.raises((DecryptionError, BackupError)):
        restoring.restore(data_root, None, made.generation, TODAY)
    exchange.finish(data_root)
    assert contents(data_root.root) == before
    assert not (data_root.root / exchange.NEW).exists()


def test_a_restore_that_would_bring_someone_back_changes_nothing(
    made: Made, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "replay", lambda _, known: {})
    before = contents(data_root.root)
    with pytest.raises(BackupError, match="BACKUP-REPLAY"):
        restoring.restore(data_root, None, made.generation, TODAY)
    exchange.finish(data_root)
    assert contents(data_root.root) == before


class KilledError(Exception):
    """Stands for a kill between two renames."""


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of renames of an exchange that still succeed, as the only element."""
    left = [99]
    rename = Path.rename

    def counted(self: Path, target: Path) -> Path:
        if exchange.OLD in str(target) or exchange.NEW in str(self):
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", counted)
    return left


def test_killed_between_two_renames_it_is_finished_before_anything_is_read(
    made: Made, data_root: DataRoot, kills: list[int], tmp_path: Path
) -> None:
    """A restore killed before the first rename, and its exchange, killed before each later one."""
    before = contents(data_root.root)
    shutil.rmtree(data_root.lake / "raw")
    kills[0] = 0
    with pytest.raises(KilledError):
        restoring.restore(data_root, None, made.generation, TODAY)
    for renames in range(4):
        kills[0] = renames
        killed = DataRoot(copied(data_root.root, tmp_path / f"killed-{renames}"))
        with pytest.raises(KilledError):
            exchange.finish(killed)
        kills[0] = 99
        killed.create()
        assert exchange.finish(killed)
        assert not exchange.finish(killed)
        assert contents(killed.root) == before
        assert files_containing(killed.root, LEAVES.identifiers) == []
        assert any(killed.files("raw"))
