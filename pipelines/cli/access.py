"""`register access` and `register portability`: a registrant's own data, in a ZIP."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json
from schemas.vocabulary import Language

if TYPE_CHECKING:
    from assets.requests.ledger import Request
    from assets.rights.access import package
    from assets.storage.data_root import DataRoot

OUT = click.Path(dir_okay=False, path_type=Path)
LANG = click.option(
    "--lang",
    type=click.Choice(get_args(Language)),
    help="Default: the registrant's own, as the register knows it.",
)


@click.command()
@click.argument("request_id")
@click.option("--out", type=OUT, required=True, help="The ZIP to write, outside the data root.")
@LANG
@click.option("--pdf", is_flag=True, help="Write a PDF as well; needs the extra `pdf`.")
@MACHINE
def access(request_id: str, out: Path, lang: Any, pdf: bool, machine: bool) -> None:
    """Write all data of the registrant of REQUEST_ID (GDPR 15), with nobody else in it."""
    from assets.requests import ledger
    from assets.rights.access import package
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    _check_language(data_root, lang)
    with writer(data_root):
        request = asked(data_root, request_id, "access")
        released = [
            item for item, decision in request.withheld.items() if decision["decision"] == "granted"
        ]
        done = package.access(
            data_root,
            registrant_of(data_root, request),
            request_id,
            out,
            datetime.now(data_root.policy.zone),
            lang,
            released,
            pdf=pdf,
        )
        ledger.note(
            data_root,
            request_id,
            "packed",
            datetime.now(data_root.policy.zone),
            f"{done.files} files",
        )
    _print(done, machine)


@click.command("consents")
@click.argument("request_id")
@click.option("--out", type=OUT, required=True, help="The ZIP to write, outside the data root.")
@LANG
def consents(request_id: str, out: Path, lang: Any) -> None:
    """Write the receipts of the consents of REQUEST_ID's registrant, signed (ISO/IEC TS 27560)."""
    from assets.requests import ledger
    from assets.rights.access import package
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    _check_language(data_root, lang)
    with writer(data_root):
        registrant_id = registrant_of(data_root, asked(data_root, request_id, "access"))
        now = datetime.now(data_root.policy.zone)
        count = package.consents(data_root, registrant_id, out, now, lang)
        ledger.note(data_root, request_id, "packed", now, f"{count} receipts of consents")
    click.echo(f"Written: {count} receipts.")


@click.command()
@click.argument("request_id")
@click.option("--out", type=OUT, required=True, help="The ZIP to write, outside the data root.")
@MACHINE
def portability(request_id: str, out: Path, machine: bool) -> None:
    """Write what the registrant of REQUEST_ID provided, on consent or contract (GDPR 20)."""
    from assets.requests import ledger
    from assets.rights.access import package
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    with writer(data_root):
        request = asked(data_root, request_id, "portability")
        done = package.portability(
            data_root,
            registrant_of(data_root, request),
            request_id,
            out,
            datetime.now(data_root.policy.zone),
        )
        ledger.note(
            data_root,
            request_id,
            "packed",
            datetime.now(data_root.policy.zone),
            f"{done.files} files",
        )
    _print(done, machine)


def _check_language(data_root: DataRoot, lang: Any) -> None:
    if lang and lang not in data_root.policy.languages:
        raise click.BadParameter(f"the policy is not in {lang!r}", param_hint="--lang")


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


def asked(data_root: DataRoot, request_id: str, right: str) -> Request:
    """Return the open request of that right if its registrant is verified (GDPR 12(6)).

    Raises:
        CommandError: The request is another one.
    """
    from assets.requests import ledger

    try:
        request = ledger.load(data_root, request_id)
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


def registrant_of(data_root: DataRoot, request: Request) -> str:
    """Return the only registrant that the request certainly means.

    Raises:
        CommandError: It matches none or several, or is in doubt.
    """
    from assets.rights import lookup

    result = lookup.find(data_root, [request])[request.request_id]
    if len(result.registrants) != 1:
        raise CommandError(
            result.unclear
            or f"request {request.request_id}: nobody in the register is known by what was given"
        )
    return result.registrants[0]
