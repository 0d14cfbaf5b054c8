"""What a build reads back of the builds before it is put back from a backup, or a person goes on
without it: nothing counts lower or forgets by itself.

One data root with records of all ages, built and swept.
"""

from __future__ import annotations

import json
import random
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from assets.backup import generations, repairing
from assets.backup.damage import examine
from assets.register import aggregates, building, pair_cache
from assets.retention import sweep
from assets.storage import kept_files, recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.parquet_files import copy_parquet
from assets.storage.recorded_files import DamagedFileError
from assets.storage.sessions import connect
from pipelines.cli import repair as command
from tests.support.data_roots import copied, parquet_rows
from tests.support.dated_records import deliver
from tests.support.made_once import made_once
from tests.support.registers import TODAY, rows, take_in, typed

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLOSED = aggregates.VISITS.kept
REMEMBERING = (
    CLOSED.path,
    aggregates.ATTENDANCE.kept.path,
    "lake/register/membership.parquet",
    "lake/register/segregated_consents.parquet",
    "lake/register/swept.json",
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A register after a sweep: it remembers a month of which all visits have been deleted."""

    def make(folder: Path) -> None:
        data_root = DataRoot(folder / "data")
        data_root.create()
        deliver(data_root)
        take_in(data_root)
        building.build(data_root, TODAY)
        sweep.sweep(data_root, TODAY)
        remember(data_root, date(2022, 5, 1), 40)
        building.build(data_root, TODAY)
        sweep.sweep(data_root, TODAY)
        generations.make(data_root, None, NOW)

    return made_once(tmp_path_factory, "swept-register", make) / "data"


@pytest.fixture
def data_root(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    """A copy of it, and REGISTER_HOME, below which errors name paths."""
    copy = DataRoot(copied(swept, tmp_path / "data"))
    monkeypatch.setenv("REGISTER_HOME", str(copy.root))
    return copy


def remember(data_root: DataRoot, month: date, visits: int) -> None:
    """Count visits of a closed month, as if an earlier build had."""
    with connect(data_root) as connection:
        connection.execute(f"CREATE TEMP TABLE counted AS {CLOSED.rows(data_root)}")
        connection.execute(
            "INSERT INTO counted BY NAME SELECT $1::DATE AS month, 'any' AS channel, "
            "'any' AS device_type, $2 AS visits, true AS closed",
            [month, visits],
        )
        copy_parquet(connection, "FROM counted ORDER BY ALL", CLOSED.place(data_root))


def closed(data_root: DataRoot) -> int:
    """Visits of closed months that the register has counted."""
    counted = rows(data_root, "SELECT sum(visits) AS visits FROM visits_per_month WHERE closed")
    return int(counted[0]["visits"] or 0)


def tables(data_root: DataRoot) -> dict[str, Any]:
    """The rows of the register's tables and of what lies beside them; not the pair cache."""
    files = [*(data_root.lake / "register").glob("*.parquet"), *data_root.lake.glob("*.parquet")]
    return {path.name: parquet_rows(path) for path in files if path.name != pair_cache.COMPARED}


def damaged(data_root: DataRoot, path: str) -> None:
    place = data_root.root / path
    content = bytearray(place.read_bytes())
    content[random.Random(path).randrange(len(content))] ^= 1
    place.write_bytes(content)


def actions(data_root: DataRoot) -> dict[str, str]:
    steps = repairing.plan(data_root, examine(data_root).damages)
    return {step.damage.path: step.action for step in steps}


def repaired(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """The command, which builds the register alone."""
    monkeypatch.setattr(command, "_build", building.build)
    return typed(data_root, command.repair, *words)


def test_what_is_not_declared_to_remember_is_made_again_to_the_same_rows(
    data_root: DataRoot,
) -> None:
    """Whatever a build needs of its predecessor is declared."""
    before = tables(data_root)
    for folder in (data_root.lake / "register", data_root.lake):
        for path in recorded_files.files_of(folder):
            if not kept_files.of(str(path.relative_to(data_root.root))):
                recorded_files.remove(path)
    building.build(data_root, TODAY)
    after = tables(data_root)
    assert [name for name in {*before, *after} if before.get(name) != after.get(name)] == []


def test_each_file_that_remembers_comes_back_from_the_backup(data_root: DataRoot) -> None:
    before = {path: (data_root.root / path).read_bytes() for path in REMEMBERING}
    for path in REMEMBERING:
        damaged(data_root, path)
    assert actions(data_root) == dict.fromkeys(REMEMBERING, repairing.COPY)
    repairing.carry_out(data_root, repairing.plan(data_root, examine(data_root).damages))
    assert {path: (data_root.root / path).read_bytes() for path in REMEMBERING} == before


@pytest.mark.parametrize("path", [CLOSED.path, "lake/expired_cookies.parquet"])
def test_a_build_does_not_go_on_without_it(data_root: DataRoot, path: str) -> None:
    (data_root.root / path).unlink()
    with pytest.raises(DamagedFileError, match=f"FILE-MISSING: .*{path}"):
        building.build(data_root, TODAY)


def test_nothing_is_built_while_no_backup_has_it(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(data_root.root / "backups")
    damaged(data_root, CLOSED.path)
    damaged(data_root, "lake/register/registrants.parquet")
    assert actions(data_root) == {
        CLOSED.path: repairing.NOTHING,
        "lake/register/registrants.parquet": repairing.WAIT,
    }
    result = repaired(data_root, monkeypatch, "--yes")
    assert result.exit_code == 1
    assert (
        "it remembers the visits of months of which all visits have been deleted" in result.output
    )
    assert "--accept-losses none --by NAME --why TEXT" in result.output
    assert len(examine(data_root).damages) == 2


def test_a_person_goes_on_with_an_older_copy(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was closed after the backup is lost, what was closed before is not."""
    remember(data_root, date(2023, 5, 1), 7)
    assert closed(data_root) == 47
    damaged(data_root, CLOSED.path)
    (generation,) = (path.stem for path in (data_root.root / "backups").glob("*.backup"))
    listed = repaired(data_root, monkeypatch).output
    assert f"--accept-losses {generation} --by NAME --why TEXT" in listed
    decided = ("--by", "Testi Testinen", "--why", "disk failed")
    done = repaired(data_root, monkeypatch, "--accept-losses", generation, *decided)
    assert (done.exit_code, closed(data_root), examine(data_root).damages) == (0, 40, [])
    (line,) = (data_root.requests / "accepted-losses.jsonl").read_text().splitlines()
    noted = json.loads(line)
    assert (noted["lost"], noted["copies"]) == ([CLOSED.path], {CLOSED.path: generation})
    assert (noted["by"], noted["why"]) == (decided[1], decided[3])


def test_a_person_goes_on_without_it(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(data_root.root / "backups")
    (data_root.root / CLOSED.path).unlink()
    decided = ("--by", "Testi Testinen", "--why", "disk failed")
    done = repaired(data_root, monkeypatch, "--accept-losses", "none", *decided)
    assert (done.exit_code, closed(data_root), examine(data_root).damages) == (0, 0, [])


def test_nothing_is_accepted_that_is_not_lost(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = ("--by", "Testi Testinen", "--why", "disk failed")
    assert repaired(data_root, monkeypatch, "--accept-losses", "none", *decided).exit_code == 1
    assert not (data_root.requests / "accepted-losses.jsonl").exists()


def test_a_repair_that_was_killed_before_the_build_is_finished_by_the_next(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(data_root)
    damaged(data_root, "lake/register/registrants.parquet")
    repairing.carry_out(data_root, repairing.plan(data_root, examine(data_root).damages))
    assert not building.up_to_date(data_root, TODAY)
    assert repaired(data_root, monkeypatch, "--yes").exit_code == 0
    assert tables(data_root) == before
