"""Pepper or suppression list lost, cut, exchanged or older: nothing is written, and nobody who was
erased comes back with the next delivery.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal, parquet
from tests.support.commands import register
from tests.support.data_roots import copied, files_containing
from tests.support.erasing import cleared
from tests.support.namesakes import AGAIN, LEAVES, SHARED, STAYS, deliver

PEPPER, LIST, STATE = "secrets/pepper", "requests/suppressions.parquet", "suppressions.json"


def erase(root: Path, *identifier: str) -> None:
    asked = register(root, "request", "erasure", "--channel", "written", *identifier)
    assert (asked.code, asked.err) == (0, "")
    cleared(DataRoot(root), [asked.out.strip()])
    ended = register(root, "erase", "--as-of", AGAIN)
    assert (ended.code, ended.err) == (0, "")


@pytest.fixture(scope="module")
def earlier(namesakes_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with one erasure, of another person."""
    root = copied(namesakes_root, tmp_path_factory.mktemp("earlier") / "data")
    erase(root, "--identity-code", STAYS.identity_code)
    return root


@pytest.fixture(scope="module")
def erased(earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a second erasure and a backup, with everything delivered again."""
    root = copied(earlier, tmp_path_factory.mktemp("erased") / "data")
    erase(root, "--identity-code", LEAVES.identity_code)
    assert register(root, "backup").code == 0
    deliver(root, AGAIN, AGAIN)
    return root


def without_rows(root: Path, _earlier: Path) -> None:
    """The list of an erasure less one request's rows, as a valid file."""
    path = root / LIST
    with duckdb.connect() as connection:
        connection.execute(
            f"""CREATE TABLE kept AS FROM {parquet(path)}
            WHERE request_id = (SELECT min(request_id) FROM {parquet(path)})"""
        )
        connection.execute(f"COPY kept TO {literal(path)} (FORMAT parquet)")


def cut(name: str, size: int | None) -> Callable[[Path, Path], None]:
    def damage(root: Path, _earlier: Path) -> None:
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: len(content) // 2 if size is None else size])

    return damage


def from_earlier(*names: str) -> Callable[[Path, Path], None]:
    def damage(root: Path, earlier: Path) -> None:
        for name in names:
            if (root / name).is_dir():
                shutil.rmtree(root / name)
                shutil.copytree(earlier / name, root / name)
            else:
                shutil.copy2(earlier / name, root / name)

    return damage


def removed(*names: str) -> Callable[[Path, Path], None]:
    def damage(root: Path, _earlier: Path) -> None:
        for name in names:
            (root / name).unlink()

    return damage


def exchanged(root: Path, _earlier: Path) -> None:
    (root / PEPPER).write_bytes(b"x" * 32)


DAMAGES: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "pepper missing": (PEPPER, removed(PEPPER)),
    "pepper empty": (PEPPER, cut(PEPPER, 0)),
    "pepper truncated": (PEPPER, cut(PEPPER, None)),
    "another pepper": (PEPPER, exchanged),
    "list missing": (LIST, removed(LIST)),
    "list empty": (LIST, cut(LIST, 0)),
    "list truncated": (LIST, cut(LIST, None)),
    "an older list": (LIST, from_earlier(LIST)),
    "rows removed": (LIST, without_rows),
    "list and its state missing": (LIST, removed(LIST, f"requests/{STATE}")),
    "an older list and its older state": (LIST, from_earlier(LIST, f"requests/{STATE}")),
    "requests whole from an older copy": (LIST, from_earlier("requests")),
}


@pytest.mark.clause("P10.1")
@pytest.mark.parametrize("name", DAMAGES)
def test_nothing_is_written_and_nobody_comes_back(
    erased: Path, earlier: Path, tmp_path: Path, name: str
) -> None:
    root = copied(erased, tmp_path / "data")
    path, damage = DAMAGES[name]
    damage(root, earlier)
    lake = sorted(file for file in (root / "lake").rglob("*") if file.is_file())
    for command in (
        ("refresh", "--as-of", AGAIN),
        ("retention", "--as-of", AGAIN),
        ("backup",),
        ("verify",),
        ("verify", "--certificates"),
    ):
        ended = register(root, *command)
        assert ended.code == 1, command
        if command[0] != "verify":
            assert len(ended.err.splitlines()) == 1, command
            assert f"restore {path}; `register repair` puts it back from backup 20" in ended.err
    assert sorted(file for file in (root / "lake").rglob("*") if file.is_file()) == lake
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    listed = register(root, "repair")
    assert (listed.code, path in listed.out) == (1, True)
    assert register(root, "repair", "--yes").code == 0
    assert register(root, "refresh", "--as-of", AGAIN).code == 0
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert files_containing(root / "lake", [SHARED]) != []
    assert register(root, "verify").code == 0


@pytest.mark.parametrize("pieces", [("list", "both states"), ("list", "both states", "pepper")])
def test_a_list_lost_with_every_record_of_it_is_noticed_by_the_certificates(
    erased: Path, tmp_path: Path, pieces: tuple[str, ...]
) -> None:
    root = copied(erased, tmp_path / "data")
    names = {"list": [LIST], "both states": [f"requests/{STATE}", f"secrets/{STATE}"]}
    for piece in pieces:
        for name in names.get(piece, [PEPPER]):
            (root / name).unlink()
    ended = register(root, "refresh", "--as-of", AGAIN)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert "nothing is written" in ended.err
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert register(root, "verify").code == 1


def test_without_a_backup_the_line_says_so(erased: Path, tmp_path: Path) -> None:
    root = copied(erased, tmp_path / "data")
    shutil.rmtree(root / "backups")
    (root / LIST).unlink()
    ended = register(root, "refresh", "--as-of", AGAIN)
    assert (ended.code, "no backup in the data root has it" in ended.err) == (1, True)


def test_an_erasure_is_refused_and_its_request_goes_on_waiting(
    erased: Path, tmp_path: Path
) -> None:
    root = copied(erased, tmp_path / "data")
    (root / LIST).unlink()
    asked = register(
        root, "request", "erasure", "--channel", "written", "--identity-code", STAYS.identity_code
    )
    assert asked.code == 0
    cleared(DataRoot(root), [asked.out.strip()])
    ended = register(root, "erase", "--as-of", AGAIN)
    assert (ended.code, "CERT-SUPPRESSION" in ended.err) == (1, True)
    assert not (root / LIST).exists()


def test_a_restore_is_refused_while_the_list_is_lost(erased: Path, tmp_path: Path) -> None:
    root = copied(erased, tmp_path / "data")
    (root / LIST).unlink()
    generation = next((root / "backups").glob("*.backup")).stem
    ended = register(root, "restore", generation, "--as-of", AGAIN)
    assert (ended.code, "CERT-SUPPRESSION" in ended.err) == (1, True)


def test_an_older_data_root_begins_its_state_with_its_next_write(
    erased: Path, tmp_path: Path
) -> None:
    root = copied(erased, tmp_path / "data")
    for folder in ("requests", "secrets"):
        (root / folder / STATE).unlink()
    for certificate in (root / "requests" / "certificates").glob("Q*.json"):
        certificate.unlink()
    (root / "requests" / "certificates" / "heads.jsonl").unlink()
    assert register(root, "refresh", "--as-of", AGAIN).code == 0
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert (root / "requests" / STATE).read_bytes() == (root / "secrets" / STATE).read_bytes()


def test_a_new_data_root_is_not_stopped(tmp_path: Path) -> None:
    deliver(tmp_path / "data", AGAIN, AGAIN)
    assert register(tmp_path / "data", "refresh", "--as-of", AGAIN).code == 0
