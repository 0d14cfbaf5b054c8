"""`register refresh`, the main job, headless through Dagster; and `register run`, which also fills an empty inbox."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    from assets.storage.data_root import Home


@click.command()
@click.option("--date", "day", type=DAY, help="Take in the deliveries of this day only.")
@click.option("--as-of", type=DAY, help="Count ages and periods from this day; default: today.")
@click.option(
    "--relink", is_flag=True, help="Compare every pair of records anew, and tell what that changed."
)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def refresh(day: datetime | None, as_of: datetime | None, *, relink: bool, machine: bool) -> None:
    """Take in what has been delivered, build the register, publish the marts."""
    from assets.storage.data_root import Home
    from pipelines.writer_lock import home_path, writer

    home = Home(home_path())
    today = as_of.date() if as_of else datetime.now(home.policy.zone).date()
    started = time.monotonic()
    if relink:
        with writer(home):
            forget_links(home)
    refused = run_refresh(home, today, {str(day.date())} if day else None)
    report(home, machine=machine, seconds=time.monotonic() - started, did=refused is not None)
    if refused:
        raise CommandError(
            f"refused {len(refused)} of the deliveries, which stay in the inbox; first {refused[0][0]}: {refused[0][1]}"
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
    """What `make run` does: write sample deliveries if there is nothing yet, refresh, say how to open the UI."""
    from assets.ingest import deliveries
    from assets.storage.data_root import Home
    from pipelines.cli.sample import sample
    from pipelines.days import waiting_days
    from pipelines.writer_lock import home_path

    home = Home(home_path())
    if not waiting_days(home) and not deliveries.book(home):
        context.invoke(
            sample, registrants=registrants, seed=1, days=3, last_day=None, machine=False
        )
    context.invoke(refresh, day=None, as_of=None, relink=False, machine=False)
    click.echo("\nThe marts are DuckDB files in " + str(home.marts) + "; the UI: make ui")


def run_refresh(home: Home, today: date, only: set[str] | None) -> list[tuple[str, str]] | None:
    """Run the jobs that are needed until nothing is left to do; answers the refusals, or None when there was nothing new."""
    from assets.ingest import deliveries
    from assets.marts.building import mart_path
    from assets.register.building import up_to_date
    from assets.sources.all_sources import SOURCES
    from pipelines.days import range_tags, ranges, unstaged_days
    from pipelines.writer_lock import writer
    from schemas.marts import MARTS

    with writer(home):
        for source in SOURCES:
            deliveries.tidy(home, source.name)
        refused = _refusals(home)
        days = _days_with_work(home, only)
        published = all(mart_path(home, purpose).exists() for purpose in MARTS)
        if not days and published and up_to_date(home, today):
            return refused or None
        instance, job = dagster()
        stretches = ranges(days)
        for first, last in stretches[:-1]:
            execute(job("ingest"), instance, today, range_tags(first, last))
        if stretches:
            execute(job("refresh"), instance, today, range_tags(*stretches[-1]))
        while later := unstaged_days(home):
            for first, last in ranges(later):
                execute(job("ingest"), instance, today, range_tags(first, last))
        if not stretches or not up_to_date(home, today):
            execute(job("retention"), instance, today, {})
        return _refusals(home)


def forget_links(home: Home) -> None:
    """Let the next build link everything anew. Under the writer's lock."""
    from assets.register import pair_cache
    from assets.register.build_state import STATE

    pair_cache.forget(home)
    (home.lake / "register" / STATE).unlink(missing_ok=True)


def _days_with_work(home: Home, only: set[str] | None) -> set[str]:
    from pipelines.days import days_with_work, unstaged_days

    days = days_with_work(home)
    return days if only is None else days & (only | unstaged_days(home))


def _refusals(home: Home) -> list[tuple[str, str]]:
    from assets.ingest import deliveries
    from assets.sources.all_sources import SOURCES
    from pipelines.days import last_day

    return deliveries.refusals(home, [source.name for source in SOURCES], last_day(home))


def dagster() -> tuple[Any, Any]:
    """The data root's Dagster instance, and how to get a job by name. Only while the writer's lock is held."""
    import warnings

    from pipelines.dagster_home import prepare_dagster

    prepare_dagster()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from pipelines.definitions import defs

        return dg.DagsterInstance.get(), defs.resolve_job_def


