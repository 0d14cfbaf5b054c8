"""The nightly refresh and rotation of backups, the morning's look at the requests, and the weekly janitor."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import dagster as dg

from assets.storage.data_root import Home
from pipelines.days import days_with_work, range_tags, ranges
from pipelines.jobs import JANITOR, REFRESH, REQUESTS, ROTATION
from pipelines.writer_lock import home_path
from schemas.policy import Policy


def nightly_refresh(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run per stretch of delivery days; without deliveries, one for retention's sake, over tonight's date."""
    home = Home(home_path())
    tonight = context.scheduled_execution_time.astimezone(home.policy.zone).date()
    days = days_with_work(home) or {str(tonight)}
    for first, last in ranges(days):
        yield dg.RunRequest(run_key=f"{tonight}/{first}", tags=range_tags(first, last))


def schedules(policy: Policy) -> list[dg.ScheduleDefinition]:
    """Return the schedules, by the clock of the policy's time zone."""
    running = dg.DefaultScheduleStatus.RUNNING
    at = partial(dg.ScheduleDefinition, execution_timezone=policy.time_zone, default_status=running)
    return [
        dg.schedule(
            job_name=REFRESH.name,
            cron_schedule="30 2 * * *",
            execution_timezone=policy.time_zone,
            default_status=running,
            description="Every night at 02:30: what has been delivered, and what has come to its time.",
        )(nightly_refresh),
        at(
            name="nightly_rotation",
            job_name=ROTATION.name,
            cron_schedule="15 4 * * *",
            description="Every night at 04:15: backups that are older than the policy's period for backups are destroyed.",
        ),
        at(
            name="morning_requests",
            job_name=REQUESTS.name,
            cron_schedule="0 7 * * *",
            description="Every morning at 07:00: which requests are past their day or near it, and which recipients have not acknowledged.",
        ),
        at(
            name="weekly_janitor",
            job_name=JANITOR.name,
            cron_schedule="30 4 * * 0",
            description="Every Sunday at 04:30: Dagster's storage without what is older than ninety days.",
        ),
    ]
