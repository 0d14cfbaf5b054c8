"""The nightly refresh and rotation of backups, the morning's look at the requests, and the weekly janitor."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from assets.graph.deliveries import POLICY
from assets.home import Home
from pipelines.days import days_with_work, range_tags, ranges
from pipelines.jobs import JANITOR, REFRESH, REQUESTS, ROTATION
from pipelines.writer_lock import home_path


@dg.schedule(
    job=REFRESH,
    cron_schedule="30 2 * * *",
    execution_timezone=POLICY.time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 02:30: what has been delivered, and what has come to its time.",
)
def nightly_refresh(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run per stretch of delivery days; without deliveries, one for retention's sake, over tonight's date."""
    tonight = context.scheduled_execution_time.astimezone(POLICY.zone).date()
    days = days_with_work(Home(home_path())) or {str(tonight)}
    for first, last in ranges(days):
        yield dg.RunRequest(run_key=f"{tonight}/{first}", tags=range_tags(first, last))


morning_requests = dg.ScheduleDefinition(
    name="morning_requests",
    job=REQUESTS,
    cron_schedule="0 7 * * *",
    execution_timezone=POLICY.time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every morning at 07:00: which requests are past their day or near it, and which recipients have not acknowledged.",
)

weekly_janitor = dg.ScheduleDefinition(
    name="weekly_janitor",
    job=JANITOR,
    cron_schedule="30 4 * * 0",
    execution_timezone=POLICY.time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Sunday at 04:30: Dagster's storage without what is older than ninety days.",
)

nightly_rotation = dg.ScheduleDefinition(
    name="nightly_rotation",
    job=ROTATION,
    cron_schedule="15 4 * * *",
    execution_timezone=POLICY.time_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at 04:15: backups that are older than the policy's period for backups are destroyed.",
)
