"""`register rectify`: a correction of a registrant's data, at once in register and marts."""

from __future__ import annotations

from datetime import datetime

import click

from pipelines.cli.access import asked, registrant_of
from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
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
@MACHINE
def rectify(request_id: str, changes: tuple[str, ...], machine: bool) -> None:
    """Correct the data of the registrant of REQUEST_ID (GDPR 16), and refresh.

    The correction overrides every source until the one that was wrong delivers the corrected value.
    `attribute=-` prompts for the value, so that it is not in the shell's history.
    """
    from assets.requests import ledger
    from assets.rights import lookup, recipient_notices, rectification
    from pipelines.cli.refresh import run_refresh

    values = _values(changes)
    data_root = existing_data_root()
    data_root.create()
    request = asked(data_root, request_id, "rectification")
    now = datetime.now(data_root.policy.zone)
    registrant_of(data_root, request)
    request = lookup.record(data_root, [request_id], now)[request_id]
    recipient_notices.prepare(data_root, [request], now)
    try:
        digest = rectification.deliver(data_root, request.registrants[0], request_id, values, now)
    except rectification.RectificationError as error:
        raise CommandError(str(error)) from None
    # Other deliveries of the day may be refused, which does not affect the correction.
    run_refresh(data_root, now.date(), {str(now.date())})
    if rectification.staged(data_root, digest) != len(values):
        raise CommandError(
            "the correction was not taken in whole: `register refresh` tells what was "
            "refused or quarantined"
        )
    ledger.note(data_root, request_id, "applied", now, ", ".join(sorted(values)))
    # GDPR 19: recipients of the old value are notified.
    released = recipient_notices.release(data_root, [request_id], now)
    if machine:
        as_json({"request_id": request_id, "corrected": sorted(values), "notices": len(released)})
    else:
        click.echo(
            f"Corrected: {', '.join(sorted(values))}. Register and marts say so now; the old "
            "value goes after its retention period."
        )
        if released:
            click.echo(
                f"{len(released)} recipients are to be notified: "
                "`register recipient-notices list --open`."
            )


def _values(changes: tuple[str, ...]) -> dict[str, str]:
    """Return attribute -> new value.

    Raises:
        CommandError: A change is malformed or repeated; the message does not have the value.
    """
    values: dict[str, str] = {}
    for number, change in enumerate(changes, 1):
        name, sign, value = change.partition("=")
        if not sign or name not in RECTIFIABLE or name in values:
            raise CommandError(
                f"--set number {number} is not ATTRIBUTE=VALUE with an attribute that can be "
                f"corrected, once: {', '.join(RECTIFIABLE)}"
            )
        values[name] = unseen(name.replace("_", " ")) if value == "-" else value
    return values
