"""What watches: the inbox, the requests, and failures."""

from __future__ import annotations

import hashlib

import dagster as dg

from assets import deliveries, requests
from assets.graph.erasure import REQUESTS
from assets.home import Home
from assets.sources import SOURCES
from pipelines.days import days_with_work, range_tags, ranges
from pipelines.jobs import JOBS, REFRESH
from pipelines.notifier import Failure, notifier
from pipelines.resources import home_path


@dg.sensor(
    job=REFRESH,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Start a refresh when deliveries have come, instead of waiting for the night. Switch it on if you want that.",
)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One run per stretch of days; the same files waiting again, because they were refused, start nothing."""
    home = Home(home_path())
    days = days_with_work(home)
    requested = []
    for first, last in ranges(days):
        waiting = [
            (item.source, item.day, item.path.name, item.path.lstat().st_mtime_ns)
            for source in SOURCES
            for item in deliveries.waiting(home, source.name)
            if first <= item.day <= last
        ]
        run_key = hashlib.sha256(repr(waiting).encode()).hexdigest()[:16]
        requested.append(dg.RunRequest(run_key=f"{first}/{run_key}", tags=range_tags(first, last)))
    return dg.SensorResult(run_requests=requested)


@dg.sensor(
    asset_selection=dg.AssetSelection.groups("erasure", "erased"),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Shows new requests as partitions of the erasure assets, by opaque id. Launching them is up to a person.",
)
def request_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Add a partition for each request that has none."""
    known = set(context.instance.get_dynamic_partitions("requests"))
    new = [request_id for request_id in requests.pending(Home(home_path())) if request_id not in known]
    return dg.SensorResult(dynamic_partitions_requests=[REQUESTS.build_add_request(new)] if new else [])


@dg.run_failure_sensor(
    monitored_jobs=JOBS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Tells the notifier (REGISTER_NOTIFIER) of every failed run: job, run and steps, nothing of the data.",
)
def failure_sensor(context: dg.RunFailureSensorContext) -> None:
    """Tell the notifier of a failed run."""
    steps = tuple(sorted(event.step_key for event in context.get_step_failure_events() if event.step_key))
    notifier()(Failure(job=context.dagster_run.job_name, run_id=context.dagster_run.run_id, steps=steps))


SENSORS = [inbox_sensor, request_sensor, failure_sensor]
