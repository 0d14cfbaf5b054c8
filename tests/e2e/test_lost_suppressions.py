"""Pepper or suppression list lost, cut, exchanged or older: nothing is written, and nobody who was
erased comes back with the next delivery.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.backup import generations
from assets.backup.suppression_copies import restore_lost
from assets.ingest.suppression import count_listed
from assets.storage import suppression_state
from assets.storage.data_root import DataRoot
from assets.storage.quoting import literal, parquet
from pipelines.writer_lock import writer
from tests.support import erasing
from tests.support.commands import register
from tests.support.data_roots import copied, files_containing, parquet_rows
from tests.support.erasing import cleared
from tests.support.known_registrants import NOW
from tests.support.namesakes import AGAIN, LEAVES, SHARED, STAYS, deliver
from tests.support.registers import take_in

PEPPER, LIST, STATE = "secrets/pepper", "requests/suppressions.parquet", "suppressions.json"


@pytest.fixture(scope="module")
def earlier(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with one erasure, of another person."""
    root = copied(known_root, tmp_path_factory.mktemp("earlier") / "data")
    erasing.erased(DataRoot(root), f"identity_code:{STAYS.identity_code}")
    return root


@pytest.fixture(scope="module")
def erased(earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a second erasure and a backup, with everything delivered again."""
    root = copied(earlier, tmp_path_factory.mktemp("erased") / "data")
    erasing.erased(DataRoot(root))
    generations.make(DataRoot(root), None, NOW)
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


def refused(root: Path, *command: str) -> str:
    """What the command, which must end with 1 and one line, writes to stderr."""
    ended = register(root, *command)
    assert (ended.code, len(ended.err.splitlines())) == (1, 1), command
    return ended.err


@pytest.mark.clause("P10.1")
@pytest.mark.parametrize("name", DAMAGES)
def test_nothing_is_taken_in_until_what_was_lost_is_put_back(
    erased: Path, earlier: Path, tmp_path: Path, name: str
) -> None:
    root = copied(erased, tmp_path / "data")
    path, damage = DAMAGES[name]
    damage(root, earlier)
    lake = sorted((root / "lake").rglob("*"))
    why = refused(root, "refresh", "--as-of", AGAIN)
    assert f"restore {path}; `register repair` puts it back from backup 20" in why
    assert register(root, "verify").code == 1
    assert sorted((root / "lake").rglob("*")) == lake
    assert set(restore_lost(DataRoot(root), write=True)) == {path}
    suppression_state.check(DataRoot(root))
    assert (root / PEPPER).read_bytes() == (erased / PEPPER).read_bytes()
    assert parquet_rows(root / LIST) == parquet_rows(erased / LIST)


@pytest.mark.clause("P10.1")
def test_with_what_was_put_back_nobody_comes_back(
    erased: Path, earlier: Path, tmp_path: Path
) -> None:
    root = copied(erased, tmp_path / "data")
    DAMAGES["an older list and its older state"][1](root, earlier)
    restore_lost(DataRoot(root), write=True)
    take_in(DataRoot(root))
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert files_containing(root / "lake", [SHARED]) != []


def test_no_command_writes_until_it_is_repaired(erased: Path, tmp_path: Path) -> None:
    root = copied(erased, tmp_path / "data")
    (root / LIST).unlink()
    for command in (
        ("retention", "--as-of", AGAIN),
        ("backup",),
        ("verify",),
        ("restore", next((root / "backups").glob("*.backup")).stem, "--as-of", AGAIN),
        ("verify", "--files"),
    ):
        assert "CERT-SUPPRESSION" in refused(root, *command)
    assert register(root, "verify", "--certificates").code == 1
    listed = register(root, "repair")
    assert (listed.code, LIST in listed.out, (root / LIST).exists()) == (1, True, False)
    assert register(root, "repair", "--yes").code == 0
    assert register(root, "refresh", "--as-of", AGAIN).code == 0
    assert files_containing(root / "lake", LEAVES.identifiers) == []
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
    assert "nothing is written" in refused(root, "refresh", "--as-of", AGAIN)
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert register(root, "verify").code == 1


def test_without_a_backup_the_line_says_so(erased: Path, tmp_path: Path) -> None:
    root = copied(erased, tmp_path / "data")
    shutil.rmtree(root / "backups")
    (root / LIST).unlink()
    assert "no backup in the data root has it" in refused(root, "refresh", "--as-of", AGAIN)


def test_with_an_older_list_it_goes_on_by_a_recorded_decision_and_what_can_be_is_made_again(
    earlier: Path, tmp_path: Path
) -> None:
    """The backup is from before the second erasure, and elsewhere: no erasure has renewed it."""
    root, elsewhere = copied(earlier, tmp_path / "data"), tmp_path / "elsewhere"
    generation = generations.make(DataRoot(root), elsewhere, NOW).name
    hashes = count_listed(DataRoot(root))
    erasing.erased(DataRoot(root))
    deliver(root, AGAIN, AGAIN)
    (root / LIST).unlink()
    place = ("--from", str(elsewhere))
    assert "no backup in the data root has it" in refused(root, "refresh", "--as-of", AGAIN)
    listed = register(root, "repair", *place)
    assert f"of backup {generation}, with {hashes} of " in listed.out
    accept = ("repair", *place, "--accept-suppressions", generation)
    assert register(root, *accept).code == 2
    decided = (*accept, "--by", "the privacy officer", "--why", "the disk is lost")
    done = register(root, *decided, "--json")
    assert (done.code, done.err, done.data["lost"]) == (0, "", {})
    assert done.data["made_again"] > 0
    (noted,) = (root / "requests" / "accepted-lists.jsonl").read_text().splitlines()
    assert {"the privacy officer", "the disk is lost"} < set(map(str, json.loads(noted).values()))
    assert "nothing to accept" in refused(root, *decided)
    take_in(DataRoot(root))
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert register(root, "verify").code == 0
    assert register(root, "verify", "--files").code == 0


def test_hashes_that_nothing_has_are_lost_by_a_decision_and_are_named(
    erased: Path, earlier: Path, tmp_path: Path
) -> None:
    root = copied(erased, tmp_path / "data")
    shutil.rmtree(root / "backups")
    without_rows(root, earlier)
    assert "is in requests/, with " in refused(root, "refresh", "--as-of", AGAIN)
    decided = ("repair", "--accept-suppressions", "here", "--by", "dpo", "--why", "no copy")
    done = register(root, *decided, "--json")
    assert (done.code, done.data["made_again"]) == (0, 0)
    assert len(done.data["lost"]) == 1
    assert register(root, "verify", "--certificates").code == 0
    (root / LIST).unlink()
    unknown = (*decided[:2], "20200101T000000Z-000000", *decided[3:])
    assert "no readable suppression list" in refused(root, *unknown)


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


def test_an_older_data_root_begins_its_state_with_its_next_write(
    erased: Path, tmp_path: Path
) -> None:
    root = copied(erased, tmp_path / "data")
    for folder in ("requests", "secrets"):
        (root / folder / STATE).unlink()
    shutil.rmtree(root / "requests" / "certificates")
    with writer(DataRoot(root)):
        take_in(DataRoot(root))
    assert files_containing(root / "lake", LEAVES.identifiers) == []
    assert (root / "requests" / STATE).read_bytes() == (root / "secrets" / STATE).read_bytes()
