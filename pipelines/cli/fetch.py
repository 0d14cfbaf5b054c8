"""`register fetch`: what vendors' servers have, into the inbox."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import click

from assets.storage.safe_errors import describe, interruption
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table


@click.command()
@click.argument("name", required=False)
@click.option(
    "--since",
    type=DAY,
    help="Fetch from this day on, and not from where the last fetch was.",
)
@MACHINE
def fetch(name: str | None, since: datetime | None, *, machine: bool) -> None:
    """Fetch what is new at the server of connector NAME, or at all, into the inbox.

    Connectors are those of `connectors.yaml`. Nothing new is a normal outcome. One that fails does
    not keep the others from fetching.
    """
    from assets.connectors.connector import Fetching
    from assets.storage.data_root import DataRoot
    from pipelines.connectors import configured
    from pipelines.writer_lock import data_root_path, writer

    connectors = configured()
    if name is not None and name not in connectors:
        known = ", ".join(connectors) or "none"
        raise CommandError(f"connectors.yaml has no such connector; configured: {known}")
    data_root = DataRoot(data_root_path())
    data_root.create()
    fetching = Fetching(data_root, lambda: writer(data_root), since=since.date() if since else None)
    done, failed = {}, []
    for each, connector in connectors.items():
        if name in (None, each):
            try:
                done[each] = asdict(connector.fetch(each, fetching))
            except Exception as error:
                if interruption(error):
                    raise
                failed.append(f"{each}: {describe(error)}")
    if machine:
        as_json({"fetched": done, "failed": failed})
    elif done:
        header = ["connector", *next(iter(done.values()))]
        click.echo(table(header, [[each, *counts.values()] for each, counts in done.items()]))
    elif not failed:
        click.echo("no connectors are configured: docs/operators-guide.md#connectors")
    if failed:
        raise CommandError("; ".join(failed))
