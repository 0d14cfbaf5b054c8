"""`register repair`: what is lost or damaged, and how it is put right; only with --yes it is."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assets.storage.safe_errors import PlainError
from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    from assets.backup.repairing import Step
    from assets.storage.data_root import DataRoot


@click.command()
@click.option("--yes", "write", is_flag=True, help="Put it right; otherwise it is only listed.")
@click.option(
    "--from",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of backups; default: backups/ in the data root.",
)
@click.option(
    "--accept-suppressions",
    "place",
    metavar="GENERATION",
    help="Go on with the older suppression list of this backup, or the one that lies `here`.",
)
@click.option(
    "--accept-losses",
    "copies",
    metavar="GENERATION",
    help="Go on with this backup's older copies of files that remember, or with `none`.",
)
@click.option("--by", metavar="NAME", help="Who has decided that; it is recorded.")
@click.option("--why", metavar="TEXT", help="For what reason; it is recorded.")
@MACHINE
def repair(
    write: bool,
    folder: Path | None,
    place: str | None,
    copies: str | None,
    by: str | None,
    why: str | None,
    machine: bool,
) -> None:
    """List what is lost or damaged and from what it can be made again; with --yes, do it.

    Staged is made again from raw, register and marts from staged. What cannot be made again comes
    back from the newest backup that has it exactly as recorded. In a data root from before files
    were recorded, --yes also records them.

    Where no backup has the recorded suppression list, --accept-suppressions goes on with an older
    one: erasures since then that it does not have are forgotten, so --by and --why are needed.
    Where none has a recorded file that remembers what staged has not (counts of deleted visits,
    proofs of consent, first records), nothing is built until --accept-losses goes on with an older
    copy, or with none.
    """
    from assets.backup import accepted_losses, repairing
    from assets.backup.damage import examine
    from pipelines.writer_lock import check_suppressions, writer

    data_root = existing_data_root()
    decided = [option for option in (place, copies) if option]
    if len(decided) > 1 or {bool(decided)} != {bool(by), bool(why)}:
        raise click.UsageError(
            "--accept-suppressions or --accept-losses, --by and --why go together"
        )
    if place and by and why:
        _accept(data_root, folder, place, by, why, machine=machine)
        return
    with writer(data_root, checked=False):
        as_of = _last_build(data_root)
        steps = repairing.plan(data_root, examine(data_root).damages, folder)
        recorded = 0
        if copies and by and why:
            now = datetime.now(data_root.policy.zone)
            accepted_losses.accept(data_root, folder, steps, copies, by, why, now)
            steps = repairing.plan(data_root, examine(data_root).damages, folder)
            write = True
        if write:
            build_again = repairing.carry_out(data_root, steps, folder)
            check_suppressions(data_root)
            recorded = 0 if data_root.is_recorded else repairing.record_all(data_root)
            if build_again:
                _build(data_root, as_of)
        left = examine(data_root).damages if write else [step.damage for step in steps]
    _print(data_root, steps, recorded, machine=machine)
    if not left:
        return
    if not machine:
        for loss in accepted_losses.losses(data_root, folder, steps):
            click.echo(str(loss))
    if any(step.damage.code == "CERT-SUPPRESSION" and not step.is_possible for step in steps):
        from assets.backup import older_suppressions

        older = older_suppressions.newest(data_root, folder)
        click.echo(f"No backup has the recorded suppression list; {older or 'nor an older one'}.")
    if write:
        raise CommandError(
            f"{len(left)} files are still lost or damaged, first {left[0].code} {left[0].path}: no "
            "backup in the folder has them as recorded"
        )
    possible = sum(step.is_possible for step in steps)
    raise CommandError(
        f"{len(left)} files are lost or damaged; `register repair --yes` puts {possible} right"
    )


def _accept(
    data_root: DataRoot, folder: Path | None, place: str, by: str, why: str, *, machine: bool
) -> None:
    """Go on with an older suppression list, unless the recorded one is there or in a backup."""
    from assets.backup import older_suppressions
    from assets.backup.suppression_copies import restore_lost
    from assets.storage.suppression_state import LIST_PATH
    from pipelines.writer_lock import check_suppressions, writer

    with writer(data_root, checked=False):
        try:
            check_suppressions(data_root)
        except PlainError:
            if generation := restore_lost(data_root, folder, write=False).get(LIST_PATH):
                raise CommandError(
                    f"backup {generation} has the recorded list: `register repair --yes`"
                ) from None
        else:
            raise CommandError("the suppression list is the recorded one: nothing to accept")
        now = datetime.now(data_root.policy.zone)
        listed, again = older_suppressions.accept(data_root, folder, place, by, why, now)
        check_suppressions(data_root)
    if machine:
        as_json({**vars(listed), "made_again": again})
        return
    click.echo(
        f"The list has {listed.rows} hashes now ({again} were made again); "
        f"{sum(listed.lost.values())} of {len(listed.lost)} erasures are lost. Erase these again "
        "when their people come back: " + (", ".join(listed.lost) or "nobody")
    )


def _last_build(data_root: DataRoot) -> date:
    """Return the day as of which the register was built last, so that it is the same again."""
    from assets.register import build_state
    from assets.storage.recorded_files import DamagedFileError

    today = datetime.now(data_root.policy.zone).date()
    try:
        return date.fromisoformat(build_state.read(data_root).get("as_of", str(today)))
    except DamagedFileError:
        return today


def _build(data_root: DataRoot, as_of: date) -> None:
    from pipelines.cli.refresh import dagster, execute

    instance, job = dagster()
    execute(job("retention"), instance, as_of, {})


def _print(data_root: DataRoot, steps: list[Step], recorded: int, *, machine: bool) -> None:
    if machine:
        as_json(
            {
                "steps": [
                    {
                        **vars(step.damage),
                        "action": step.action,
                        "generation": step.generation,
                        "remembers": step.loss.remembers if step.loss else "",
                    }
                    for step in steps
                ],
                "recorded": recorded,
            }
        )
        return
    if steps:
        rows = [
            [step.damage.code, step.damage.path, step.action, step.generation or "-"]
            for step in steps
        ]
        click.echo(table(["rule", "file", "what is done", "from backup"], rows))
    elif data_root.is_recorded:
        click.echo("Nothing is lost or damaged.")
    if recorded:
        click.echo(f"Recorded {recorded} files that had no record yet.")
