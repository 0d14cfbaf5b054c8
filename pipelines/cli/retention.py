"""`register retention`: removes what is past its retention period on a day, or forecasts it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    from assets.retention import sweep
    from assets.storage.data_root import DataRoot
    from schemas.policy.model import Policy


@click.command(name="retention")
@click.option(
    "--as-of",
    type=DAY,
    help="The day that periods are counted to. Needed for a run; else the default is today.",
)
@click.option("--dry-run", is_flag=True, help="Only show what a run on that day would remove.")
@click.option(
    "--forecast",
    "ahead",
    is_flag=True,
    help="Show what will be removed in each of the next 24 months.",
)
@click.option(
    "--what-if",
    "supposed",
    multiple=True,
    metavar="CODE=PERIOD",
    help="Suppose another period, such as RET-VISITS-25M='13 months'; may be repeated.",
)
@MACHINE
def command(
    as_of: datetime | None, supposed: tuple[str, ...], *, dry_run: bool, ahead: bool, machine: bool
) -> None:
    """Remove what is past its retention period on a day from every layer, or show it."""
    from assets.retention import sweep
    from schemas.policy.enforceable import without_data
    from schemas.policy.loader import load_policy

    simulated = dry_run or ahead
    if supposed and not simulated:
        raise click.UsageError("--what-if changes nothing: use it with --dry-run or --forecast")
    if as_of is None and not simulated:
        raise click.UsageError(
            "--as-of is needed: what is past its time on that day is removed for good"
        )
    policy = _supposed(load_policy(), supposed)
    data_root = existing_data_root(policy)
    today = as_of.date() if as_of else datetime.now(policy.zone).date()
    if ahead:
        _forecast(data_root, today, machine=machine)
        return
    removals = sweep.simulate(data_root, today) if dry_run else _run(data_root, today)
    if machine:
        rows = [asdict(removal) for removal in removals]
        as_json(
            {
                "as_of": today,
                "dry_run": dry_run,
                "rules": sweep.per_rule(removals),
                "gone": rows,
                "no_data": without_data(policy),
            }
        )
        return
    lines = [
        [removal.rule, removal.category, removal.layer, removal.effect, removal.rows]
        for removal in removals
    ]
    click.echo(
        table(
            ["rule", "category", "layer", "effect", "would be removed" if dry_run else "removed"],
            lines,
        )
    )
    click.echo("no data of this kind: " + ", ".join(without_data(policy)))


def _run(data_root: DataRoot, today: date) -> list[sweep.Removal]:
    from assets.retention import sweep
    from pipelines.cli.refresh import dagster, execute
    from pipelines.writer_lock import writer

    with writer(data_root):
        instance, job = dagster()
        execute(job("retention"), instance, today, {})
        return sweep.last_sweep(data_root)


def _forecast(data_root: DataRoot, today: date, *, machine: bool) -> None:
    from assets.retention import forecast

    found = forecast.simulate(data_root, today)
    due = found.due
    if machine:
        as_json(forecast.as_data(today, found))
        return
    click.echo(table(["month", "will go", ""], [list(row) for row in forecast.bars(today, due)]))
    totals = {
        pair: sum(removal.rows for removal in due if (removal.rule, removal.category) == pair)
        for pair in sorted({(removal.rule, removal.category) for removal in due})
    }
    click.echo(
        "\n"
        + table(
            ["rule", "category", "in 24 months"],
            [[rule, category, rows] for (rule, category), rows in totals.items()],
        )
    )
    if found.on_hold:
        click.echo(
            "\n"
            + table(
                ["stays by a hold", "rule", "category", "rows"],
                [[entry.ground, entry.rule, entry.category, entry.rows] for entry in found.on_hold],
            )
        )


def _supposed(policy: Policy, supposed: tuple[str, ...]) -> Policy:
    from schemas.policy.what_if import SupposedError, supposing

    try:
        return supposing(policy, dict(_pair(text) for text in supposed)) if supposed else policy
    except SupposedError as refusal:
        raise CommandError(str(refusal)) from None


def _pair(text: str) -> tuple[str, str]:
    code, sign, period = text.partition("=")
    if not sign:
        raise click.UsageError(
            "--what-if is written CODE=PERIOD, such as RET-VISITS-25M='13 months'"
        )
    return code.strip(), period.strip()
