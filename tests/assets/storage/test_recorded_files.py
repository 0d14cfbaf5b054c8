"""A folder vouches for its files: what is missing or altered shows, and a kill is no damage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.storage import atomic_files, recorded_files
from assets.storage.recorded_files import (
    SUMS,
    DamagedFileError,
    check,
    check_folder,
    fault,
    forget_replaced,
    move,
    read,
    record,
    remove,
    sum_of,
    write_all,
    writing,
)


class Killed(BaseException):
    """The process ends here."""


def written(path: Path, content: str) -> Path:
    with writing(path) as unfinished:
        unfinished.write_text(content)
    return path


def killed(*_arguments: object, **_named: object) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda path: path.unlink(), "FILE-MISSING"),
        (lambda path: path.write_text("cut"), "FILE-CHANGED"),
        (lambda path: path.write_text("CONTENT"), "FILE-CHANGED"),
    ],
    ids=["missing", "cut", "a bit"],
)
def test_damage_is_noticed(tmp_path: Path, damage: Callable[[Path], None], code: str) -> None:
    path = written(tmp_path / "a.json", "content")
    assert (fault(path), fault(path, once=True)) == ("", "")
    damage(path)
    assert (fault(path), fault(path, once=True)) == (code, code)
    with pytest.raises(DamagedFileError, match=code):
        check(path)
    with pytest.raises(DamagedFileError, match=code):
        check_folder(tmp_path)


def test_a_file_is_hashed_once_in_a_process_until_it_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.json", "content")
    check(path, once=True)
    hashed: list[Path] = []
    monkeypatch.setattr(recorded_files, "sum_of", lambda each: hashed.append(each) or sum_of(each))
    check(path, once=True)
    assert hashed == []
    check(path)
    written(path, "other")
    check(path, once=True)
    assert hashed.count(path) == 2


def test_a_removed_or_moved_file_is_not_missing(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a.json", "a"), tmp_path / "to" / "b.json"
    second.parent.mkdir()
    move(first, second)
    assert set(read(tmp_path).accepted) == set()
    check_folder(second.parent)
    remove(second)
    check_folder(second.parent)
    assert set(read(second.parent).accepted) == set()


STEPS: dict[str, tuple[object, str]] = {
    "before it is in place": (os, "replace"),
    "before its name is durable": (atomic_files, "sync"),
    "before it is recorded as written": (recorded_files, "_settle"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("before", ["", "before"])
def test_a_write_killed_at_any_step_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, before: str
) -> None:
    path = tmp_path / "a.json"
    other = written(tmp_path / "b.json", "other")
    if before:
        written(path, before)
    with monkeypatch.context() as patched:
        patched.setattr(*STEPS[step], killed)
        with pytest.raises(Killed):
            written(path, "after")
    check_folder(tmp_path)
    written(path, "again")
    path.write_text("AGAIN")
    assert (fault(path), fault(other)) == ("FILE-CHANGED", "")


def test_a_removal_killed_before_it_is_recorded_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.json", "content")
    for step in ((atomic_files, "remove"), (recorded_files, "_settle")):
        with monkeypatch.context() as patched:
            patched.setattr(*step, killed)
            with pytest.raises(Killed):
                remove(path)
        check_folder(tmp_path)


def test_a_torn_last_line_is_no_damage_and_is_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", "content")
    with (tmp_path / SUMS).open("ab") as file:
        file.write(b"? 0123")
    assert not read(tmp_path).is_damaged
    written(path, "after")
    check_folder(tmp_path)
    assert not read(tmp_path).is_damaged


def test_a_changed_line_shows_and_vouches_for_nothing(tmp_path: Path) -> None:
    written(tmp_path / "a.json", "content")
    text = (tmp_path / SUMS).read_text()
    (tmp_path / SUMS).write_text(text.replace("a.json", "b.json"))
    assert read(tmp_path).is_damaged
    assert read(tmp_path).accepted == {}


def test_of_a_replaced_file_no_hash_is_left(tmp_path: Path) -> None:
    names = [f"{number}.json" for number in range(300)]
    write_all({tmp_path / name: b"content" for name in names})
    before = recorded_files.sum_of(written(tmp_path / "a.json", "before"))
    written(tmp_path / "a.json", "after")
    remove(tmp_path / names[0])
    forget_replaced(tmp_path)
    text = (tmp_path / SUMS).read_text()
    assert before.sha256 not in text
    assert f" {names[0]}\n" not in text
    check_folder(tmp_path)


def test_a_file_that_was_never_recorded_is_no_damage_until_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("content")
    assert fault(path) == ""
    assert record(tmp_path) == 1
    path.write_text("CONTENT")
    assert fault(path) == "FILE-CHANGED"
