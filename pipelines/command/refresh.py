"""`register refresh`, the main job, headless through Dagster; and `register run`, which also fills an empty inbox."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import date, datetime
from typing import Any

import click

from assets import deliveries
from assets.home import Home
from assets.marts.building import mart_path, rows
from assets.register import remembered
from assets.register.building import STATE, up_to_date
from assets.sources import SOURCES
from pipelines.command.main import CommandError
from pipelines.command.showing import as_json, table
from pipelines.dagster_home import prepare_dagster
from pipelines.days import days_with_work, last_day, range_tags, ranges, unstaged_days, waiting_days
from pipelines.resources import HEADLESS, home_path, writer
from schemas.marts import MARTS

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--date", "day", type=DAY, help="Take in the deliveries of this day only.")
@click.option("--as-of", type=DAY, help="Count ages and periods from this day; default: today.")
@click.option(
    "--relink", is_flag=True, help="Compare every pair of records anew, and tell what that changed."
)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def refresh(day: datetime | None, as_of: datetime | None, *, relink: bool, machine: bool) -> None:
    """Take in what has been delivered, build the register, publish the marts."""
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
    type=int,
    default=2_000,
    show_default=True,
    help="How many people to invent when there is no data yet.",
)
@click.pass_context
def run(context: click.Context, registrants: int) -> None:
    """What `make run` does: write sample deliveries if there is nothing yet, refresh, say how to open the UI."""
    from pipelines.command.sample import sample

    home = Home(home_path())
    if not waiting_days(home) and not deliveries.book(home):
        context.invoke(
            sample, registrants=registrants, seed=1, days=3, last_day=None, machine=False
        )
    context.invoke(refresh, day=None, as_of=None, relink=False, machine=False)
    click.echo("\nThe marts are DuckDB files in " + str(home.marts) + "; the UI: make ui")


def run_refresh(home: Home, today: date, only: set[str] | None) -> list[tuple[str, str]] | None:
    """Run the jobs that are needed until nothing is left to do; answers the refusals, or None when there was nothing new."""
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
    remembered.forget(home)
    (home.lake / "register" / STATE).unlink(missing_ok=True)


def _days_with_work(home: Home, only: set[str] | None) -> set[str]:
    days = days_with_work(home)
    return days if only is None else days & (only | unstaged_days(home))


def _refusals(home: Home) -> list[tuple[str, str]]:
    return deliveries.refusals(home, [source.name for source in SOURCES], last_day(home))


def dagster() -> tuple[Any, Any]:
    """The data root's Dagster instance, and how to get a job by name. Only while the writer's lock is held."""
    import warnings

    prepare_dagster()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg

        from pipelines.definitions import defs

        return dg.DagsterInstance.get(), defs.resolve_job_def


def execute(job: Any, instance: Any, today: date, tags: dict[str, str]) -> None:
    """Run one job in this process; raises CommandError naming the step and the kind of error when it fails."""
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
        failed = [event for event in result.all_events if event.is_step_failure]
        told = failed[0].step_failure_data.user_failure_data if failed else None
        why = (
            told.description
            if told
            else "it did not get to its end; another run may hold the data root, or a blocking check did not pass"
        )
        raise CommandError(
            f"{job.name} failed in {failed[0].step_key if failed else 'a check'}: {why} (run {result.run_id[:8]})"
        )


def summary(home: Home) -> dict[str, Any]:
    """What the register holds and how it came about, by count."""
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
