"""`register request near-matches`: records that may concern the erased person, for a decision."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, harmless, table
from pipelines.cli.private_views import record_view
from pipelines.cli.request import refusals

if TYPE_CHECKING:
    from assets.requests.ledger import Request


@click.command("near-matches")
@click.argument("request_id")
@click.option(
    "--remove",
    multiple=True,
    metavar="REFERENCE",
    help="The record is the registrant's: it is removed with the erasure. May be repeated.",
)
@click.option(
    "--redact",
    multiple=True,
    metavar="REFERENCE",
    help="It is somebody else's and mentions the registrant: that is redacted. May be repeated.",
)
@click.option(
    "--keep", multiple=True, metavar="REFERENCE", help="It is somebody else's. May be repeated."
)
@click.option(
    "--private",
    is_flag=True,
    help="Also the records: for a person entitled to them, on their own screen.",
)
@MACHINE
def near_matches_command(
    request_id: str,
    remove: tuple[str, ...],
    redact: tuple[str, ...],
    keep: tuple[str, ...],
    private: bool,
    machine: bool,
) -> None:
    """List records that may concern the person to be erased.

    They have the name and the birth date or address, but no identifier; or the proof found what may
    be an identifier. They are not erased unless somebody decides so before `register erase`; what
    is left is counted on the certificate.
    """
    from assets.erasure.proof import near_matches
    from assets.requests import ledger
    from assets.rights import lookup

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    chosen = Counter([*set(remove), *set(redact), *set(keep)])
    if several := sum(count > 1 for count in chosen.values()):
        raise click.UsageError(f"{several} references have more than one decision")
    with refusals():
        lookup.record(data_root, [request_id], now)
        request = near_matches.record(data_root, [request_id], now)[request_id]
        if request.right != "erasure" or request.state in ("unclear", "closed"):
            raise ledger.RequestError(
                f"request {request_id}: {request.right}, {request.state}; near matches are found"
                " for open erasures that mean one registrant"
            )
        for decision, references in (("remove", remove), ("redact", redact), ("keep", keep)):
            if references:
                request = near_matches.decide(data_root, request_id, references, decision, now)
        if private:
            record_view(data_root, [request_id])
        texts = near_matches.texts(data_root, request) if private else {}
    _show(request, texts, machine=machine)


def _by(by: list[str]) -> str:
    from assets.erasure.proof.near_matches import MENTION

    mentioned = MENTION in by
    return ", ".join(by if mentioned and len(by) == 1 else ["name", *by])


def _show(request: Request, texts: dict[str, str], *, machine: bool) -> None:
    if machine:
        as_json(
            [
                {**near_match, **({"record": texts.get(near_match["reference"])} if texts else {})}
                for near_match in request.near
            ]
        )
    elif not request.near:
        click.echo("No record is near.")
    else:
        rows = [
            [near_match["reference"], _by(near_match["by"]), near_match["decision"] or "-"]
            for near_match in request.near
        ]
        click.echo(table(["record", "near by", "decision"], rows))
        for reference, text in texts.items():
            click.echo(harmless(f"\n{reference}\n{text}"))
