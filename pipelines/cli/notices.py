"""`register notices`: what recipients were told of erasure, rectification and restriction, until they acknowledge (GDPR 19)."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    from assets.storage.data_root import Home


@click.group("notices")
def notices_command() -> None:
    """Notices to recipients that a registrant's data was erased, rectified or restricted."""


def _now(home: Home) -> datetime:
    return datetime.now(home.policy.zone)


@notices_command.command("list")
@click.option("--open", "only_open", is_flag=True, help="Without those that are acknowledged.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def list_notices(only_open: bool, machine: bool) -> None:
    """All notices that went out; those past their day are written again first."""
    from assets.requests import notice_ledger
    from assets.rights import recipient_notices

    home = existing_home()
    recipient_notices.retry(home, _now(home))
    found = [
        one for one in notice_ledger.every(home) if not only_open or one.state != "acknowledged"
    ]
    if machine:
        as_json([asdict(one) for one in found])
        return
    rows = [
        [
            one.notice_id,
            one.recipient,
            one.right,
            one.state,
            one.due_on,
            one.attempts,
            "" if one.mechanism_holds else "no",
        ]
        for one in found
    ]
    click.echo(
        table(
            ["notice", "recipient", "right", "state", "due", "attempts", "may be sent there"], rows
        )
    )


@notices_command.command("open")
@click.argument("notice_id")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; else it is printed.",
)
def open_notice(notice_id: str, out: Path | None) -> None:
    """The notice in clear, to hand over to the recipient: the keys of the rows that they have, and what is asked of them."""
    from assets.rights import recipient_notices
    from assets.rights.recipient_notices import NoticeError
    from assets.storage.atomic_files import write_all

    try:
        said = json.dumps(
            recipient_notices.opened(existing_home(), notice_id), indent=1, sort_keys=True
        )
    except NoticeError as error:
        raise CommandError(str(error)) from None
    if out:
        write_all({out.absolute(): said.encode()})
    else:
        click.echo(said)


@notices_command.command("acknowledge")
@click.argument("notice_ids", nargs=-1, required=True)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def acknowledge(notice_ids: tuple[str, ...], machine: bool) -> None:
    """Note that the recipient has acknowledged, and destroy what the notice said."""
    from assets.rights import recipient_notices
    from assets.rights.recipient_notices import NoticeError

    home = existing_home()
    try:
        done = [
            recipient_notices.acknowledge(home, notice_id, _now(home)) for notice_id in notice_ids
        ]
    except NoticeError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json([asdict(one) for one in done])
    else:
        click.echo(
            "\n".join(f"{one.notice_id}: acknowledged on {one.acknowledged_on}" for one in done)
        )
