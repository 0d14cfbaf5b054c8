"""Schedules: fetch, refresh and rotation nightly, requests and dashboard daily, janitor and files
weekly.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import dagster as dg

from assets.storage.data_root import DataRoot
from pipelines.days import days_with_work, range_tags, ranges
from pipelines.jobs import DASHBOARD, FETCH, FILES, JANITOR, REFRESH, REQUESTS, ROTATION
from pipelines.writer_lock import data_root_path
from schemas.policy.model import Policy


def nightly_refresh(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Yield a run per range of delivery days; without deliveries, one for retention."""
    data_root = DataRoot(data_root_path())
    tonight = context.scheduled_execution_time.astimezone(data_root.policy.zone).date()
    days = days_with_work(data_root) or {str(tonight)}
    for first, last in ranges(days):
        yield dg.RunRequest(run_key=f"{tonight}/{first}", tags=range_tags(first, last))


def nightly_fetch(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Return the run of the day that has begun."""
    zone = DataRoot(data_root_path()).policy.zone
    tonight = str(context.scheduled_execution_time.astimezone(zone).date())
    return dg.RunRequest(run_key=tonight, partition_key=tonight)


def schedules(policy: Policy, *, fetching: bool = False) -> list[dg.ScheduleDefinition]:
    """Return the schedules, by the clock of the policy's time zone.

    Args:
        fetching: Whether any connector is configured.
    """
    running = dg.DefaultScheduleStatus.RUNNING
    at = partial(dg.ScheduleDefinition, execution_timezone=policy.time_zone, default_status=running)
    fetches = dg.schedule(
        job_name=FETCH.name,
        cron_schedule="30 1 * * *",
        execution_timezone=policy.time_zone,
        default_status=running,
        description="Every night at 01:30: fetch what is new at vendors' servers into the inbox.",
    )(nightly_fetch)
    return [
        *[fetches] * fetching,
        dg.schedule(
            job_name=REFRESH.name,
            cron_schedule="30 2 * * *",
            execution_timezone=policy.time_zone,
            default_status=running,
            description="Every night at 02:30: ingest new deliveries, and remove expired data.",
        )(nightly_refresh),
        at(
            name="nightly_rotation",
            job_name=ROTATION.name,
            cron_schedule="15 4 * * *",
            description=(
                "Every night at 04:15: destroy backups older than the policy's period for backups."
            ),
        ),
        at(
            name="morning_requests",
            job_name=REQUESTS.name,
            cron_schedule="0 7 * * *",
            description=(
                "Every morning at 07:00: check requests overdue or due soon, and unacknowledged "
                "notices."
            ),
        ),
        at(
            name="morning_dashboard",
            job_name=DASHBOARD.name,
            cron_schedule="15 7 * * *",
            description="Every morning at 07:15: draw the dashboard.",
        ),
        at(
            name="weekly_janitor",
            job_name=JANITOR.name,
            cron_schedule="30 4 * * 0",
            description="Every Sunday at 04:30: remove what is over 90 days old from Dagster.",
        ),
        at(
            name="weekly_files",
            job_name=FILES.name,
            cron_schedule="0 5 * * 0",
            description="Every Sunday at 05:00: compare every file with what is recorded of it.",
        ),
    ]
