"""`register rectify`: a registrant has something corrected, and register and marts say it at once."""

from __future__ import annotations

from datetime import datetime

import click

from pipelines.cli.access import asked, registrant_of
from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.output import as_json, unseen
from schemas.vocabulary import RECTIFIABLE


@click.command()
@click.argument("request_id")
@click.option(
    "--set",
    "changes",
    multiple=True,
    required=True,
    metavar="ATTRIBUTE=VALUE",
    help=f"Once for each of: {', '.join(RECTIFIABLE)}.",
)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def rectify(request_id: str, changes: tuple[str, ...], machine: bool) -> None:
    """Correct what the register says of the registrant of REQUEST_ID (GDPR 16), and refresh.

    The correction stands above every source until the one that was wrong delivers the corrected value. `attribute=-` asks
    for the value at the terminal, so that it stays out of the shell's history.
    """
    from assets.requests import ledger
    from assets.rights import lookup, recipient_notices, rectification
    from pipelines.cli.refresh import run_refresh

    values = _values(changes)
    home = existing_home()
    home.create()
    request = asked(home, request_id, "rectification")
    now = datetime.now(home.policy.zone)
    registrant_of(home, request)
    request = lookup.record(home, [request_id], now)[request_id]
    recipient_notices.prepare(home, [request], now)
    try:
        digest = rectification.deliver(home, request.registrants[0], request_id, values, now)
    except rectification.RectificationError as error:
        raise CommandError(str(error)) from None
    # What else waits for the day may be refused; that says nothing of the correction.
    run_refresh(home, now.date(), {str(now.date())})
    if rectification.staged(home, digest) != len(values):
        raise CommandError(
            "the correction was not taken in whole: `register refresh` tells what was refused or quarantined"
        )
    ledger.note(home, request_id, "applied", now, ", ".join(sorted(values)))
    # GDPR 19: whoever has had the old value is told.
    told = recipient_notices.release(home, [request_id], now)
    if machine:
        as_json({"request_id": request_id, "corrected": sorted(values), "notices": len(told)})
    else:
        click.echo(
            f"Corrected: {', '.join(sorted(values))}. Register and marts say so now; the old value goes after its retention period."
        )
        if told:
            click.echo(f"{len(told)} recipients are to be told: `register notices list --open`.")


def _values(changes: tuple[str, ...]) -> dict[str, str]:
    """Attribute -> new value; raises CommandError, without the value, for one that is not written so or stands twice."""
    values: dict[str, str] = {}
    for number, change in enumerate(changes, 1):
        name, sign, value = change.partition("=")
        if not sign or name not in RECTIFIABLE or name in values:
            raise CommandError(
                f"--set number {number} is not ATTRIBUTE=VALUE with an attribute that can be corrected, once: {', '.join(RECTIFIABLE)}"
            )
        values[name] = unseen(name.replace("_", " ")) if value == "-" else value
    return values
