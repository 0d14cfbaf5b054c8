"""Opening Dagster's instance, and what is done where a data root's is damaged.

Damaged or not, it blocks nothing that is not Dagster's: commands that only compare with it or
report to it leave it out, and those that start a run do so without recording it there.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import yaml
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster_shared.check import CheckError
from sqlalchemy.exc import DatabaseError

from assets.storage.safe_errors import DAMAGED_HISTORY, PlainError, describe
from pipelines.dagster_home import EVENTS, SETTINGS, dagster_home, prepare_dagster
from pipelines.writer_lock import data_root_path

_FILES = (Path("history") / "runs.db", EVENTS / "index.db", Path("schedules") / "schedules.db")
"""Dagster's own SQLite files below `dagster/`, but for those of single runs."""


class DamagedHistoryError(PlainError):
    """Dagster's database or settings are not what was written."""


class TeamInstanceError(PlainError):
    """The instance in DAGSTER_HOME cannot be used for the register."""


def opened(root: Path | None = None) -> dg.DagsterInstance:
    """Open the instance: the team's in DAGSTER_HOME, or the data root's, made when missing. Cost:
    SQLite's check of its files.

    Args:
        root: The data root; default: REGISTER_HOME.

    Raises:
        DamagedHistoryError: The data root's is damaged.
        TeamInstanceError: The team's cannot be opened, or keeps what it must not.
    """
    folder = dagster_home(root)
    if folder != (root or data_root_path()) / "dagster":
        return _opened_teams(folder)
    with naming_damage(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_dagster(root)
        if not isinstance(yaml.safe_load((folder / SETTINGS).read_text("utf-8")), dict):
            raise DamagedHistoryError(DAMAGED_HISTORY)
        for name in _FILES:
            _check(folder / name)
        instance = dg.DagsterInstance.get()
        # Runs and events are in databases of their own, which are opened by the first use.
        instance.get_dynamic_partitions("requests")
        instance.get_run_records(limit=1)
        return instance


def _opened_teams(folder: Path) -> dg.DagsterInstance:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_dagster()
        try:
            instance = dg.DagsterInstance.get()
        except (dg.DagsterError, CheckError, yaml.YAMLError) as error:
            raise TeamInstanceError(
                f"the Dagster instance in DAGSTER_HOME cannot be opened ({type(error).__name__}): "
                f"compare its {SETTINGS} with deploy/dagster.yaml, and install the extra `postgres`"
            ) from None
    check_settings(instance)
    return instance


def check_settings(instance: dg.DagsterInstance) -> None:
    """Refuse a lasting instance that stores what steps print: that may quote data.

    Raises:
        TeamInstanceError: It does; the message names the setting.
    """
    if instance.is_persistent and not isinstance(
        instance.compute_log_manager, NoOpComputeLogManager
    ):
        raise TeamInstanceError(
            f"the Dagster instance stores what steps print: set `compute_logs` in its {SETTINGS} "
            "as in deploy/dagster.yaml"
        )


@contextmanager
def naming_damage() -> Iterator[None]:
    """Replace errors of damaged storage and settings by one that says how to begin a new one.

    What the operating system refuses, and what waits for another process, stays as it is.

    Raises:
        DamagedHistoryError: Something was damaged.
    """
    try:
        yield
    except (dg.DagsterError, yaml.YAMLError, UnicodeError):
        raise DamagedHistoryError(DAMAGED_HISTORY) from None
    except (DatabaseError, sqlite3.Error, PlainError) as error:
        if DAMAGED_HISTORY in describe(error):
            raise DamagedHistoryError(DAMAGED_HISTORY) from None
        raise


def _check(path: Path) -> None:
    """Have SQLite check a file that is there: one cut in the middle opens without an error."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
