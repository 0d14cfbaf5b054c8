"""`register refresh`, the main job, without the UI; `register run` also fills an empty inbox."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table
from pipelines.log_lines import log

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot


@click.command()
@click.option("--date", "day", type=DAY, help="Take in the deliveries of this day only.")
@click.option("--as-of", type=DAY, help="Count ages and periods from this day; default: today.")
@click.option(
    "--relink",
    is_flag=True,
    help="Compare every pair of records again, and report what that changed.",
)
@click.option("--rebuild", is_flag=True, help="Make every registrant again, not what news touches.")
@MACHINE
def refresh(
    day: datetime | None, as_of: datetime | None, *, relink: bool, rebuild: bool, machine: bool
) -> None:
    """Ingest what has been delivered, build the register, publish the marts."""
    from assets.storage.data_root import DataRoot
    from pipelines.writer_lock import data_root_path, writer

    data_root = DataRoot(data_root_path())
    today = as_of.date() if as_of else datetime.now(data_root.policy.zone).date()
    if as_of is None:
        warn_of_the_clock(data_root, today)
    started = time.monotonic()
    if relink or rebuild:
        with writer(data_root):
            forget_build(data_root, links=relink)
    refused = run_refresh(data_root, today, {str(day.date())} if day else None)
    report(data_root, machine=machine, seconds=time.monotonic() - started, did=refused is not None)
    if refused:
        raise CommandError(
            f"refused {len(refused)} of the deliveries, which stay in the inbox; first "
            f"{refused[0][0]}: {refused[0][1]}"
        )


@click.command()
@click.option(
    "--registrants",
    type=click.IntRange(1, 10_000_000),
    default=2_000,
    show_default=True,
    help="How many people to invent when there is no data yet.",
)
@click.pass_context
def run(context: click.Context, registrants: int) -> None:
    """Write sample deliveries if there is no data yet, refresh, and print what to do next."""
    from assets.ingest import deliveries
    from assets.storage.data_root import DataRoot
    from assets.storage.guide import place
    from pipelines.cli.sample import sample
    from pipelines.days import waiting_days
    from pipelines.writer_lock import data_root_path

    data_root = DataRoot(data_root_path())
    if not waiting_days(data_root) and not deliveries.ledger(data_root):
        context.invoke(
            sample, registrants=registrants, seed=1, days=3, last_day=None, machine=False
        )
    context.invoke(refresh, day=None, as_of=None, relink=False, rebuild=False, machine=False)
    failed = sum(entry.quarantined for entry in deliveries.ledger(data_root))
    name = command_name()
    click.echo(
        f"\nThe marts are DuckDB files in {data_root.marts}. What to do next:\n"
        f"  {name} ui            the UI, on http://127.0.0.1:3000 (as `make ui`)\n"
        f'  {name} sql customer_care "SELECT count(*) FROM registrants"\n'
        f"  {name} quarantine    which records failed rules; {failed:,} are in no mart for it\n"
        f"  {name} --help        all commands; {place('the-daily-rhythm')} says what runs when"
    )


def command_name() -> str:
    """Return how `register` is called here: by its path where it is not on the PATH."""
    called = Path(sys.argv[0])
    on_path = shutil.which("register")
    if called.name != "register" or (on_path and Path(on_path).samefile(called)):
        return "register"
    return os.path.relpath(called)


def run_refresh(
    data_root: DataRoot, today: date, only: set[str] | None
) -> list[tuple[str, str]] | None:
    """Run the jobs that are needed until no work is left.

    Returns:
        The refusals (place, why); None when there was nothing new.
    """
    from assets.ingest import deliveries
    from assets.marts.building import mart_path
    from assets.register.building import up_to_date
    from assets.sources.all_sources import SOURCES
    from assets.storage.recorded_files import check_folder
    from pipelines.days import range_tags, ranges, unstaged_days
    from pipelines.writer_lock import writer
    from schemas.marts import MARTS

    with writer(data_root):
        for source in SOURCES:
            deliveries.tidy(data_root, source.name)
        waiting, refused = _look(data_root)
        days = (waiting if only is None else waiting & only) | unstaged_days(data_root)
        published = all(mart_path(data_root, purpose).exists() for purpose in MARTS)
        for folder in (data_root.lake / "register", data_root.marts):
            check_folder(folder)
        if not days and published and up_to_date(data_root, today):
            return refused or None
        instance, job = dagster()
        day_ranges = ranges(days)
        for first, last in day_ranges[:-1]:
            execute(job("ingest"), instance, today, range_tags(first, last))
        if day_ranges:
            execute(job("refresh"), instance, today, range_tags(*day_ranges[-1]))
        while later := unstaged_days(data_root):
            for first, last in ranges(later):
                execute(job("ingest"), instance, today, range_tags(first, last))
        if not day_ranges or not up_to_date(data_root, today):
            execute(job("retention"), instance, today, {})
        return _look(data_root)[1]


def warn_of_the_clock(data_root: DataRoot, today: date) -> None:
    """Say so if the clock is behind what has been taken in: what expires by it stays longer."""
    from assets.ingest import deliveries

    last = max((entry.day for entry in deliveries.ledger(data_root)), default="")
    if last > str(today):
        log(
            f"the clock says {today}, but a delivery of {last} has been taken in: check the clock; "
            "retention counts from its day",
            "warning",
        )


def forget_build(data_root: DataRoot, *, links: bool) -> None:
    """Let the next build make everything again, `links` too. Call under the writer lock."""
    from assets.register import incremental, pair_cache
    from assets.register.build_state import STATE
    from assets.storage.recorded_files import remove

    if links:
        pair_cache.forget(data_root)
    incremental.forget(data_root)
    remove(data_root.lake / "register" / STATE)


def _look(data_root: DataRoot) -> tuple[set[str], list[tuple[str, str]]]:
    from assets.ingest import deliveries
    from assets.sources.all_sources import SOURCES
    from pipelines.days import last_day

    return deliveries.look(data_root, [source.name for source in SOURCES], last_day(data_root))


def dagster(*, recorded: bool = False) -> tuple[Any, Any]:
    """Return the data root's Dagster instance, and a function that returns a job by name.

    Runs that an earlier process left open are ended. Call under the writer lock.

    Args:
        recorded: Whether a damaged instance is an error. Otherwise the runs go on without it, and
            are recorded nowhere; a line on stderr says so.

    Raises:
        DamagedHistoryError: It is damaged.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster import DagsterInstance

        from pipelines.dagster_instance import DamagedHistoryError, naming_damage, opened
        from pipelines.dead_runs import end_dead_runs
        from pipelines.definitions import definitions_under
        from schemas.policy.loader import policy_file

        try:
            instance = opened()
            with naming_damage():
                end_dead_runs(instance)
        except DamagedHistoryError as error:
            if recorded:
                raise
            log(f"this run is recorded nowhere: {error}", "warning")
            instance = DagsterInstance.ephemeral()
        return instance, definitions_under(policy_file()).resolve_job_def


