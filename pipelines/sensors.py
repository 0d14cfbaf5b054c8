"""Sensors of the inbox, of requests and their deadlines, and of failures."""

from __future__ import annotations

import hashlib
from datetime import datetime

import dagster as dg

from assets.dagster_support.metadata import without_values
from assets.erasure.assets import REQUESTS
from assets.ingest import deliveries
from assets.requests import ledger
from assets.rights import request_inbox, restriction_and_objection, workflow
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import DataRoot
from pipelines import attempts
from pipelines.attempts import Ask
from pipelines.days import days_with_work, ranges
from pipelines.event_log import forget_checks_not_run
from pipelines.jobs import FETCH, JOBS, REFRESH
from pipelines.jobs import REQUESTS as REQUESTS_JOB
from pipelines.notifications import Failure, notifier
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


@dg.sensor(
    job_name=REQUESTS_JOB.name,
    minimum_interval_seconds=3600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Notifies (REGISTER_NOTIFIER) once a day of overdue requests and unacknowledged notices "
        "to recipients; starts nothing."
    ),
)
@without_values
def deadline_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Notify of overdue requests and recipients; the cursor has the day and what was notified."""
    data_root = DataRoot(data_root_path())
    today = datetime.now(data_root.policy.zone).date()
    owed = workflow.owed(data_root, today)
    unmet = {
        "nothing_overdue": owed.overdue,
        "nothing_due_soon": owed.due_soon,
        "recipients_have_acknowledged": owed.notified_again,
    }
    steps = tuple(f"{name} ({len(ids)})" for name, ids in unmet.items() if ids)
    cursor = f"{today} {steps}"
    if steps and context.cursor != cursor:
        notifier()(Failure(job="requests", run_id="", steps=steps))
    return dg.SensorResult(cursor=cursor)


@dg.run_failure_sensor(
    monitored_jobs=[*JOBS, FETCH],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Notifies (REGISTER_NOTIFIER) of every failed run: job, run and steps, no data.",
)
def failure_sensor(context: dg.RunFailureSensorContext) -> None:
    """Notify of a failed run; checks that it did not come to are not shown as failed."""
    forget_checks_not_run(context.instance, context.dagster_run.run_id)
    steps = tuple(
        sorted(event.step_key for event in context.get_step_failure_events() if event.step_key)
    )
    notifier()(
        Failure(job=context.dagster_run.job_name, run_id=context.dagster_run.run_id, steps=steps)
    )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[*JOBS, FETCH],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Notifies (REGISTER_NOTIFIER) of records that our code failed on in a run.",
)
def unexpected_sensor(context: dg.RunStatusSensorContext) -> None:
    """Notify of each source with a failed check `nothing_unexpected` in the run, with the number of
    records.
    """
    run = context.dagster_run
    records = context.instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ).records
    checks = [
        record.event_log_entry.dagster_event.asset_check_evaluation_data
        for record in records
        if record.event_log_entry.dagster_event
    ]
    steps = tuple(
        (
            f"{check.check_name} of {check.asset_key.to_user_string()} ("
            f"{check.metadata['records'].value})"
        )
        for check in checks
        if check.check_name == "nothing_unexpected" and not check.passed
    )
    if steps:
        notifier()(Failure(job=run.job_name, run_id=run.run_id, steps=steps))


SENSORS = [
    inbox_sensor,
    request_sensor,
    rights_sensor,
    deadline_sensor,
    failure_sensor,
    unexpected_sensor,
]
