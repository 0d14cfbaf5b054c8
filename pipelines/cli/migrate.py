"""`register migrate`: an older data root is brought to the layout of this version."""

from __future__ import annotations

import click

from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json


@click.command()
@click.option("--yes", "write", is_flag=True, help="Do it; without, only what would be done.")
@MACHINE
def migrate(write: bool, machine: bool) -> None:
    """Bring a data root from an older version to the layout of this one.

    Lists the steps; --yes carries them out. Make a backup first.
    """
    from assets.backup import migrating
    from assets.storage import layout
    from assets.storage.data_root import DataRoot
    from pipelines.writer_lock import data_root_path, writer

    data_root = DataRoot(data_root_path())
    if not data_root.lake.is_dir():
        raise CommandError(f"no data root at {data_root.root}: set REGISTER_HOME")
    present = layout.version(data_root.lake)
    steps = migrating.plan(data_root)
    done = []
    if write and steps:
        with writer(data_root, checked=False, migrating=True):
            done = migrating.migrate(data_root)
    if machine:
        as_json(
            {
                "layout": layout.version(data_root.lake),
                "steps": [step.what for step in steps],
                "files": sum(count for _, count in done),
            }
        )
        return
    click.echo(f"layout {present} of {layout.CURRENT}")
    for step in steps:
        click.echo(f"  {step.what}")
    for step, count in done:
        click.echo(f"done: {step.what} ({count:,} files)")
    if steps and not write:
        click.echo("`register migrate --yes` does it")
