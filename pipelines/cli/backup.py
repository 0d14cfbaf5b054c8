"""`register backup` and `register restore`: encrypted generations, restored without the erased."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.hold import without_keys
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    pass

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--to", "folder", type=FOLDER, help="Folder of backups; default: backups/ in the data root."
)
@click.option(
    "--keep",
    "number",
    type=click.IntRange(min=1),
    help="Destroy all but the newest so many generations afterwards.",
)
@click.option(
    "--rotate",
    "only_rotate",
    is_flag=True,
    help=(
        "Destroy what is older than the policy's period for backups; make one only if none is left."
    ),
)
@click.option("--list", "only_list", is_flag=True, help="Show the generations; make none.")
@click.option("--destroy", "generation", help="Destroy this generation and its key; make none.")
@MACHINE
def backup(
    folder: Path | None,
    number: int | None,
    only_rotate: bool,
    only_list: bool,
    generation: str | None,
    machine: bool,
) -> None:
    """Back up lake, requests and pepper as a new generation, encrypted with its own key.

    The key is in secrets/backup-keys/. Then generations that are older than the policy's period for
    backups are destroyed. Keep the keys apart from the backups: a generation without its key
    can never be decrypted again.
    """
    from assets.backup import generations, rotation
    from assets.storage import backup_generations
    from pipelines.writer_lock import writer

    if only_list + only_rotate + bool(generation) + bool(number) > 1:
        raise click.UsageError("--list, --rotate, --destroy and --keep do not go together")
    data_root = existing_data_root()
    data_root.create()
    made, destroyed = None, []
    try:
        if generation:
            generations.destroy(data_root, folder, generation)
            destroyed = [generation]
        elif not only_list:
            with writer(data_root):
                now = datetime.now(data_root.policy.zone)
                made = None if only_rotate else generations.make(data_root, folder, now).name
                done = rotation.rotate(data_root, folder, now)
                made = made or done.made
                destroyed = [
                    *done.destroyed,
                    *(generations.keep_newest(data_root, folder, number) if number else []),
                ]
    except backup_generations.BackupError as error:
        raise CommandError(str(error)) from None
    existing = backup_generations.every(data_root, folder)
    if machine:
        as_json(
            {
                "made": made,
                "destroyed": destroyed,
                "generations": [
                    {**vars(kept), "goes_on": backup_generations.expires_on(data_root, kept.name)}
                    for kept in existing
                ],
            }
        )
        return
    rows = [
        [
            kept.name,
            kept.bytes,
            "yes" if kept.has_file else "no",
            "yes" if kept.has_key else "no",
            backup_generations.expires_on(data_root, kept.name) or "-",
        ]
        for kept in existing
    ]
    click.echo(
        table(["generation", "bytes", "file", "key", "destroyed on"], rows)
        if rows
        else "There is no backup."
    )
    for name in destroyed:
        click.echo(f"Destroyed: {name}")


@click.command()
@click.argument("generation")
@click.option(
    "--from", "folder", type=FOLDER, help="Folder of backups; default: backups/ in the data root."
)
@click.option(
    "--as-of",
    type=DAY,
    help="Build register and marts as of this day; default: today.",
)
@MACHINE
def restore(generation: str, folder: Path | None, as_of: datetime | None, machine: bool) -> None:
    """Restore a generation without the registrants who have been erased since.

    Its key must be in secrets/backup-keys/. The data root may be empty; existing data is replaced
    only when the restored state is complete and proven.
    """
    from assets.backup.restoring import restore as put_back
    from assets.storage.data_root import DataRoot
    from pipelines.writer_lock import data_root_path, writer

    data_root = DataRoot(data_root_path())
    data_root.create()
    today = as_of.date() if as_of else datetime.now(data_root.policy.zone).date()
    with writer(data_root, checked=False):
        done = put_back(data_root, folder, generation, today)
    if machine:
        as_json(vars(done))
    else:
        click.echo(
            table(["source", "rows removed again"], sorted(done.removed.items()))
            if done.removed
            else "Nobody who has been erased was in it."
        )
        click.echo(
            f"Restored {generation}: {done.registrants} registrants. Run `register refresh` "
            "to take in what has been delivered since."
        )
        if done.unreadable:
            click.echo(without_keys(done.unreadable))
