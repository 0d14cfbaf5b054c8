"""A data root that this version would misread is refused before anything is read or written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.backup import migrating
from assets.storage import layout, recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.layout import LayoutError
from pipelines.cli.data_root import existing_data_root
from pipelines.cli.migrate import migrate
from pipelines.cli.sql import sql
from tests.support.registers import typed


def noted(data_root: DataRoot, content: str) -> None:
    recorded_files.write_all({data_root.lake / layout.NOTE: content.encode()})


def older(data_root: DataRoot) -> None:
    """Make it one from before files were recorded."""
    (data_root.lake / "raw").mkdir()
    (data_root.lake / "raw" / "a.parquet").write_bytes(b"x")
    for path in (data_root.lake / layout.NOTE, data_root.lake / ".sums"):
        path.unlink()


def test_a_new_data_root_has_the_current_layout(data_root: DataRoot) -> None:
    assert layout.version(data_root.lake) == layout.CURRENT
    assert json.loads((data_root.lake / layout.NOTE).read_bytes()) == {"layout": layout.CURRENT}


@pytest.mark.parametrize(
    ("content", "version"),
    [("{}", 2), ('{"layout": 2}', 2), ('{"layout": 7}', 7), ("{", layout.CURRENT), ("[]", 2)],
)
def test_the_note_says_the_version_and_a_damaged_one_nothing(
    data_root: DataRoot, content: str, version: int
) -> None:
    noted(data_root, content)
    assert layout.version(data_root.lake) == version


def test_a_newer_one_is_refused_by_who_reads_and_who_writes(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
    noted(data_root, '{"layout": 99}')
    before = sorted(data_root.root.rglob("*"))
    for refused in (data_root.create, existing_data_root, lambda: migrating.plan(data_root)):
        with pytest.raises(LayoutError, match=r"layout 99.*install the version that wrote it"):
            refused()
    assert isinstance(typed(data_root, sql, "contracts").exception, LayoutError)
    assert sorted(data_root.root.rglob("*")) == before


def test_one_that_is_too_old_is_refused_until_it_is_migrated(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    older(data_root)
    data_root.create()
    monkeypatch.setattr(layout, "OLDEST_READ", 2)
    with pytest.raises(LayoutError, match=r"layout 1.*register migrate"):
        data_root.create()
    done = typed(data_root, migrate, "--yes")
    assert done.exit_code == 0, done.output
    data_root.create()


def test_a_migration_is_listed_first_and_changes_nothing(data_root: DataRoot) -> None:
    older(data_root)
    contents = {path: path.read_bytes() for path in data_root.lake.rglob("*") if path.is_file()}
    shown = typed(data_root, migrate)
    assert (shown.exit_code, shown.output.splitlines()) == (
        0,
        [
            "layout 1 of 2",
            "  record size and hash of every file of the layers",
            "`register migrate --yes` does it",
        ],
    )
    after = {path: path.read_bytes() for path in data_root.lake.rglob("*") if path.is_file()}
    assert after == contents


def test_a_migrated_data_root_has_nothing_left_to_do(data_root: DataRoot) -> None:
    older(data_root)
    assert typed(data_root, migrate, "--yes").exit_code == 0
    assert layout.version(data_root.lake) == layout.CURRENT
    assert typed(data_root, migrate).output == "layout 2 of 2\n"
    assert json.loads(typed(data_root, migrate, "--json").output) == {
        "layout": 2, "steps": [], "files": 0,
    }  # fmt: skip


def test_every_layout_has_a_step_to_the_next() -> None:
    assert list(migrating.STEPS) == list(range(1, layout.CURRENT))


def test_a_folder_that_is_no_data_root_is_refused(tmp_path: Path) -> None:
    assert "no data root" in str(typed(DataRoot(tmp_path / "none"), migrate).output)
