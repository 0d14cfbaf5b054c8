"""A delivery gets into the inbox whole: file and manifest, once, under a name of its bytes."""

from __future__ import annotations

import stat
from datetime import date
from pathlib import Path

import pytest

from assets.ingest import deliveries, delivering
from assets.ingest.delivering import State
from assets.storage.data_root import DataRoot
from schemas.delivery import Manifest, RefusedDeliveryError
from tests.support.data_roots import inbox_files

DAY = "2026-11-20"


def described(path: Path, dataset: str = "edits", **changed: object) -> Manifest:
    day = date.fromisoformat(DAY)
    return delivering.describe(
        path,
        dataset=dataset,
        purposes={"customer_care"},
        **{"encoding": "utf-8", "first": day, "last": day, "purpose": "customer_care", **changed},
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Möttönen Maija 010190-999K.jsonl"
    path.write_text('{"edit_id": "E1"}\n')
    return path


def placed(data_root: DataRoot, file: Path, manifest: Manifest, **options: bool) -> State:
    with delivering.unfinished(data_root, "self", file.name) as content:
        delivering.copy(file, content, manifest)
        return delivering.place(data_root, "self", DAY, content, manifest, **options)


def test_file_and_manifest_are_what_a_refresh_reads(data_root: DataRoot, file: Path) -> None:
    manifest = described(file)
    assert placed(data_root, file, manifest) is State.NEW
    (item,) = deliveries.waiting(data_root, "self")
    assert item.path.read_bytes() == file.read_bytes()
    assert Manifest.parse(item.manifest_path.read_bytes()) == manifest
    assert [stat.S_IMODE(path.stat().st_mode) for path in inbox_files(data_root.root)] == [
        0o600
    ] * 2
    assert stat.S_IMODE(item.path.parent.stat().st_mode) == 0o700


def test_the_senders_name_of_a_file_comes_no_further(data_root: DataRoot, file: Path) -> None:
    placed(data_root, file, described(file))
    assert not any("ttönen" in str(path) for path in data_root.root.rglob("*"))


def test_the_same_file_twice_lies_there_once(data_root: DataRoot, file: Path) -> None:
    manifest = described(file)
    placed(data_root, file, manifest)
    before = [(path, path.stat().st_mtime_ns) for path in inbox_files(data_root.root)]
    assert placed(data_root, file, manifest) is State.WAITING
    assert [(path, path.stat().st_mtime_ns) for path in inbox_files(data_root.root)] == before


def test_another_declaration_of_a_waiting_file_replaces_its_manifest_on_request_only(
    data_root: DataRoot, file: Path
) -> None:
    placed(data_root, file, described(file, encoding="cp1252"))
    mended = described(file)
    assert placed(data_root, file, mended) is State.DECLARED_OTHERWISE
    (item,) = deliveries.waiting(data_root, "self")
    assert Manifest.parse(item.manifest_path.read_bytes()).encoding == "cp1252"
    assert placed(data_root, file, mended, replacing=True) is State.DECLARED_OTHERWISE
    (item,) = deliveries.waiting(data_root, "self")
    assert Manifest.parse(item.manifest_path.read_bytes()) == mended


def test_what_a_kill_left_without_a_manifest_goes_with_the_next_delivery(
    data_root: DataRoot, file: Path
) -> None:
    folder = data_root.inbox / "self" / "2026-11-19"
    folder.mkdir(parents=True)
    cut = folder / f"{'0a' * 10}.dat"
    cut.write_text("{}")
    by_hand = folder / "export.jsonl"
    by_hand.write_text("{}")
    placed(data_root, file, described(file))
    assert not cut.exists()
    assert by_hand.exists()


def test_what_a_kill_left_unfinished_is_swept(data_root: DataRoot) -> None:
    (data_root.inbox / "self").mkdir()
    leftover = data_root.inbox / "self" / ".unfinished-999999999-00-dat"
    leftover.write_text("{}")
    with delivering.unfinished(data_root, "self") as own:
        data_root.sweep()
        assert own.exists()
    assert not leftover.exists()
    assert not own.exists()


def test_a_file_that_changes_while_it_is_read_is_refused(data_root: DataRoot, file: Path) -> None:
    manifest = described(file)
    file.write_text('{"edit_id": "E2"}\n')
    with pytest.raises(RefusedDeliveryError, match="DEL-SHA256"):
        placed(data_root, file, manifest)
    assert inbox_files(data_root.root) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"encoding": "utf-7"}, "DEL-ENCODING"),
        ({"purpose": "curiosity"}, "DEL-MANIFEST"),
        ({"first": date(2026, 11, 21)}, "DEL-MANIFEST"),
    ],
)
def test_what_a_manifest_may_not_declare_is_refused(
    file: Path, changed: dict[str, object], code: str
) -> None:
    with pytest.raises(RefusedDeliveryError, match=code):
        described(file, **changed)


def test_links_and_folders_are_refused(tmp_path: Path, data_root: DataRoot, file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    for path in (link, tmp_path):
        with pytest.raises(RefusedDeliveryError, match="DEL-NOT-A-FILE"):
            described(path)
    (data_root.inbox / "self").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(RefusedDeliveryError, match="DEL-NOT-A-FILE"):
        placed(data_root, file, described(file))


@pytest.mark.parametrize(
    ("start", "encoding"),
    [
        (b"\xef\xbb\xbf{", "utf-8"),
        (b"\xff\xfe{\x00", "utf-16le"),
        (b"\xff\xfe\x00\x00", None),
        (b"\xfe\xff\x00{", None),
        (b"{}", None),
        (b"", None),
    ],
)
def test_only_a_byte_order_mark_shows_an_encoding(
    tmp_path: Path, start: bytes, encoding: str | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(start)
    assert delivering.marked_encoding(path) == encoding


def test_a_days_folder_that_a_refresh_removes_is_made_again(
    data_root: DataRoot, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir
    removed = []

    def mkdir(path: Path, *arguments: int, **options: bool) -> None:
        made(path, *arguments, **options)
        if path.name == DAY and not removed:
            removed.append(path)
            path.rmdir()

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert placed(data_root, file, described(file)) is State.NEW
    assert removed
    assert len(list(deliveries.waiting(data_root, "self"))) == 1


def test_a_folder_into_which_something_has_been_delivered_stays(
    data_root: DataRoot, file: Path
) -> None:
    placed(data_root, file, described(file))
    (item,) = deliveries.waiting(data_root, "self")
    later = item.path.with_name("later.jsonl")
    later.write_text("{}")
    deliveries.take_out(item)
    assert later.exists()
