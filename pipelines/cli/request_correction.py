"""`register request correct`: corrects the identifiers of an open request."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, unseen
from pipelines.cli.request import HELP, refusals, shown
from schemas.requests import IDENTIFIERS


def _identifiers(command: Callable[..., None]) -> Callable[..., None]:
    for kind in reversed(IDENTIFIERS):
        command = click.option(f"--{kind.replace('_', '-')}", help=HELP[kind])(command)
    return command


@click.command("correct")
@click.argument("request_id")
@_identifiers
@click.option(
    "--not-theirs",
    "aside",
    multiple=True,
    metavar="TYPE:VALUE",
    help=(
        "An identifier that is somebody else's, such as email:-; may be repeated. `-` prompts "
        "for it."
    ),
)
@MACHINE
def correct(request_id: str, aside: tuple[str, ...], machine: bool, **options: Any) -> None:
    """Correct the identifiers of REQUEST_ID.

    Before anything is done, the identifiers replace all that was given, and are matched again. They
    are added to an erasure that has begun: removed records stay removed, and the next `register
    erase` removes the rest. With --not-theirs nothing is erased or suppressed by an identifier any
    more; records removed by it cannot be restored.
    """
    from assets.erasure import decisions
    from assets.requests import ledger
    from assets.rights import lookup
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    given = {
        kind: unseen(kind.replace("_", " ")) if value == "-" else value
        for kind, value in options.items()
        if value
    }
    if not (given or aside):
        raise click.UsageError("give what is right, such as --customer-number, or --not-theirs")
    with refusals():
        named = lookup.canonical(data_root, given)
        others = [
            identifier
            for value in aside
            for identifier in lookup.canonical(data_root, _typed(value))
        ]
        with writer(data_root):
            if others:
                decisions.leave_out(data_root, request_id, others, now)
            if named:
                decisions.correct(data_root, request_id, named, now)
        corrected = ledger.load(data_root, request_id)
    if machine:
        as_json(shown(data_root, corrected))
    else:
        click.echo(
            f"{request_id}: corrected; {corrected.state}, due on {corrected.due_on(data_root)}"
        )
    if corrected.state == "unclear":
        click.echo(corrected.why, file=sys.stderr)


def _typed(text: str) -> dict[str, str]:
    kind, colon, value = text.partition(":")
    if not colon or kind not in IDENTIFIERS:
        raise click.UsageError(
            f"--not-theirs takes TYPE:VALUE, the type one of {', '.join(IDENTIFIERS)}"
        )
    return {kind: unseen(kind.replace("_", " ")) if value == "-" else value}
