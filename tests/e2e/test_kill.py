"""Kill -9 at any moment: the next run that ends gives what an undisturbed one gives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from pipelines.writer_lock import writer
from tests.support.commands import AS_OF, Refreshed, refresh, start
from tests.support.data_roots import (
    contents,
    copied,
    differing,
    inbox_files,
    ledger_entries,
    leftovers,
    unfinished_runs,
)
from tests.support.killing import kill, killed_after, killed_at

# Files that are just written, renamed to their names or removed: moments between two steps.
MOMENTS = {
    "raw is being written": "lake/raw/*/*/.unfinished-*",
    "raw is there, the delivery ledger perhaps not": "lake/raw/*/*/*.parquet",
    "an original is about to go": "inbox/*.csv",
    "a day is being staged": "lake/staged/*/*/.unfinished-*",
    "a day is staged": "lake/staged/*/*/*/records.parquet",
    "the register is being written": "lake/register/provenance.parquet",
    "a mart is being built": "lake/built/.unfinished-*",
    "a mart is published": "marts/*.duckdb",
}


@pytest.fixture(scope="module")
def disturbed(
    sampled: Path, refreshed: Refreshed, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A data root with a refresh that was killed at each of the moments, then at a random one, and
    then ran to its end.
    """
    root = copied(sampled, tmp_path_factory.mktemp("killed") / "data")
    killed = [
        moment for moment, pattern in MOMENTS.items() if killed_at(root, pattern, "refresh", *AS_OF)
    ]
    killed_after(
        root, refreshed.ended.seconds * random.Random(2018).uniform(0.35, 0.9), "refresh", *AS_OF
    )
    ended = refresh(root)
    assert (ended.code, ended.err) == (0, "")
    return root, killed


def test_the_refresh_was_killed_at_every_moment(disturbed: tuple[Path, list[str]]) -> None:
    assert disturbed[1] == list(MOMENTS)


def test_a_refresh_killed_again_and_again_ends_like_an_undisturbed_refresh(
    disturbed: tuple[Path, list[str]], refreshed: Refreshed
) -> None:
    assert differing(contents(disturbed[0]), refreshed.contents) == []
    assert ledger_entries(disturbed[0]) == ledger_entries(refreshed.root)


def test_killed_refreshes_leave_nothing_behind(disturbed: tuple[Path, list[str]]) -> None:
    assert leftovers(disturbed[0]) == []
    assert inbox_files(disturbed[0]) == []


def test_killed_refreshes_are_not_taken_for_running(disturbed: tuple[Path, list[str]]) -> None:
    assert unfinished_runs(disturbed[0]) == []


def test_a_refresh_killed_while_it_waits_for_another_is_not_taken_for_running(
    refreshed: Refreshed, tmp_path: Path
) -> None:
    root = copied(refreshed.root, tmp_path / "data")
    with writer(DataRoot(root)):
        process = start(root, "refresh", *AS_OF)
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        kill(process)
    assert refresh(root).code == 0
    assert unfinished_runs(root) == []
    assert differing(contents(root), refreshed.contents) == []


def test_a_manifest_left_behind_by_a_kill_goes_with_the_next_refresh(
    refreshed: Refreshed, sampled: Path, tmp_path: Path
) -> None:
    """Killed between removing a delivery's data and its manifest."""
    root = copied(refreshed.root, tmp_path / "data")
    manifest = next(path for path in inbox_files(sampled) if path.name.endswith(".manifest.json"))
    orphan = root / manifest.relative_to(sampled)
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(manifest.read_bytes())
    assert refresh(root).code == 0
    assert inbox_files(root) == []
