"""`register doctor` finds what is wrong with machine and data root, and says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from assets.storage.data_root import DataRoot
from pipelines import doctor, heartbeat
from pipelines.cli.doctor import doctor as command
from pipelines.doctor import Diagnosis
from tests.support.registers import typed

Look = Callable[[DataRoot, datetime], Iterator[Diagnosis]]


@pytest.fixture
def now(data_root: DataRoot) -> datetime:
    return datetime.now(data_root.policy.zone)


def wrong(look: Look, data_root: DataRoot, now: datetime) -> list[tuple[str, str]]:
    """What is not as it should be; each says what to do."""
    bad = [each for each in look(data_root, now) if each.level != "ok"]
    assert all(each.to_do for each in bad)
    return [(each.level, each.what) for each in bad]


def test_a_new_data_root_has_no_problem(data_root: DataRoot, now: datetime) -> None:
    levels = {each.level for each in doctor.examine(data_root, now)}
    assert levels == {"ok", "warning"}


def test_the_command_ends_with_1_when_there_is_a_problem(data_root: DataRoot) -> None:
    assert typed(data_root, command).exit_code == 0
    data_root.lake.chmod(0o755)
    ended = typed(data_root, command)
    assert ended.exit_code == 1
    assert f"problem   others may read lake: chmod 700 {data_root.lake}" in ended.output


def test_packages_of_other_versions(
    data_root: DataRoot, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: ["duckdb>=9", "nosuch>=1", "click>=8"])
    levels = [what for _, what in wrong(doctor.installed_versions, data_root, now)]
    assert len(levels) == 2
    assert levels[0].startswith("duckdb 1.")
    assert levels[1] == "nosuch nothing is installed, needed is >=1"


@pytest.mark.parametrize(("free", "level"), [(0.2, None), (0.05, "warning"), (0.01, "problem")])
def test_a_disk_that_is_nearly_full(
    data_root: DataRoot,
    now: datetime,
    free: float,
    level: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usage = shutil._ntuple_diskusage(1000, 1000 - int(1000 * free), int(1000 * free))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    levels = [level for level, what in wrong(doctor.disk, data_root, now) if "bytes" in what]
    assert levels == ([level] if level else [])


def test_a_clock_behind_what_has_happened(data_root: DataRoot, now: datetime) -> None:
    assert wrong(doctor.clock, data_root, now) == []
    heartbeat.send(data_root.root, now + timedelta(hours=1))
    assert len(wrong(doctor.clock, data_root, now)) == 1
    later = now.date() + timedelta(days=2)
    (data_root.lake / "deliveries" / "crm" / str(later)).mkdir(parents=True)
    [(level, what)] = wrong(doctor.clock, data_root, now)
    assert (level, what) == ("problem", f"the clock says {now.date()}, a delivery is of {later}")


def test_a_lost_pepper(data_root: DataRoot, now: datetime) -> None:
    (data_root.secrets / "pepper").unlink()
    problems = [each.what for each in doctor.examine(data_root, now) if each.level == "problem"]
    assert len(problems) == 1
    assert problems[0].startswith("keys: CERT-PEPPER")


@pytest.mark.parametrize(("days", "count"), [(0, 0), (3, 1)])
def test_an_old_backup(data_root: DataRoot, now: datetime, days: int, count: int) -> None:
    keys = data_root.secrets / "backup-keys"
    keys.mkdir()
    made = (now - timedelta(days=days)).astimezone(UTC)
    (keys / f"{made:%Y%m%dT%H%M%SZ}-abcdef.key").write_bytes(b"x" * 32)
    assert len(wrong(doctor.backups, data_root, now)) == count


def test_a_daemon_that_is_silent(data_root: DataRoot, now: datetime) -> None:
    heartbeat.send(data_root.root, now)
    assert wrong(doctor.daemon, data_root, now + timedelta(minutes=9)) == []
    [(level, _)] = wrong(doctor.daemon, data_root, now + timedelta(minutes=11))
    assert level == "problem"


def test_nobody_who_is_notified(
    data_root: DataRoot, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(wrong(doctor.notification_channels, data_root, now)) == 2
    (data_root.secrets / "notification-channels").write_text("json://user:hunter2@example.fi")
    monkeypatch.setenv("REGISTER_HEARTBEAT_URL", "https://hc.example.fi/uuid")
    assert wrong(doctor.notification_channels, data_root, now) == []
    shown = repr(list(doctor.notification_channels(data_root, now)))
    assert "hunter2" not in shown
    assert "channel 1 (json)" in shown


def test_a_look_that_raises_is_a_problem_without_its_message(
    data_root: DataRoot, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk(_data_root: DataRoot, _now: datetime) -> Iterator[Diagnosis]:
        raise KeyError("010190-900A")

    monkeypatch.setattr(doctor, "LOOKS", (disk,))
    [diagnosis] = doctor.examine(data_root, now)
    assert (diagnosis.level, diagnosis.to_do) == ("problem", "report it: it is a defect")
    assert "010190" not in diagnosis.what
