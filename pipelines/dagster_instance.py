"""Opening the data root's Dagster instance, and what is done where its storage is damaged.

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
from sqlalchemy.exc import DatabaseError

from assets.storage.safe_errors import DAMAGED_HISTORY, PlainError, describe
from pipelines.dagster_home import EVENTS, prepare_dagster
from pipelines.writer_lock import data_root_path

_FILES = (Path("history") / "runs.db", EVENTS / "index.db", Path("schedules") / "schedules.db")
"""Dagster's own SQLite files below `dagster/`, but for those of single runs."""


class DamagedHistoryError(PlainError):
    """Dagster's database or settings are not what was written."""


def opened(root: Path | None = None) -> dg.DagsterInstance:
    """Open the instance of a data root, made when missing. Cost: SQLite's check of its files.

    Args:
        root: The data root; default: REGISTER_HOME.

    Raises:
        DamagedHistoryError: It is damaged.
    """
    folder = (root or data_root_path()) / "dagster"
    with naming_damage(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_dagster(root)
        if not isinstance(yaml.safe_load((folder / "dagster.yaml").read_text("utf-8")), dict):
            raise DamagedHistoryError(DAMAGED_HISTORY)
        for name in _FILES:
            _check(folder / name)
        instance = dg.DagsterInstance.get()
        # Runs and events are in databases of their own, which are opened by the first use.
        instance.get_dynamic_partitions("requests")
        instance.get_run_records(limit=1)
        return instance


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