def execute(job: Any, instance: Any, today: date, tags: dict[str, str]) -> None:
    """Run a job in this process; however it ends, so does its run.

    Raises:
        CommandError: The job failed; the message names the step and the type of error.
        KeyboardInterrupt: It was interrupted.
    """
    from pipelines.command_runs import execute_as_location
    from pipelines.dead_runs import ended
    from pipelines.progress import shown
    from pipelines.writer_lock import HEADLESS

    run_id = str(uuid.uuid4())
    with ended(instance, run_id), shown(job.name, len(job.nodes), run_id) as listen:
        result = execute_as_location(
            job,
            instance,
            run_id,
            tags={**HEADLESS, **tags},
            run_config={
                "resources": {"today": {"config": {"as_of": str(today)}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            listen=listen,
        )
    if not result.success:
        from pipelines.event_log import forget_checks_not_run

        forget_checks_not_run(instance, run_id)
        if was_interrupted(result.all_events):
            raise KeyboardInterrupt
        reasons = failures(result.all_events)
        raise CommandError(f"{job.name} failed: {'; '.join(reasons)} (run {run_id[:8]})")


def was_interrupted(events: Iterable[Any]) -> bool:
    """Return whether a signal ended the run, or somebody who canceled it."""
    return any(
        event.event_type_value == "PIPELINE_CANCELED"
        or (
            event.is_job_failure
            and (reason := event.job_failure_data.failure_reason)
            and reason.value == "UNEXPECTED_TERMINATION"
        )
        for event in events
    )


def failures(events: Iterable[Any]) -> list[str]:
    """Return why a run failed: blocking checks that did not pass, and steps that raised, by name.

    Args:
        events: Dagster's events of the run.
    """
    every = list(events)
    errors = {
        event.step_key: event.step_failure_data.user_failure_data
        for event in every
        if event.is_step_failure
    }
    checks = {
        (event.step_key, check.check_name): check
        for event in every
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and (check := event.asset_check_evaluation_data).blocking
        and not check.passed
    }
    reasons = [
        f"check {name} on {check.asset_key.to_user_string()}: {check.description}"
        for (step, name), check in checks.items()
        if not errors.get(step)
    ]
    stopped = {step for step, _ in checks}
    reasons += [
        f"{step}: {error.description if error else _kind(every, step)}"
        for step, error in errors.items()
        if error or step not in stopped
    ]
    return reasons or [_kind(every, None)]


def _kind(events: list[Any], step: str | None) -> str:
    """Return the type of error with which a step, or the run outside its steps, has ended."""
    errors = [
        data.error
        for event in events
        if event.step_key == step
        and (
            data := event.step_failure_data
            if event.is_step_failure
            else event.job_failure_data
            if event.is_job_failure
            else None
        )
    ]
    kinds = [error.cls_name for error in errors if error and error.cls_name]
    return (
        f"{kinds[0]}; its message is withheld because it may quote data"
        if kinds
        else "the run was ended from outside; start it again"
    )


def summary(data_root: DataRoot) -> dict[str, Any]:
    """Return counts of deliveries, register and marts."""
    from assets.ingest import deliveries
    from assets.marts.building import mart_path, rows
    from assets.register.build_state import STATE
    from schemas.marts import MARTS

    ledger = deliveries.ledger(data_root)
    per_source: dict[str, Counter[str]] = {}
    codes: Counter[str] = Counter()
    for entry in ledger:
        per_source.setdefault(entry.source, Counter()).update(
            deliveries=1,
            delivered=entry.delivered,
            staged=entry.staged,
            quarantined=entry.quarantined,
            duplicates=entry.duplicates,
            suppressed=entry.suppressed,
            expired=entry.expired,
            unsubscribed=entry.unsubscribed,
        )
        codes.update(entry.codes or {})
    state = data_root.lake / "register" / STATE
    built = (
        json.loads(state.read_text())["counts"]
        if state.exists()
        else {"rows": {}, "expired": {}, "links": {}, "seconds": {}}
    )
    return {
        "sources": {source: dict(counts) for source, counts in sorted(per_source.items())},
        "quarantined_by_code": dict(sorted(codes.items())),
        "registrants": built["rows"].get("registrants", 0),
        "source_persons": built["rows"].get("membership", 0),
        "links": built["links"].get("links", {}),
        "linkage": {
            "pairs": built["links"].get("candidate_pairs", 0),
            "compared": built["links"].get("compared_pairs", 0),
            "grey": built["links"].get("grey_pairs", 0),
            **built["links"].get("succession", {}),
            **built["links"].get("drift", {}),
        },
        "expired": built["expired"],
        "marts": {
            purpose: rows(data_root, purpose)
            for purpose in MARTS
            if mart_path(data_root, purpose).exists()
        },
    }


def linkage_rows(linkage: dict[str, int]) -> list[tuple[str, int]]:
    """Return what linkage did, and its drift, for the closing table."""
    labels = {
        "pairs": "pairs of records weighed",
        "compared": "pairs compared, not cached",
        "grey": "pairs for `register review`",
        "merged": "registrants merged since last time",
        "split": "registrants split since last time",
        "renamed": "registrants renamed since last time",
        "pairs_on_other_levels": "drift: pairs on other levels",
        "pairs_only_now": "drift: pairs only now",
        "pairs_only_before": "drift: pairs only before",
    }
    return [(label, linkage[name]) for name, label in labels.items() if name in linkage]


def report(data_root: DataRoot, *, machine: bool, seconds: float, did: bool) -> None:
    """Print the closing table."""
    totals = summary(data_root)
    if machine:
        as_json({**totals, "seconds": round(seconds, 1), "new": did})
        return
    if not did:
        click.echo("Nothing new: no delivery waits, and the register is as of today.")
    names = (
        "deliveries",
        "delivered",
        "staged",
        "quarantined",
        "duplicates",
        "suppressed",
        "expired",
    )
    click.echo(
        "\nDeliveries\n"
        + table(
            ["source", *names],
            [
                [source, *(counts.get(name, 0) for name in names)]
                for source, counts in totals["sources"].items()
            ],
        )
    )
    if totals["quarantined_by_code"]:
        click.echo(
            "\nQuarantined, by rule\n"
            + table(
                ["rule", "rows"],
                [[code, count] for code, count in totals["quarantined_by_code"].items()],
            )
        )
    click.echo(
        "\nRegister\n"
        + table(
            ["what", "number"],
            [
                ["source persons", totals["source_persons"]],
                ["registrants", totals["registrants"]],
                *([f"merged by {code}", count] for code, count in sorted(totals["links"].items())),
                *([name, count] for name, count in linkage_rows(totals["linkage"])),
                *([f"erased by {rule}", count] for rule, count in totals["expired"].items()),
            ],
        )
    )
    click.echo(
        "\nMarts\n"
        + table(
            ["mart", "table", "rows"],
            [
                [purpose, name, count]
                for purpose, tables in totals["marts"].items()
                for name, count in tables.items()
            ],
        )
    )
    click.echo(f"\n{seconds:.1f} s")
