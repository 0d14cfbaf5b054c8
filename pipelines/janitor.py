"""The janitor: Dagster's own storage is cleaned by age, and rewritten without free pages.

Dagster itself never deletes event logs, backfills and the events of one partition, and what it
deletes stays in free pages. So runs are deleted through its API, and what that leaves behind by SQL
on the SQLite files of the data root's instance, or on the tables of a team's PostgreSQL; then each
is vacuumed. Nothing personal gets in (docs/decisions/nothing-personal-in-dagster.md); this is for
what somebody typed by hand, and for tidiness.
"""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
from sqlalchemy import String, create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Engine, Inspector
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from assets.dagster_support.metadata import numbers, without_values
from assets.dagster_support.runs import WRITER, Today
from assets.erasure.assets import REQUESTS
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from pipelines.command_runs import LOCATION, is_foreign

KEPT_DAYS = 90
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# By file and table, the rows without a run, or older than the days kept. `:before` is UTC, as
# Dagster writes it.
_WITHOUT_RUN = "run_id NOT IN (SELECT run_id FROM known)"
SWEPT = {
    "runs.db": {
        "run_tags": _WITHOUT_RUN,
        "bulk_actions": """timestamp < :before
            AND status NOT IN ('REQUESTED', 'CANCELING', 'FAILING')""",
        "backfill_tags": "backfill_id NOT IN (SELECT key FROM bulk_actions)",
        "snapshots": """snapshot_type = 'PIPELINE'
            AND snapshot_id NOT IN (
                SELECT snapshot_id FROM runs WHERE snapshot_id IS NOT NULL)""",
    },
    "index.db": {
        "event_logs": f"timestamp < :before AND {_WITHOUT_RUN}",
        "asset_event_tags": "event_id NOT IN (SELECT id FROM event_logs)",
        "asset_check_executions": f"create_timestamp < :before AND {_WITHOUT_RUN}",
    },
    "schedules.db": {
        "job_ticks": "timestamp < :before",
        "asset_daemon_asset_evaluations": "create_timestamp < :before",
    },
}
# What does not say of which code location it is: left alone where an instance has several.
OF_ALL_LOCATIONS = (
    "bulk_actions", "backfill_tags", "job_ticks", "asset_daemon_asset_evaluations",
)  # fmt: skip
# Folders of what steps print and what the default I/O manager pickles, where these are enabled.
LOOSE = ("compute_logs", "storage", "logs")


@dataclass(frozen=True)
class _Expired:
    """What goes: all from before a moment that belongs to none of the `known` runs.

    Attributes:
        is_shared: Whether the instance has runs or schedules of other code locations too.
    """

    known: frozenset[str]
    before: datetime
    is_shared: bool


def clean(
    data_root: DataRoot, instance: dg.DagsterInstance, today: date, days: int = KEPT_DAYS
) -> Counter[str]:
    """Remove what is older than `days` days on `today`, except runs that have not ended, and what
    is another code location's.

    With zero days, everything that has ended is removed, today's too. Idempotent, so that a killed
    clean-up is just repeated.

    Returns:
        Counts by kind. `busy` counts files in use, which are vacuumed the next time.
    """
    before = datetime.combine(today - timedelta(days=days or -1), datetime.min.time(), UTC)
    done: Counter[str] = Counter()
    for record in instance.get_run_records(dg.RunsFilter(statuses=FINISHED, created_before=before)):
        if not is_foreign(record.dagster_run):
            instance.delete_run(record.dagster_run.run_id)
            done["runs"] += 1
    runs = [record.dagster_run for record in instance.get_run_records()]
    known = {run.run_id for run in runs}
    expired = _Expired(frozenset(known), before, any(map(is_foreign, runs)) or _schedules(instance))
    done["request_keys"] += _remove_keys(data_root, instance, today, days)
    done["log_files"] += _remove_loose(data_root, known, before.timestamp())
    for path in sorted(data_root.dagster.rglob("*.db")):
        done.update(_sweep_file(path, expired))
    done.update(_sweep_server(instance, expired))
    return done


def _schedules(instance: dg.DagsterInstance) -> bool:
    """Return whether other code locations have schedules or sensors in the instance."""
    return any(
        state.origin.repository_origin.code_location_origin.location_name != LOCATION
        for state in instance.all_instigator_state()
    )


def _remove_keys(data_root: DataRoot, instance: dg.DagsterInstance, today: date, days: int) -> int:
    """Remove partition keys of requests closed long enough ago, and keys without a request.

    The latter were typed in by hand.
    """
    name = str(REQUESTS.name)
    limit = max(
        today - timedelta(days=days),
        data_root.policy.rule("requests")[1].period.before(today),
    )
    kept = {
        request.request_id
        for request in ledger.every(data_root)
        if request.state != "closed"
        or not request.closed_at
        or datetime.fromisoformat(request.closed_at).date() > limit
    }
    expired = [key for key in instance.get_dynamic_partitions(name) if key not in kept]
    for key in expired:
        instance.delete_dynamic_partition(name, key)
    return len(expired)


