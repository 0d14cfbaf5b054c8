"""The janitor: Dagster's own storage is cleaned by age, and its files rewritten without free pages.

Dagster itself never deletes event logs, backfills and the events of one partition, and what it
deletes stays in free pages. So runs are deleted through its API, and what that leaves behind by SQL
on the SQLite files of the data root's instance; then each file is vacuumed. Nothing personal gets
in (docs/decisions/nothing-personal-in-dagster.md); this is for what somebody typed by hand, and for
tidiness.
"""

import os
import shutil
import sqlite3
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from assets.dagster_support.metadata import numbers, without_values
from assets.dagster_support.runs import WRITER, Today
from assets.erasure.assets import REQUESTS
from assets.requests import ledger
from assets.storage.data_root import DataRoot

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
# Folders of what steps print and what the default I/O manager pickles, where these are enabled.
LOOSE = ("compute_logs", "storage", "logs")


def clean(
    data_root: DataRoot, instance: dg.DagsterInstance, today: date, days: int = KEPT_DAYS
) -> Counter[str]:
    """Remove what is older than `days` days on `today`, except runs that have not ended.

    With zero days, everything that has ended is removed, today's too. Idempotent, so that a killed
    clean-up is just repeated.

    Returns:
        Counts by kind. `busy` counts files in use, which are vacuumed the next time.
    """
    before = datetime.combine(today - timedelta(days=days or -1), datetime.min.time(), UTC)
    done: Counter[str] = Counter()
    for record in instance.get_run_records(dg.RunsFilter(statuses=FINISHED, created_before=before)):
        instance.delete_run(record.dagster_run.run_id)
        done["runs"] += 1
    known = {record.dagster_run.run_id for record in instance.get_run_records()}
    done["request_keys"] += _remove_keys(data_root, instance, today, days)
    done["log_files"] += _remove_loose(data_root, known, before.timestamp())
    for path in sorted(data_root.dagster.rglob("*.db")):
        done.update(_sweep(path, known, before))
    return done


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


def _sweep(path: Path, known: set[str], before: datetime) -> Counter[str]:
    """Delete expired rows from an SQLite file, then vacuum it: free pages keep deleted rows."""
    done: Counter[str] = Counter()
    connection = sqlite3.connect(path, timeout=5, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("CREATE TEMP TABLE known (run_id TEXT)")
        connection.executemany(
            "INSERT INTO known VALUES (?)", [(run_id,) for run_id in sorted({*known, ""})]
        )
        there = {
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        for table, condition in SWEPT.get(path.name, {}).items():
            if table in there:
                deleted = connection.execute(
                    f"DELETE FROM {table} WHERE {condition}",
                    {"before": before.strftime("%Y-%m-%d %H:%M:%S")},
                )
                done[table] += deleted.rowcount
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        done["vacuumed"] += 1
    except sqlite3.OperationalError:
        done["busy"] += 1
    finally:
        connection.close()
    os.chmod(path, 0o600)
    return done


class Retention(dg.Config):
    """How many days Dagster's storage is kept."""

    older_than_days: int = KEPT_DAYS


@dg.asset(
    key=["upkeep", "dagster_storage"],
    group_name="upkeep",
    kinds={"sqlite"},
    owners=["team:data"],
    description=(
        "Dagster's runs, events, ticks, backfills, logs and keys of closed requests go by age; "
        "the files are rewritten without them."
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
