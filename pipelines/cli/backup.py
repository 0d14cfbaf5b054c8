"""`register backup` and `register restore`: sealed generations, and the way back without those who have been erased since."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY
from pipelines.cli.output import as_json, table

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
    help="Destroy what is older than the policy's period for backups; make one only if none is left.",
)
@click.option("--list", "only_list", is_flag=True, help="Show the generations; make none.")
@click.option("--destroy", "generation", help="Destroy this generation and its key; make none.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def backup(
    folder: Path | None,
    number: int | None,
    only_rotate: bool,
    only_list: bool,
    generation: str | None,
    machine: bool,
) -> None:
    """Back up lake, requests and pepper as a new generation, sealed with a key of its own in secrets/backup-keys/.

    Then those that are older than the policy's period for backups are destroyed. Keep the keys apart from the backups: a
    generation whose key is gone can never be opened again.
    """
    from assets.backup import generations, rotation
    from assets.storage import backup_generations
    from pipelines.writer_lock import writer

    if only_list + only_rotate + bool(generation) + bool(number) > 1:
        raise click.UsageError("--list, --rotate, --destroy and --keep do not go together")
    home = existing_home()
    home.create()
    made, destroyed = None, []
    try:
        if generation:
            generations.destroy(home, folder, generation)
            destroyed = [generation]
        elif not only_list:
            with writer(home):
                now = datetime.now(home.policy.zone)
                made = None if only_rotate else generations.make(home, folder, now).name
                done = rotation.rotate(home, folder, now)
                made = made or done.made
                destroyed = [
                    *done.destroyed,
                    *(generations.keep_newest(home, folder, number) if number else []),
                ]
    except backup_generations.BackupError as error:
        raise CommandError(str(error)) from None
    there = backup_generations.every(home, folder)
    if machine:
        as_json(
            {
                "made": made,
                "destroyed": destroyed,
                "generations": [
                    {**vars(one), "goes_on": backup_generations.expires_on(home, one.name)}
                    for one in there
                ],
            }
        )
        return
    rows = [
        [
            one.name,
            one.bytes,
            "yes" if one.has_file else "no",
            "yes" if one.has_key else "no",
            backup_generations.expires_on(home, one.name) or "-",
        ]
        for one in there
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
@click.option("--json", "machine", is_flag=True, help="For machines.")
def restore(generation: str, folder: Path | None, as_of: datetime | None, machine: bool) -> None:
    """Restore a generation, in place of what is there or into an empty data root, without anyone who has been erased since.

    The key must be in secrets/backup-keys/. What is there is only touched when the restored state is whole and proven.
    """
    from assets.backup.restoring import restore as put_back
    from assets.storage.data_root import Home
    from pipelines.writer_lock import home_path, writer

    home = Home(home_path())
    home.create()
    today = as_of.date() if as_of else datetime.now(home.policy.zone).date()
    with writer(home):
        done = put_back(home, folder, generation, today)
    if machine:
        as_json(vars(done))
    else:
        click.echo(
            table(["source", "rows removed again"], sorted(done.removed.items()))
            if done.removed
            else "Nobody who has been erased was in it."
        )
        click.echo(
            f"Restored {generation}: {done.registrants} registrants. Run `register refresh` to take in what has been delivered since."
        )