def _remove_loose(data_root: DataRoot, known: set[str], before: float) -> int:
    """Remove event logs of deleted runs, and old files that steps printed or pickled.

    A folder of the latter counts as one.
    """
    removed = 0
    runs = data_root.dagster / "history" / "runs"
    for path in sorted(runs.glob("*.db*")) if runs.is_dir() else ():
        run_id = path.name.split(".")[0]
        if (
            run_id != "index"
            and run_id not in known
            and path.stat().st_mtime < datetime.now(UTC).timestamp() - 3600
        ):
            path.unlink()
            removed += path.name.endswith(".db")
    for folder in (data_root.dagster / name for name in LOOSE):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.stat().st_mtime < before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                removed += 1
    return removed


def _sweep_file(path: Path, expired: _Expired) -> Counter[str]:
    """Delete expired rows from an SQLite file, then vacuum it: free pages keep deleted rows."""
    engine = create_engine(
        f"sqlite:///{path}",
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
        connect_args={"timeout": 5},
    )
    with engine.connect() as connection:
        done = _sweep(
            connection,
            expired,
            path.name,
            ("PRAGMA secure_delete = ON",),
            lambda _: ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"),
        )
    os.chmod(path, 0o600)
    return done


def _sweep_server(instance: dg.DagsterInstance, expired: _Expired) -> Counter[str]:
    """Delete expired rows from a database server's tables, and write all without free space.

    PostgreSQL keeps frequent values of a column for its planner, beside the table: those of texts
    are removed, and not kept any more. Its log of changes (pg_wal) and its backups are its
    administrator's.
    """
    done: Counter[str] = Counter()
    for name, storage in (
        ("runs.db", instance.run_storage),
        ("index.db", instance.event_log_storage),
        ("schedules.db", instance.schedule_storage),
    ):
        engine = getattr(storage, "_engine", None)
        if not isinstance(engine, Engine):  # files of SQLite, which are swept as files
            continue
        with engine.connect() as connection:
            swept = _sweep(
                connection,
                expired,
                name,
                ("SET lock_timeout = '5s'",),
                partial(_rewriting, inspect(engine)),
            )
        done.update(swept)
    return done


def _rewriting(columns: Inspector, tables: Iterable[str]) -> list[str]:
    """Return the statements of PostgreSQL that leave nothing of deleted rows of the tables."""
    present = sorted(tables)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    texts = [
        (table, column["name"], column["type"].compile(dialect))
        for table in present
        for column in columns.get_columns(table)
        if isinstance(column["type"], String)
    ]
    return [
        # A change of type removes what is kept of a column's values, even to the type that it has.
        *(
            f"ALTER TABLE {table} ALTER COLUMN {name} SET STATISTICS 0, "
            f"ALTER COLUMN {name} TYPE {kind}"
            for table, name, kind in texts
        ),
        *(f"VACUUM FULL {table}" for table in (*present, "pg_statistic")),
    ]


def _sweep(
    connection: Connection,
    expired: _Expired,
    name: str,
    first: Sequence[str],
    rewriting: Callable[[Iterable[str]], Sequence[str]],
) -> Counter[str]:
    """Delete the expired rows of one storage's tables, and rewrite it; each statement commits."""
    done: Counter[str] = Counter()
    try:
        for statement in first:
            connection.exec_driver_sql(statement)
        connection.execute(text("CREATE TEMP TABLE known (run_id TEXT)"))
        connection.execute(
            text("INSERT INTO known VALUES (:run_id)"),
            [{"run_id": run_id} for run_id in sorted({*expired.known, ""})],
        )
        present = set(inspect(connection).get_table_names())
        swept = {
            table: condition
            for table, condition in SWEPT.get(name, {}).items()
            if table in present and not (expired.is_shared and table in OF_ALL_LOCATIONS)
        }
        for table, condition in swept.items():
            deleted = connection.execute(
                text(f"DELETE FROM {table} WHERE {condition}"),
                {"before": expired.before.strftime("%Y-%m-%d %H:%M:%S")}
                if ":before" in condition
                else {},
            )
            done[table] += deleted.rowcount
        for statement in rewriting(present):
            connection.exec_driver_sql(statement)
        done["vacuumed"] += 1
    except OperationalError:
        done["busy"] += 1
    return done


class Retention(dg.Config):
    """How many days Dagster's storage is kept."""

    older_than_days: int = KEPT_DAYS


@dg.asset(
    key=["upkeep", "dagster_storage"],
    group_name="upkeep",
    kinds={"sql"},
    owners=["team:data"],
    description=(
        "Dagster's runs, events, ticks, backfills, logs and keys of closed requests go by age; "
        "its files or tables are rewritten without them."
    ),
    pool=WRITER,
)
@without_values
def dagster_storage(
    context: dg.AssetExecutionContext,
    data_root: dg.ResourceParam[DataRoot],
    today: Today,
    config: Retention,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Clean Dagster's storage."""
    done = clean(data_root, context.instance, today.date, config.older_than_days)
    return dg.MaterializeResult(
        metadata={**numbers(done), "older_than_days": config.older_than_days}
    )


ASSETS = [dagster_storage]
