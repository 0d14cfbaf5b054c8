"""`register retention`: what is past its time on a day; and removing it."""

from __future__ import annotations

from datetime import datetime

import click

from assets.home import Home
from assets.register.building import decide
from pipelines.command.main import prepare_dagster
from pipelines.command.showing import as_json, table
from pipelines.resources import home_path


@click.command()
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day that periods are counted to.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def retention(as_of: datetime, dry_run: bool, machine: bool) -> None:
    """Remove what is past its time on a day, from every layer, through Dagster; or say what would go."""
    home = Home(home_path())
    home.create()
    found = decide(home, as_of.date())
    if not dry_run:
        from pipelines.command.refresh import _dagster, _execute

        prepare_dagster()
        instance, job = _dagster()
        _execute(job("retention"), instance, as_of.date(), {})
    if machine:
        as_json(found)
    else:
        click.echo(table(["rule", "would go" if dry_run else "gone"], [[rule, count] for rule, count in found.items()]))
