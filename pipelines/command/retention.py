"""`register retention`: what is past its time on a day; and removing it."""

from __future__ import annotations

from datetime import datetime

import click

from assets.home import Home
from assets.register.building import decide
from pipelines.command.showing import as_json, table
from pipelines.resources import home_path, writer


@click.command()
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day that periods are counted to.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def retention(as_of: datetime, dry_run: bool, machine: bool) -> None:
    """Remove what is past its time on a day, from every layer, through Dagster; or say what would go."""
    home = Home(home_path())
    home.create()
    if dry_run:
        found = decide(home, as_of.date())
    else:
        from pipelines.command.refresh import dagster, execute

        with writer(home):
            found = decide(home, as_of.date())
            instance, job = dagster()
            execute(job("retention"), instance, as_of.date(), {})
    if machine:
        as_json(found)
    else:
        click.echo(table(["rule", "would go" if dry_run else "gone"], [[rule, count] for rule, count in found.items()]))
