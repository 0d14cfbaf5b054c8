"""`register withdraw`: a registrant takes a consent back, and the marts lose them at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.output import as_json, unseen
from schemas.vocabulary import CHANNELS, REGISTRANT_PURPOSES

if TYPE_CHECKING:
    from assets.storage.data_root import Home


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
@click.option("--email", help="Concerns everyone whom it reaches.")
@click.option("--phone", help="Likewise.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def withdraw(
    identifier: str | None, purpose: str, channel: str, machine: bool, **given: str | None
) -> None:
    """Record that a registrant takes a consent back, and refresh, so that the marts lose them now.

    IDENTIFIER is any of the identifiers below, or a registrant's id; `-` asks for it at the terminal, so that it stays out
    of the shell's history.
    """
    from assets.requests import ledger
    from assets.rights import withdrawal
    from pipelines.cli.refresh import run_refresh

    home = existing_home()
    home.create()
    try:
        meant = _meant(home, {"identifier": identifier, **given})
        now = datetime.now(home.policy.zone)
        digest = withdrawal.deliver(home, meant, purpose, channel, now)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    # What else waits for the day may be refused; that says nothing of the withdrawal.
    run_refresh(home, now.date(), {str(now.date())})
    if not withdrawal.taken_in(home, digest):
        raise CommandError(
            "the withdrawal was not taken in; the identifier may be one of somebody who has been erased, or the inbox folder is not readable"
        )
    concerned = withdrawal.concerned(home, digest)
    if machine:
        as_json({"purpose": purpose, "channel": channel, "registrants": concerned})
    else:
        click.echo(
            f"Withdrawn: {purpose}, channel {channel}. It concerns {concerned} registrants of the register; the marts are without them now."
        )


def _meant(home: Home, given: dict[str, str | None]) -> str:
    """The one identifier that was given, as the register writes it; raises RequestError when it is none or several."""
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
            "give one identifier: the value itself, or an option such as --email or --customer-number"
        )
    name, value = next(iter(asked.items()))
    if name != "identifier":
        return canonical(home, {name: value})[0]
    kind, colon, rest = value.partition(":")
    return (
        canonical(home, {kind: rest})[0]
        if colon and kind in withdrawal.KEYS
        else withdrawal.recognise(home, value)
    )
