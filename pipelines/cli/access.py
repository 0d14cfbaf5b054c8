"""`register access` and `register portability`: a registrant's own data, in a ZIP."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json
from schemas.vocabulary import Language

if TYPE_CHECKING:
    from assets.requests.ledger import Request
    from assets.rights.access import package
    from assets.storage.data_root import Home

OUT = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("request_id")
@click.option("--out", type=OUT, required=True, help="The ZIP to write, outside the data root.")
@click.option(
    "--lang",
    type=click.Choice(get_args(Language)),
    help="Default: the registrant's own, as the register knows it.",
)
@MACHINE
def access(request_id: str, out: Path, lang: Any, machine: bool) -> None:
    """Write all data of the registrant of REQUEST_ID (GDPR 15), with nobody else in it."""
    from assets.requests import ledger
    from assets.rights.access import package
    from pipelines.writer_lock import writer

    home = existing_home()
    if lang and lang not in home.policy.languages:
        raise click.BadParameter(f"the policy is not in {lang!r}", param_hint="--lang")
    with writer(home):
        request = asked(home, request_id, "access")
        released = [
            item for item, decision in request.withheld.items() if decision["decision"] == "granted"
        ]
        done = package.access(
            home,
            registrant_of(home, request),
            request_id,
            out,
            datetime.now(home.policy.zone),
            lang,
            released,
        )
        ledger.note(
            home, request_id, "packed", datetime.now(home.policy.zone), f"{done.files} files"
        )
    _print(done, machine)


@click.command()
@click.argument("request_id")
@click.option("--out", type=OUT, required=True, help="The ZIP to write, outside the data root.")
@MACHINE
def portability(request_id: str, out: Path, machine: bool) -> None:
    """Write what the registrant of REQUEST_ID provided, on consent or contract (GDPR 20)."""
    from assets.requests import ledger
    from assets.rights.access import package
    from pipelines.writer_lock import writer

    home = existing_home()
    with writer(home):
        request = asked(home, request_id, "portability")
        done = package.portability(
            home, registrant_of(home, request), request_id, out, datetime.now(home.policy.zone)
        )
        ledger.note(
            home, request_id, "packed", datetime.now(home.policy.zone), f"{done.files} files"
        )
    _print(done, machine)


def _print(done: package.Packed, machine: bool) -> None:
    if machine:
        as_json(asdict(done))
        return
    click.echo(
        f"Written: {done.files} files, {done.bytes:,} bytes; {done.register_rows} rows, "
        f"{done.statements} statements, {done.records} records."
    )
    if done.withheld_fields or done.withheld_records:
        click.echo(
            f"Withheld, because they may tell of others: {done.withheld_fields} fields, "
            f"{done.withheld_records} records."
        )
    if done.released:
        click.echo(f"Released by somebody who has looked at them: {done.released}.")


def asked(home: Home, request_id: str, right: str) -> Request:
    """Return the open request of that right whose registrant is verified (GDPR 12(6)).

    Raises:
        CommandError: The request is another one.
    """
    from assets.requests import ledger

    try:
        request = ledger.load(home, request_id)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    if request.right != right:
        raise CommandError(f"the request is one of {request.right}, not of {right}")
    if request.state == "closed":
        raise CommandError(
            "the request is closed, and what identified its registrant is destroyed: record "
            "a new one"
        )
    if not request.verification:
        raise CommandError(
            "nobody has verified who asks: `register request verify` with the means, or with "
            "a code to a contact that is on file"
        )
    return request


def registrant_of(home: Home, request: Request) -> str:
    """Return the only registrant that the request certainly means.

    Raises:
        CommandError: It matches none or several, or is in doubt.
    """
    from assets.rights import lookup

    result = lookup.find(home, [request])[request.request_id]
    if len(result.registrants) != 1:
        raise CommandError(
            result.unclear
            or f"request {request.request_id}: nobody in the register is known by what was given"
        )
    return result.registrants[0]
