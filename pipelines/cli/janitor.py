"""`register janitor`: Dagster's own storage, cleaned by age."""

from __future__ import annotations

from datetime import datetime

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table


@click.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(min=0),
    help="Remove what is older than so many days; default: 90.",
)
@click.option("--as-of", type=DAY, help="Count from this day; default: today.")
@MACHINE
def janitor(days: int | None, as_of: datetime | None, machine: bool) -> None:
    """Remove old runs, events, ticks, backfills, logs and request keys from Dagster's storage.

    Its files are vacuumed afterwards.
    """
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    data_root.create()
    today = as_of.date() if as_of else datetime.now(data_root.policy.zone).date()
    from pipelines.cli.refresh import dagster

    with writer(data_root):
        instance, _ = dagster(recorded=True)
        from pipelines.janitor import KEPT_DAYS, clean

        done = clean(data_root, instance, today, KEPT_DAYS if days is None else days)
    as_json(dict(done)) if machine else click.echo(table(["what", "number"], sorted(done.items())))
