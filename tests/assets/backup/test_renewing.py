"""A backup from before an erasure is encrypted again without the registrant; the old key opens
nothing any more.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import duckdb
import pytest

from assets.backup import generations, renewing, restoring
from assets.backup.encryption import DecryptionError, EncryptedReader
from assets.erasure import erasing
from assets.requests import ledger
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied, files_containing
from tests.support.erasing import NOW, TODAY, find_cleared
from tests.support.namesakes import LEAVES, STAYS


def backup_file(data_root: DataRoot, generation: str) -> Path:
    return data_root.root / "backups" / f"{generation}{backup_generations.SUFFIX}"


def unpacked(data_root: DataRoot, generation: str, to: Path) -> Path:
    with (
        backup_file(data_root, generation).open("rb") as file,
        tarfile.open(
            fileobj=generations.open_generation(data_root, file, generation), mode="r|"
        ) as archive,
    ):  # type: ignore[call-overload]
        archive.extractall(to, filter="data")
    return to


@pytest.fixture(scope="module")
def removed_root(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backed up; then the person is being erased: found, suppressed, removed; not yet closed."""
    known = DataRoot(copied(known_root, tmp_path_factory.mktemp("removed") / "data"))
    generations.make(known, None, NOW)
    request_id = ledger.receive(
        known, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    find_cleared(known, [request_id])
    erasing.suppress(known, [request_id], TODAY)
    erasing.remove(known, [request_id], TODAY)
    return known.root


@pytest.fixture
def removed(removed_root: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(removed_root, tmp_path / "removed"))


@pytest.fixture
def generation(removed: DataRoot) -> str:
    [file] = (removed.root / "backups").iterdir()
    return file.name.removesuffix(backup_generations.SUFFIX)


def test_the_generation_no_longer_contains_the_person_and_still_contains_everyone_else(
    removed: DataRoot, generation: str, tmp_path: Path
) -> None:
    assert files_containing(unpacked(removed, generation, tmp_path / "before"), LEAVES.identifiers)
    assert renewing.renew(removed, TODAY) == 1
    after = unpacked(removed, generation, tmp_path / "after")
    assert files_containing(after, [*LEAVES.identifiers, LEAVES.contract_number]) == []
    known = duckdb.sql(
        f"SELECT count(*) FROM '{after}/lake/register/registrants.parquet' WHERE identity_code = "
        f"'{STAYS.identity_code}'"
    ).fetchone()
    assert known == (1,)


def test_it_can_be_restored(removed: DataRoot, generation: str) -> None:
    renewing.renew(removed, TODAY)
    restored = restoring.restore(removed, None, generation, TODAY)
    assert (restored.generation, restored.removed) == (generation, {})


def test_a_copy_of_the_old_file_opens_with_no_key_that_is_left(
    removed: DataRoot, generation: str, tmp_path: Path
) -> None:
    copy = shutil.copy2(backup_file(removed, generation), tmp_path / "carried-away")
    renewing.renew(removed, TODAY)
    assert len(generations.keys_of(removed, generation)) == 1
    with Path(copy).open("rb") as file, pytest.raises(DecryptionError):
        EncryptedReader(file, generations.keys_of(removed, generation)[0], generation).read()


class KilledError(BaseException):
    """Nothing after this runs."""


@pytest.mark.parametrize("writes", [1, 2])
def test_killed_in_the_middle_it_opens_and_is_renewed_by_the_next(
    removed: DataRoot, generation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """After both keys are written, and after the file is replaced."""
    done = []
    writing = generations.writing

    def dying(path: Path):  # type: ignore[no-untyped-def]
        if len(done) == writes:
            raise KilledError
        done.append(path)
        return writing(path)

    monkeypatch.setattr(generations, "writing", dying)
    with pytest.raises(KilledError):
        renewing.renew(removed, TODAY)
    monkeypatch.undo()
    assert len(generations.keys_of(removed, generation)) == 2
    unpacked(removed, generation, tmp_path / "between")
    assert renewing.renew(removed, TODAY) == 1
    assert (
        files_containing(unpacked(removed, generation, tmp_path / "after"), LEAVES.identifiers)
        == []
    )
