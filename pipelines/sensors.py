"""Sensors of the inbox, of requests, and the watch that notifies of what is wrong."""

from __future__ import annotations

import hashlib
from datetime import datetime

import dagster as dg

from assets.dagster_support.metadata import without_values
from assets.erasure.assets import REQUESTS
from assets.ingest import deliveries
from assets.requests import ledger
from assets.rights import request_inbox, restriction_and_objection
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import DataRoot
from pipelines import attempts, heartbeat, watch
from pipelines.attempts import Ask
from pipelines.days import days_with_work, ranges
from pipelines.event_log import forget_checks_not_run
from pipelines.jobs import FETCH, JOBS, REFRESH
from pipelines.notifications import notify
from pipelines.writer_lock import data_root_path, report_died


@dg.sensor(
    job_name=REFRESH.name,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=(
        "Starts a refresh when deliveries arrive instead of waiting for the night; off unless "
        "switched on."
    ),
)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Request a run per range of days with work; files that were refused start none."""
    data_root = DataRoot(data_root_path())
    return attempts.requests(
        context,
        [
            Ask(f"{first}/{_work_between(data_root, first, last)}", first, last)
            for first, last in ranges(days_with_work(data_root))
        ],
    )


def _work_between(data_root: DataRoot, first: str, last: str) -> str:
    """Return a hash of the work of these days: waiting files and unstaged deliveries."""
    waiting = [
        (item.source, item.day, item.path.name, item.path.lstat().st_mtime_ns)
        for source in SOURCES
        for item in deliveries.waiting(data_root, source.name)
        if first <= item.day <= last
    ]
    unstaged = [
        entry.delivery_id
        for entry in deliveries.ledger(data_root)
        if not entry.staged_with and first <= entry.day <= last
    ]
    return hashlib.sha256(repr((waiting, unstaged)).encode()).hexdigest()[:16]


@dg.sensor(
    asset_selection=dg.AssetSelection.groups("erasure", "erased"),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Takes in request files, and adds new requests as partitions of the erasure assets, by "
        "opaque id; a person launches them. Reports a run whose process was killed as failed."
    ),
)
@without_values
def request_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Take in the request inbox, and add a partition for each erasure that has none.

    A run that was killed is reported as failed.
    """
    data_root = DataRoot(data_root_path())
    report_died(data_root, context.instance)
    request_inbox.take_in(data_root, datetime.now(data_root.policy.zone))
    known = set(context.instance.get_dynamic_partitions("requests"))
    new = [request_id for request_id in ledger.pending(data_root) if request_id not in known]
    return dg.SensorResult(
        dynamic_partitions_requests=[REQUESTS.build_add_request(new)] if new else [],
        asset_events=_nobody_erased_yet(context.instance),
    )


def _nobody_erased_yet(instance: dg.DagsterInstance) -> list[dg.AssetMaterialization]:
    """Return the record that there was nothing to remove, before the first erasure.

    The register is built after removals. While none is recorded, the UI asks at each launch of a
    refresh whether its assets "may fail".
    """
    removed = dg.AssetKey(["erasure", "removed"])
    if instance.get_latest_materialization_event(removed):
        return []
    return [
        dg.AssetMaterialization(
            removed, description="nobody has been erased yet", metadata={"rows_removed": 0}
        )
    ]


@dg.sensor(
    job_name=REFRESH.name,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Carries out restrictions, objections and withdrawals that came as files: delivers them, "
        "and starts a refresh, so that the marts follow."
    ),
)
@without_values
def rights_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Request one run for all requests delivered since the last tick.

    Those that the marts follow by now are recorded as such.
    """
    data_root = DataRoot(data_root_path())
    now = datetime.now(data_root.policy.zone)
    restriction_and_objection.settle(data_root, now)
    delivered = sorted(
        {
            digest
            for request in restriction_and_objection.apply(
                data_root, restriction_and_objection.waiting(data_root), now
            )
            for digest in request.delivered
        }
    )
    key = hashlib.sha256(repr(delivered).encode()).hexdigest()[:16]
    today = str(now.date())
    return attempts.requests(context, [Ask(f"rights/{key}", today, today)] if delivered else [])


@dg.run_failure_sensor(
    monitored_jobs=[*JOBS, FETCH],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Checks that a failed run did not come to are not shown as failed.",
)
def failure_sensor(context: dg.RunFailureSensorContext) -> None:
    """Remove the plans of checks that a failed run did not come to."""
    forget_checks_not_run(context.instance, context.dagster_run.run_id)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Notifies of failed runs and checks, stale assets and sources, sensors and schedules that "
        "raise, refused deliveries and requests near their day, and once of what is over. Sends "
        "the heartbeat."
    ),
)
@without_values
def watch_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Notify of what is wrong; the heartbeat is last, so that a watch that raises sends none."""
    if context.repository_def is None:
        raise dg.DagsterInvariantViolationError("the watch is evaluated without its repository")
    data_root = DataRoot(data_root_path())
    now = datetime.now(data_root.policy.zone)
    seen = watch.look(watch.Watched(data_root, context.instance, context.repository_def, now))
    failed = notify(data_root.root, seen.problems, now, seen.undecided)
    heartbeat.send(data_root.root, now)
    open_problems = sum(not problem.is_over for problem in seen.problems)
    return dg.SkipReason(
        f"{open_problems} problems; "
        + (f"not notified: {', '.join(failed)}" if failed else "all channels are notified")
    )


SENSORS = [
    inbox_sensor,
    request_sensor,
    rights_sensor,
    failure_sensor,
    watch_sensor,
]
