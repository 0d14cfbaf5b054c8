"""`register hold`: keeps a registrant's data past its time, and makes erasure wait, on a ground."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table, unseen
from schemas.holds import BY_COMMAND, GROUNDS
from schemas.requests import IDENTIFIERS


@click.group()
def hold() -> None:
    """Keep a registrant's data past its time, on a ground, until a day or a command.

    Open requests, restrictions and objections being weighed hold by themselves.
    """


@hold.command("add")
@click.argument("registrant_id", required=False, default="")
@click.option(
    "--ground",
    type=click.Choice(BY_COMMAND),
    required=True,
    help="; ".join(f"{code}: {GROUNDS[code].meaning}" for code in BY_COMMAND),
)
@click.option(
    "--owner", required=True, help="Who answers for it: a role or a case number, no registrant."
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    help="A category of the policy that it covers; may be repeated. Default: all.",
)
@click.option("--until", type=DAY, help="The day on which it ends; default: until `hold end`.")
@MACHINE
def add(
    registrant_id: str,
    ground: str,
    owner: str,
    categories: tuple[str, ...],
    until: datetime | None,
    machine: bool,
    **given: str | None,
) -> None:
    """Hold the data of REGISTRANT_ID, or of the one known by the identifiers; prints the hold's id.

    `-` prompts for an identifier, so that it is not in the shell's history.
    """
    from assets.requests import holds
    from assets.requests.ledger import RequestError
    from assets.rights import holding, lookup
    from assets.storage.actor import operating_system_user

    if bool(registrant_id) == any(given.values()):
        raise click.UsageError("give a REGISTRANT_ID, or identifiers such as --customer-number")
    data_root = existing_data_root()
    named = {
        kind: unseen(kind.replace("_", " ")) if value == "-" else value
        for kind, value in given.items()
        if value
    }
    try:
        identifiers = holding.identifiers_of(
            data_root, registrant_id, lookup.canonical(data_root, named)
        )
        hold_id = holds.add(
            data_root,
            identifiers,
            ground,
            owner,
            operating_system_user(),
            datetime.now(data_root.policy.zone),
            categories,
            until.date() if until else None,
        )
    except (holds.HoldError, RequestError) as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"hold_id": hold_id, "identifiers": len(identifiers)})
    else:
        click.echo(hold_id)


for _kind in IDENTIFIERS:
    add = click.option(f"--{_kind.replace('_', '-')}", help="Of the registrant.")(add)


@hold.command("list")
@click.option("--in-force", "only", is_flag=True, help="Without those that have ended.")
@MACHINE
def list_holds(only: bool, machine: bool) -> None:
    """List the holds, and the open requests that hold by themselves: ids, codes and days."""
    from assets.rights import holding

    data_root = existing_data_root()
    today = datetime.now(data_root.policy.zone).date()
    rows: list[dict[str, Any]] = [
        row for row in holding.listed(data_root, today) if row["in_force"] or not only
    ]
    if machine:
        as_json(rows)
        return
    columns = ("hold_id", "ground", "owner", "categories", "until", "ended_at", "ended_by")
    click.echo(
        table(
            columns,
            [
                [
                    ", ".join(row["categories"]) or "all"
                    if column == "categories"
                    else row.get(column) or ""
                    for column in columns
                ]
                for row in rows
            ],
        )
    )
    if unreadable := [str(row["hold_id"]) for row in rows if not row["readable"]]:
        click.echo(without_keys(unreadable))


def without_keys(names: Sequence[str]) -> str:
    """Return what is to be done about holds and open requests of which the key is missing."""
    return (
        f"The keys of {', '.join(names)} are not in secrets/request-keys: nobody can tell whose "
        "data they keep, so everybody's stays past its time. Bring the keys back. Else end the "
        "holds (`register hold end`) and close the requests (`register request close`), and add "
        "or receive again, as the documents say, those that still apply."
    )


@hold.command("end")
@click.argument("hold_id")
@MACHINE
def end(hold_id: str, machine: bool) -> None:
    """End a hold now. What was due goes with the next refresh; who ended it stays on record."""
    from assets.requests import holds
    from assets.storage.actor import operating_system_user

    data_root = existing_data_root()
    try:
        ended = holds.end(
            data_root, hold_id, operating_system_user(), datetime.now(data_root.policy.zone)
        )
    except holds.HoldError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"hold_id": ended.hold_id, "ended_at": ended.ended_at, "ended_by": ended.ended_by})
    else:
        click.echo(f"{ended.hold_id} has ended.")