def execute(job: Any, instance: Any, today: date, tags: dict[str, str]) -> None:
    """Run one job in this process; raises CommandError naming the step and the kind of error when it fails."""
    from pipelines.writer_lock import HEADLESS

    result = job.execute_in_process(
        instance=instance,
        tags={**HEADLESS, **tags},
        raise_on_error=False,
        run_config={
            "resources": {"today": {"config": {"as_of": str(today)}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
    )
    if not result.success:
        from pipelines.event_log import forget_checks_not_run

        forget_checks_not_run(instance, result.run_id)
        reasons = failures(result.all_events)
        raise CommandError(f"{job.name} failed: {'; '.join(reasons)} (run {result.run_id[:8]})")


def failures(events: Iterable[Any]) -> list[str]:
    """Why a run failed: each blocking check that did not pass, and each step that raised an error, by name.

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
        (event.step_key, found.check_name): found
        for event in every
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
        and (found := event.asset_check_evaluation_data).blocking
        and not found.passed
    }
    said = [
        f"check {name} on {found.asset_key.to_user_string()}: {found.description}"
        for (step, name), found in checks.items()
        if not errors.get(step)
    ]
    stopped = {step for step, _ in checks}
    said += [
        f"{step}: {error.description if error else _kind(every, step)}"
        for step, error in errors.items()
        if error or step not in stopped
    ]
    return said or [_kind(every, None)]


def _kind(events: list[Any], step: str | None) -> str:
    """The kind of error with which a step, or the run outside its steps, has ended."""
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
    kinds = [one.cls_name for one in errors if one and one.cls_name]
    return (
        f"{kinds[0]}; its message is withheld because it may quote data"
        if kinds
        else "the run was ended from outside; start it again"
    )


def summary(home: Home) -> dict[str, Any]:
    """What the register holds and how it came about, by count."""
    from assets.ingest import deliveries
    from assets.marts.building import mart_path, rows
    from assets.register.build_state import STATE
    from schemas.marts import MARTS

    book = deliveries.book(home)
    per_source: dict[str, Counter[str]] = {}
    codes: Counter[str] = Counter()
    for entry in book:
        per_source.setdefault(entry.source, Counter()).update(
            deliveries=1,
            delivered=entry.delivered,
            staged=entry.staged,
            quarantined=entry.quarantined,
            duplicates=entry.duplicates,
            suppressed=entry.suppressed,
            expired=entry.expired,
        )
        codes.update(entry.codes or {})
    state = home.lake / "register" / STATE
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
            purpose: rows(home, purpose) for purpose in MARTS if mart_path(home, purpose).exists()
        },
    }


def linkage_rows(linkage: dict[str, int]) -> list[tuple[str, int]]:
    """What linkage did, and how it drifted, for the closing table."""
    said = {
        "pairs": "pairs of records weighed",
        "compared": "pairs compared, not remembered",
        "grey": "pairs for `register review`",
        "merged": "registrants merged since last time",
        "split": "registrants split since last time",
        "renamed": "registrants renamed since last time",
        "pairs_on_other_levels": "drift: pairs on other levels",
        "pairs_only_now": "drift: pairs only now",
        "pairs_only_before": "drift: pairs only before",
    }
    return [(told, linkage[name]) for name, told in said.items() if name in linkage]


def report(home: Home, *, machine: bool, seconds: float, did: bool) -> None:
    """Print the closing table."""
    found = summary(home)
    if machine:
        as_json({**found, "seconds": round(seconds, 1), "new": did})
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
                for source, counts in found["sources"].items()
            ],
        )
    )
    if found["quarantined_by_code"]:
        click.echo(
            "\nQuarantined, by rule\n"
            + table(
                ["rule", "rows"],
                [[code, count] for code, count in found["quarantined_by_code"].items()],
            )
        )
    click.echo(
        "\nRegister\n"
        + table(
            ["what", "number"],
            [
                ["source persons", found["source_persons"]],
                ["registrants", found["registrants"]],
                *([f"merged by {code}", count] for code, count in sorted(found["links"].items())),
                *([name, count] for name, count in linkage_rows(found["linkage"])),
                *([f"erased by {rule}", count] for rule, count in found["expired"].items()),
            ],
        )
    )
    click.echo(
        "\nMarts\n"
        + table(
            ["mart", "table", "rows"],
            [
                [purpose, name, count]
                for purpose, tables in found["marts"].items()
                for name, count in tables.items()
            ],
        )
    )
    click.echo(f"\n{seconds:.1f} s")
