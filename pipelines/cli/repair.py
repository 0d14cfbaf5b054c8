"""`register repair`: what is lost or damaged, and how it is put right; only with --yes it is."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table


@click.command()
@click.option("--yes", "write", is_flag=True, help="Put it right; otherwise it is only listed.")
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of backups; default: backups/ in the data root.",
)
@MACHINE
def repair(write: bool, folder: Path | None, machine: bool) -> None:
    """List what is lost or damaged and from what it can be put right, and put it right with --yes.

    Pepper and suppression list come back from the newest backup that has them exactly as recorded.
    """
    from assets.backup.suppression_copies import restore_lost
    from pipelines.writer_lock import check_suppressions, writer

    data_root = existing_data_root()
    with writer(data_root, checked=False):
        copies = restore_lost(data_root, folder, write=write)
    rows = [[path, f"backup {generation}"] for path, generation in sorted(copies.items())]
    if machine:
        as_json({"written": write, "files": dict(sorted(copies.items()))})
    elif rows:
        click.echo(table(["file", "put back from"], rows))
    if write or not copies:
        check_suppressions(data_root)
        return
    raise CommandError(f"{len(rows)} files are to be put back: `register repair --yes`")
