"""`register recipient-notices`: notices to recipients until they acknowledge (GDPR 19)."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot


@click.group("recipient-notices")
def recipient_notices_command() -> None:
    """Notices to recipients that a registrant's data was erased, rectified or restricted."""


def _now(data_root: DataRoot) -> datetime:
    return datetime.now(data_root.policy.zone)


@recipient_notices_command.command("list")
@click.option("--open", "only_open", is_flag=True, help="Without those that are acknowledged.")
@MACHINE
def list_notices(only_open: bool, machine: bool) -> None:
    """List the notices that were sent; overdue ones are written again first."""
    from assets.requests import notice_ledger
    from assets.rights import recipient_notices

    data_root = existing_data_root()
    recipient_notices.retry(data_root, _now(data_root))
    notices = [
        notice
        for notice in notice_ledger.every(data_root)
        if not only_open or notice.state != "acknowledged"
    ]
    if machine:
        as_json([asdict(notice) for notice in notices])
        return
    rows = [
        [
            notice.notice_id,
            notice.recipient,
            notice.right,
            notice.state,
            notice.due_on,
            notice.attempts,
            "" if notice.mechanism_holds else "no",
        ]
        for notice in notices
    ]
    click.echo(
        table(
            ["notice", "recipient", "right", "state", "due", "attempts", "may be sent there"], rows
        )
    )


@recipient_notices_command.command("open")
@click.argument("notice_id")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; else it is printed.",
)
def open_notice(notice_id: str, out: Path | None) -> None:
    """Print the decrypted notice for the recipient: the keys of their rows, and what to do."""
    from assets.rights import recipient_notices
    from assets.rights.recipient_notices import NoticeError
    from assets.storage.atomic_files import write_all

    try:
        text = json.dumps(
            recipient_notices.opened(existing_data_root(), notice_id), indent=1, sort_keys=True
        )
    except NoticeError as error:
        raise CommandError(str(error)) from None
    if out:
        write_all({out.absolute(): text.encode()})
    else:
        click.echo(text)


@recipient_notices_command.command("acknowledge")
@click.argument("notice_ids", nargs=-1, required=True)
@MACHINE
def acknowledge(notice_ids: tuple[str, ...], machine: bool) -> None:
    """Record that the recipient has acknowledged, and destroy the content of the notice."""
    from assets.rights import recipient_notices
    from assets.rights.recipient_notices import NoticeError

    data_root = existing_data_root()
    try:
        done = [
            recipient_notices.acknowledge(data_root, notice_id, _now(data_root))
            for notice_id in notice_ids
        ]
    except NoticeError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json([asdict(notice) for notice in done])
    else:
        click.echo(
            "\n".join(
                f"{notice.notice_id}: acknowledged on {notice.acknowledged_on}" for notice in done
            )
        )
