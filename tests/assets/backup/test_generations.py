"""A generation is whole or not there, its key lies apart, and without the key it is lost."""

from __future__ import annotations

import tarfile
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.backup import generations
from assets.backup.encryption import EncryptedReader
from assets.backup.generations import destroy, keep_newest, make
from assets.ingest import suppression
from assets.register import information_duty
from assets.register.expired_registrants import EXPIRED_COOKIES
from assets.register.protected_identity import WITHHELD
from assets.storage.backup_generations import BackupError, every, key_path
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
SECRET = b"AINO-LAHTIJA-MARKER"


@pytest.fixture
def filled(data_root: DataRoot) -> DataRoot:
    (data_root.lake / "raw").mkdir()
    (data_root.lake / "raw" / "one.parquet").write_bytes(SECRET * 100)
    return data_root


def test_a_backup_is_encrypted_and_does_not_contain_its_key(filled: DataRoot) -> None:
    made = make(filled, None, NOW)
    content = (filled.root / "backups" / f"{made.name}.backup").read_bytes()
    assert SECRET not in content
    assert len(key_path(filled, made.name).read_bytes()) == 32
    assert key_path(filled, made.name).read_bytes() not in content
    assert [
        path.stat().st_mode & 0o777
        for path in (key_path(filled, made.name), filled.root / "backups" / f"{made.name}.backup")
    ] == [0o600, 0o600]


def test_a_backup_contains_what_cannot_be_rebuilt(data_root: DataRoot) -> None:
    assert pepper(data_root)
    kept = [
        data_root.register("segregated_orders"),
        data_root.register("segregated_consents"),
        data_root.register("visits_per_month"),
        information_duty.NOTICES.place(data_root),
    ]
    kept += [
        WITHHELD.place(data_root),
        EXPIRED_COOKIES.place(data_root),
        suppression.path(data_root),
    ]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"kept")
    made = make(data_root, None, NOW)
    with (data_root.root / "backups" / f"{made.name}.backup").open("rb") as file:
        decrypted = EncryptedReader(file, key_path(data_root, made.name).read_bytes(), made.name)
        with tarfile.open(fileobj=decrypted, mode="r|") as archive:  # type: ignore[call-overload]
            names = {entry.name for entry in archive}
    records = {"lake/.sums", "lake/recorded.json", "requests/suppressions.json"}
    paths = {str(path.relative_to(data_root.root)) for path in kept}
    assert names == {*paths, *records, "secrets/pepper"}


def test_each_generation_has_a_key_of_its_own(filled: DataRoot) -> None:
    keys = {key_path(filled, make(filled, None, NOW).name).read_bytes() for _ in range(3)}
    assert len(keys) == 3


def test_backups_can_be_kept_elsewhere(filled: DataRoot, tmp_path: Path) -> None:
    make(filled, tmp_path / "elsewhere", NOW)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    assert not (filled.root / "backups").exists()


def test_rotation_destroys_all_but_the_newest(filled: DataRoot) -> None:
    names = [make(filled, None, NOW + timedelta(days=day)).name for day in range(4)]
    assert keep_newest(filled, None, 2) == names[:2]
    assert [generation.name for generation in every(filled, None)] == names[2:]


def test_rotation_does_not_count_generations_that_cannot_be_opened(filled: DataRoot) -> None:
    names = [make(filled, None, NOW + timedelta(days=day)).name for day in range(3)]
    key_path(filled, names[2]).unlink()
    keep_newest(filled, None, 1)
    assert [generation.name for generation in every(filled, None)] == [names[1]]


def test_destroying_overwrites_the_key_before_it_is_removed(
    filled: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(filled, None, NOW)
    seen = []
    monkeypatch.setattr(
        generations,
        "remove",
        lambda path: (seen.append((path.suffix, path.read_bytes()[:32])), path.unlink()),
    )
    destroy(filled, None, made.name)
    assert seen[0] == (".key", bytes(32))
    assert [suffix for suffix, _ in seen] == [".key", ".backup"]
    assert every(filled, None) == []


@pytest.mark.parametrize("name", ["nothing", "../pepper", ""])
def test_what_is_no_generation_cannot_be_destroyed(filled: DataRoot, name: str) -> None:
    pepper(filled)
    with pytest.raises(BackupError, match="BACKUP-UNKNOWN"):
        destroy(filled, None, name)
    assert (filled.secrets / "pepper").exists()


def test_a_backup_that_fails_leaves_neither_file_nor_key(
    filled: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "_add", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        make(filled, None, NOW)
    assert every(filled, None) == []
    assert list((filled.root / "backups").iterdir()) == []


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_a_killed_backup_left_behind_goes_with_the_next(
    filled: DataRoot, tmp_path: Path, elsewhere: bool
) -> None:
    folder = tmp_path / "elsewhere" if elsewhere else filled.root / "backups"
    folder.mkdir()
    left = folder / ".unfinished-1-0a1b2c3d-20261122T030000Z-abcdef.backup"
    left.write_bytes(b"of a process that was killed")
    made = make(filled, folder if elsewhere else None, NOW)
    assert [path.name for path in folder.iterdir()] == [f"{made.name}.backup"]


def test_memory_does_not_grow_with_what_is_backed_up(filled: DataRoot) -> None:
    with (filled.lake / "raw" / "large.parquet").open("wb") as file:
        for _ in range(64):
            file.write(bytes(1024 * 1024))
    tracemalloc.start()
    make(filled, None, NOW)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
