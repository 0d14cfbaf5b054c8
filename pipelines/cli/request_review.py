"""`register request review` and `confirmation`: human review (GDPR 22); the end of an erasure."""

from __future__ import annotations

from datetime import datetime

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, harmless
from pipelines.cli.request import refusals, shown
from schemas.requests import REVIEW_OUTCOMES


@click.command("review")
@click.argument("request_id")
@click.option("--reviewer", help="Who reviews it: a role or staff number.")
@click.option(
    "--outcome",
    type=click.Choice(REVIEW_OUTCOMES),
    help="`upheld`: the profile stands; `withdrawn`: the registrant is no longer profiled.",
)
@MACHINE
def review(request_id: str, reviewer: str | None, outcome: str | None, machine: bool) -> None:
    """Record who reviews a profile or decision, and the outcome; the registrant is informed.

    Until the outcome the profile is suspended. The outcome needs a reviewer.
    """
    from assets.requests import ledger
    from assets.rights import human_review
    from pipelines.cli.refresh import run_refresh

    if not (reviewer or outcome):
        raise click.UsageError("give --reviewer, --outcome or both")
    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    with refusals():
        if reviewer:
            human_review.assign(data_root, request_id, reviewer, now)
        if outcome:
            human_review.decide(data_root, request_id, outcome, now)
            run_refresh(data_root, now.date(), {str(now.date())})
        state = shown(data_root, ledger.load(data_root, request_id))
    if machine:
        as_json(state)
    else:
        click.echo(f"{request_id}: {outcome or 'assigned'}; {state['state']}")


@click.command("confirmation")
@click.argument("request_id")
@MACHINE
def confirmation(request_id: str, machine: bool) -> None:
    """Print the confirmation of an erasure that nobody has sent yet, and destroy it here.

    It is the last place in which the address of the person who was erased stands.
    """
    from assets.rights import withheld_messages

    data_root = existing_data_root()
    message = withheld_messages.take(data_root, request_id)
    if message is None:
        raise CommandError(
            f"no confirmation of {request_id} waits here: it was sent, has expired, or its erasure "
            "is not certified"
        )
    if machine:
        as_json(message)
    else:
        for name in ("channel", "to", "language", "text"):
            click.echo(harmless(f"{name}: {message[name]}"))
