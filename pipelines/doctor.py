"""What keeps a register from running well, looked for in the machine and in the data root.

Each function looks at one thing and yields a diagnosis per finding. Nothing is changed, and nothing
personal is read.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

from assets.register import holds
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot, delivery_day
from assets.storage.safe_errors import PlainError, describe
from pipelines import heartbeat, notifications
from pipelines.cli.versions import PACKAGE, versions
from pipelines.dagster_home import is_begun
from pipelines.writer_lock import check_suppressions

ROOM_WARNED_OF = 0.10
LEAST_ROOM = 0.03
"""Shares of the disk's bytes and of its files that are free."""
BACKUP_FRESH = timedelta(days=2)


@dataclass(frozen=True)
class Diagnosis:
    """What was found; `to_do` is what to do about it, empty where it is `ok`."""

    level: Literal["ok", "warning", "problem"]
    what: str
    to_do: str = ""


def examine(data_root: DataRoot, now: datetime) -> Iterator[Diagnosis]:
    """Yield what each look finds. A look that raises is a problem itself."""
    for look in LOOKS:
        try:
            yield from look(data_root, now)
        except Exception as error:  # noqa: BLE001  (its message may quote data)
            to_do = "" if isinstance(error, PlainError) else "report it: it is a defect"
            name = look.__name__.replace("_", " ")
            yield Diagnosis("problem", f"{name}: {describe(error)}", to_do)


def installed_versions(_data_root: DataRoot, _now: datetime) -> Iterator[Diagnosis]:
    """Compare the installed packages with those that this version is made for."""
    from packaging.requirements import Requirement

    for line in requires(PACKAGE) or ():
        needed = Requirement(line)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            present = version(needed.name)
        except PackageNotFoundError:
            present = "nothing"
        if not needed.specifier.contains(present if present != "nothing" else "0"):
            yield Diagnosis(
                "problem",
                f"{needed.name} {present} is installed, needed is {needed.specifier}",
                "install by requirements.lock, as `make run` does",
            )
    yield Diagnosis("ok", ", ".join(f"{name} {each}" for name, each in versions().items()))


def permissions(data_root: DataRoot, _now: datetime) -> Iterator[Diagnosis]:
    """Look for what others may read, and for what another user owns."""
    root = data_root.root
    closed = [root, *(path for path in root.iterdir() if path != data_root.inbox)]
    closed += [path for path in data_root.secrets.rglob("*") if path.is_dir()]
    others = [
        path
        for path in closed
        if not path.is_symlink() and path.stat().st_mode & 0o077 & ~data_root.mode_of(path)
    ]
    foreign = [path for path in closed if path.lstat().st_uid != os.geteuid()]
    for path in others:
        name = path.relative_to(root)
        mode = f"{data_root.mode_of(path):o}" if path.is_dir() else "600"
        yield Diagnosis("problem", f"others may read {name}", f"chmod {mode} {path}")
    for path in foreign:
        yield Diagnosis(
            "problem",
            f"{path.relative_to(root)} belongs to another user",
            "run everything as one user, and chown it to that one",
        )
    if not others and not foreign:
        yield Diagnosis("ok", "nobody else may read the data root")


def disk(data_root: DataRoot, _now: datetime) -> Iterator[Diagnosis]:
    """Compare the free bytes and the free places for files with what a refresh needs."""
    usage, device = shutil.disk_usage(data_root.root), os.statvfs(data_root.root)
    shares = {"bytes": usage.free / usage.total}
    if device.f_files:
        shares["files"] = device.f_favail / device.f_files
    for what, share in shares.items():
        to_do = "make room on the data root's disk"
        if share < LEAST_ROOM:
            yield Diagnosis("problem", f"{share:.0%} of the disk's {what} are free", to_do)
        elif share < ROOM_WARNED_OF:
            yield Diagnosis("warning", f"{share:.0%} of the disk's {what} are free", to_do)
    yield Diagnosis("ok", f"{usage.free / 2**30:,.1f} GiB are free on the data root's disk")


def clock(data_root: DataRoot, now: datetime) -> Iterator[Diagnosis]:
    """Compare the clock with what has happened already, which it cannot be before."""
    days = [
        day
        for path in (data_root.lake / "deliveries").glob("*/*")
        if (day := delivery_day(path.name))
    ]
    last = max(days, default=None)
    ticked = heartbeat.last(data_root.root)
    to_do = "set the clock, by NTP: retention and deadlines count by it"
    if last is not None and last > now.date():
        yield Diagnosis("problem", f"the clock says {now.date()}, a delivery is of {last}", to_do)
    elif ticked is not None and ticked > now + timedelta(minutes=5):
        yield Diagnosis("problem", f"the clock is behind the last heartbeat, {ticked}", to_do)
    else:
        yield Diagnosis("ok", f"the clock says {now:%Y-%m-%d %H:%M %Z}")


