"""Kill -9 at any moment: the next run that ends gives what an undisturbed one gives."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.home import Home
from pipelines.resources import writer
from tests.e2e.conftest import Refreshed
from tests.e2e.homes import AS_OF, LONGEST, book, contents, copied, differing, inbox_files, leftovers, refresh, register, start, unfinished_runs


def kill(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def killed_when(root: Path, seen: Callable[[], bool], *arguments: str) -> bool:
    """Start the command and kill it as soon as `seen`; answers whether it was still running then."""
    process = start(root, *arguments)
    end = time.monotonic() + LONGEST
    while not seen():
        if process.poll() is not None or time.monotonic() > end:
            process.communicate()
            return False
        time.sleep(0.001)
    kill(process)
    return True


def killed_after(root: Path, seconds: float, *arguments: str) -> bool:
    end = time.monotonic() + seconds
    return killed_when(root, lambda: time.monotonic() > end, *arguments)


# What is looked for, relative to the data root: the moment that it appears is a moment between two steps.
MOMENTS = {
    "raw is being written": "lake/raw/*/*/.unfinished-*",
    "raw is there, the book perhaps not": "lake/raw/*/*/*.parquet",
    "a day is being staged": "lake/staged/*/*/.unfinished-*",
    "a day is staged": "lake/staged/*/*/*/records.parquet",
    "the register is being written": "lake/register/provenance.parquet",
    "a mart is being built": "lake/built/.unfinished-*",
    "a mart is published": "marts/*.duckdb",
}


def appears(root: Path, pattern: str) -> Callable[[], bool]:
    before = set(root.glob(pattern))
    return lambda: bool(set(root.glob(pattern)) - before)


@pytest.fixture(scope="module")
def disturbed(sampled: Path, refreshed: Refreshed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A data root whose refresh was killed at each of the moments, then at random ones, and then ran to its end."""
    root = copied(sampled, tmp_path_factory.mktemp("killed") / "data")
    killed = sum(killed_when(root, appears(root, pattern), "refresh", *AS_OF) for pattern in MOMENTS.values())
    chance = random.Random(2018)
    killed += sum(killed_after(root, refreshed.ended.seconds * chance.uniform(0.35, 0.9), "refresh", *AS_OF) for _ in range(3))
    ended = refresh(root)
    assert (ended.code, ended.err) == (0, "")
    return root, killed


def test_the_refresh_was_killed_many_times(disturbed: tuple[Path, int]) -> None:
    assert disturbed[1] >= 6


def test_a_refresh_killed_again_and_again_ends_as_an_undisturbed_one(disturbed: tuple[Path, int], refreshed: Refreshed) -> None:
    assert differing(contents(disturbed[0]), refreshed.contents) == []
    assert book(disturbed[0]) == book(refreshed.root)


def test_killed_refreshes_leave_nothing_behind(disturbed: tuple[Path, int]) -> None:
    assert leftovers(disturbed[0]) == []
    assert inbox_files(disturbed[0]) == []


def test_killed_refreshes_are_not_taken_for_running(disturbed: tuple[Path, int]) -> None:
    assert unfinished_runs(disturbed[0]) == []


def test_a_refresh_killed_while_it_waits_for_another_is_not_taken_for_running(refreshed: Refreshed, sampled: Path, tmp_path: Path) -> None:
    root = copied(sampled, tmp_path / "data")
    with writer(Home(root)):
        process = start(root, "refresh", *AS_OF)
        assert process.stderr is not None
        assert "waiting" in process.stderr.readline()
        kill(process)
    assert refresh(root).code == 0
    assert unfinished_runs(root) == []
    assert differing(contents(root), refreshed.contents) == []


def test_a_manifest_left_behind_by_a_kill_goes_with_the_next_refresh(refreshed: Refreshed, sampled: Path, tmp_path: Path) -> None:
    """Killed between removing a delivery's data and its manifest."""
    root = copied(refreshed.root, tmp_path / "data")
    manifest = next(path for path in inbox_files(sampled) if path.name.endswith(".manifest.json"))
    orphan = root / manifest.relative_to(sampled)
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(manifest.read_bytes())
    assert refresh(root).code == 0
    assert inbox_files(root) == []


ERASURE_MOMENTS = ("requests/.unfinished-*", "requests/suppressions.parquet", "lake/staged/*/*/*/.unfinished-*", "lake/register/.unfinished-*")


def test_an_erasure_killed_again_and_again_ends_as_an_undisturbed_one(refreshed: Refreshed, tmp_path: Path) -> None:
    disturbed = copied(refreshed.root, tmp_path / "disturbed")
    row = next(row for row in refreshed.contents["register/identifiers"] if row[1] == "identity_code")
    asked = register(disturbed, "request", "erasure", "--channel", "written", "--identity-code", row[2])
    assert asked.code == 0
    undisturbed = copied(disturbed, tmp_path / "undisturbed")
    whole = register(undisturbed, "erase", *AS_OF)
    assert (whole.code, whole.err) == (0, "")
    killed = sum(killed_when(disturbed, appears(disturbed, pattern), "erase", *AS_OF) for pattern in ERASURE_MOMENTS)
    killed += killed_after(disturbed, whole.seconds * 0.8, "erase", *AS_OF)
    assert killed >= 3
    ended = register(disturbed, "erase", *AS_OF)
    assert (ended.code, ended.err) == (0, "")
    assert differing(contents(disturbed), contents(undisturbed)) == []
    assert book(disturbed) == book(undisturbed)
    assert leftovers(disturbed) == []
    assert unfinished_runs(disturbed) == []
