"""`register withdraw`: records the withdrawal of a consent, at once in the marts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, unseen
from schemas.vocabulary import CHANNELS, REGISTRANT_PURPOSES

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot


@click.command()
@click.argument("identifier", required=False)
@click.option(
    "--purpose",
    type=click.Choice(REGISTRANT_PURPOSES),
    required=True,
    help="What the consent was for.",
)
@click.option("--channel", type=click.Choice(CHANNELS), default="all", show_default=True)
@click.option("--identity-code", help="Finnish identity code.")
@click.option("--customer-number")
@click.option("--contact-id", help="The CRM's number of the contact.")
@click.option("--email", help="Concerns every registrant with this address.")
@click.option("--phone", help="Likewise.")
@MACHINE
def withdraw(
    identifier: str | None, purpose: str, channel: str, machine: bool, **given: str | None
) -> None:
    """Record that a registrant withdraws a consent, and refresh, so that the marts follow now.

    IDENTIFIER is any of the identifiers below, or a registrant's id; `-` prompts for it, so that it
    is not in the shell's history.
    """
    from assets.requests import ledger
    from assets.rights import withdrawal
    from pipelines.cli.refresh import run_refresh

    data_root = existing_data_root()
    data_root.create()
    try:
        meant = _meant(data_root, {"identifier": identifier, **given})
        now = datetime.now(data_root.policy.zone)
        digest = withdrawal.deliver(data_root, meant, purpose, channel, now)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    # Other deliveries of the day may be refused, which does not affect the withdrawal.
    run_refresh(data_root, now.date(), {str(now.date())})
    if not withdrawal.taken_in(data_root, digest):
        raise CommandError(
            "the withdrawal was not taken in; the identifier may be one of somebody who has "
            "been erased, or the inbox folder is not readable"
        )
    concerned = withdrawal.concerned(data_root, digest)
    if machine:
        as_json({"purpose": purpose, "channel": channel, "registrants": concerned})
    else:
        click.echo(
            f"Withdrawn: {purpose}, channel {channel}. It concerns {concerned} registrants of "
            "the register; the marts are without them now."
        )


def _meant(data_root: DataRoot, given: dict[str, str | None]) -> str:
    """Return the identifier that was given, in canonical form.

    Raises:
        RequestError: None or several were given.
    """
    from assets.requests import ledger
    from assets.rights import withdrawal
    from assets.rights.lookup import canonical

    asked = {
        name: unseen(name.replace("_", " ")) if value == "-" else value
        for name, value in given.items()
        if value
    }
    if len(asked) != 1:
        raise ledger.RequestError(
            "give one identifier: the value itself, or an option such as --email or "
            "--customer-number"
        )
    name, value = next(iter(asked.items()))
    if name != "identifier":
        return canonical(data_root, {name: value})[0]
    kind, colon, rest = value.partition(":")
    return (
        canonical(data_root, {kind: rest})[0]
        if colon and kind in withdrawal.KEYS
        else withdrawal.recognise(data_root, value)
    )