def keys(data_root: DataRoot, now: datetime) -> Iterator[Diagnosis]:
    """Look for the pepper, the suppression list and the keys of requests, holds and backups."""
    check_suppressions(data_root)
    if lost := holds.unreadable(data_root, now.date()):
        yield Diagnosis(
            "problem",
            f"{len(lost)} holds or open requests have no key, so that nothing is removed",
            "bring secrets/request-keys/ back",
        )
    locked = [each for each in backup_generations.every(data_root, None) if not each.has_key]
    if locked:
        yield Diagnosis(
            "warning",
            f"{len(locked)} backups have no key and cannot be opened",
            "bring secrets/backup-keys/ back, or `register backup --destroy` them",
        )
    yield Diagnosis("ok", "pepper and suppression list are as recorded")


def backups(data_root: DataRoot, now: datetime) -> Iterator[Diagnosis]:
    """Compare the age of the newest backup that can be opened with a day and some."""
    made = [
        made_at
        for each in backup_generations.every(data_root, None)
        if each.has_key and (made_at := backup_generations.made_at(each.name))
    ]
    newest = max(made, default=None)
    to_do = "run `register backup` each day by the machine's scheduler, after the night's refresh"
    if newest is None:
        yield Diagnosis("warning", "there is no backup", to_do)
    elif now - newest > BACKUP_FRESH:
        yield Diagnosis("warning", f"the newest backup is of {newest:%Y-%m-%d %H:%M} UTC", to_do)
    else:
        yield Diagnosis("ok", f"the newest backup is of {newest:%Y-%m-%d %H:%M} UTC")


def notification_channels(data_root: DataRoot, _now: datetime) -> Iterator[Diagnosis]:
    """Look for channels that reach a person, and for the heartbeat's URL."""
    of_people = [each for each in notifications.channels(data_root.root) if each.id != "file"]
    if of_people:
        yield Diagnosis("ok", f"notifications go to {', '.join(each.name for each in of_people)}")
    else:
        yield Diagnosis(
            "warning",
            "nobody is notified but a file",
            f"put URLs into secrets/{notifications.CHANNELS_FILE}, then `register notify --test`",
        )
    if not heartbeat.url(data_root.root):
        yield Diagnosis(
            "warning",
            "nobody outside notices when the machine or the daemon stops",
            f"put a healthcheck's URL into secrets/{heartbeat.URL_FILE}",
        )
    if lasting := notifications.lasting(data_root.root):
        yield Diagnosis("warning", f"{len(lasting)} problems are not over", "`register notify`")


def daemon(data_root: DataRoot, now: datetime) -> Iterator[Diagnosis]:
    """Look for the last tick of the watch, which shows that daemon and sensors work."""
    ticked = heartbeat.last(data_root.root)
    to_do = "start `register ui`: schedules and sensors work only while it runs"
    if ticked is None:
        yield Diagnosis("warning", "the daemon has not run on this data root", to_do)
    elif now - ticked > heartbeat.SILENT_AFTER:
        yield Diagnosis("problem", f"the daemon's last heartbeat is of {ticked:%F %H:%M}", to_do)
    else:
        yield Diagnosis("ok", "the daemon runs")


def schedules_and_sensors(data_root: DataRoot, _now: datetime) -> Iterator[Diagnosis]:
    """Look for those that somebody has switched off, in Dagster's storage."""
    if not is_begun(data_root.root):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster import DefaultScheduleStatus, DefaultSensorStatus
        from dagster._core.scheduler.instigation import InstigatorStatus

        from pipelines.dagster_instance import opened
        from pipelines.definitions import definitions_under
        from schemas.policy.loader import policy_file

        repository = definitions_under(policy_file()).get_repository_def()
    meant_to_run = {
        each.name
        for each in repository.schedule_defs
        if each.default_status == DefaultScheduleStatus.RUNNING
    } | {
        each.name
        for each in repository.sensor_defs
        if each.default_status == DefaultSensorStatus.RUNNING
    }
    with opened(data_root.root) as instance:
        stopped = {
            state.instigator_name
            for state in instance.all_instigator_state()
            if state.status == InstigatorStatus.STOPPED
        } & meant_to_run
    for name in sorted(stopped):
        yield Diagnosis("problem", f"{name} is switched off", "switch it on in the UI, Automation")
    if not stopped:
        yield Diagnosis("ok", f"{len(meant_to_run)} schedules and sensors are on")


LOOKS: tuple[Callable[[DataRoot, datetime], Iterator[Diagnosis]], ...] = (
    installed_versions,
    permissions,
    disk,
    clock,
    keys,
    backups,
    notification_channels,
    daemon,
    schedules_and_sensors,
)
