"""`register sql`: a read-only query of a published mart."""

from __future__ import annotations

import sys

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table
from schemas.vocabulary import PURPOSES


@click.command()
@click.argument("mart", type=click.Choice(PURPOSES))
@click.argument("query", required=False)
@MACHINE
def sql(mart: str, query: str | None, machine: bool) -> None:
    """Open a mart read-only and run QUERY; without one, read it from standard input, or list the
    tables.
    """
    import duckdb

    from assets.marts.building import mart_path
    from assets.storage.mart_encryption import opened
    from assets.storage.recorded_files import check

    data_root = existing_data_root()
    path = mart_path(data_root, mart)
    if not path.exists():
        raise CommandError(f"the mart {mart} has not been published yet; run `register refresh`")
    check(path, once=True)
    text = query or ("" if sys.stdin.isatty() else sys.stdin.read()).strip() or "SHOW TABLES"
    with opened(data_root, path) as connection:
        try:
            connection.execute("SET enable_external_access = false")
            connection.execute("SET TimeZone = 'UTC'")
            result = connection.execute(text)
        except duckdb.Error as error:
            raise CommandError(str(error).splitlines()[0]) from None
        names = [column[0] for column in result.description or []]
        rows = result.fetchall()
    if machine:
        as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        click.echo(table(names, [list(row) for row in rows]))
