"""`register request find` and `preview`: registrants of requests, and effects of an erasure.

Neither changes anything but the requests' own records.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table
from pipelines.cli.request import refusals, today_of

if TYPE_CHECKING:
    from assets.requests import ledger
    from assets.storage.data_root import DataRoot


@click.command("find")
@click.argument("request_ids", nargs=-1)
@MACHINE
def find(request_ids: tuple[str, ...], machine: bool) -> None:
    """Match the named requests, or all open ones, with registrants.

    Uncertain matches are listed for a decision.
    """
    from assets.erasure.proof import near_matches
    from assets.requests import ledger
    from assets.rights import lookup

    data_root = existing_data_root()
    with refusals():
        asked = list(request_ids) or [
            request.request_id
            for request in ledger.every(data_root, opened=False)
            if request.state in ("received", "unclear")
        ]
        now = datetime.now(data_root.policy.zone)
        lookup.record(data_root, asked, now)
        matched = near_matches.record(data_root, asked, now)
    listed = [
        {
            "request_id": request.request_id,
            "state": request.state,
            "registrants": list(request.registrants),
            "identifiers": len(request.resolved),
            "candidates": [dict(candidate) for candidate in request.candidates],
            "why": request.why,
            "left_out": len(request.left_out),
            "near_matches": len(request.near),
        }
        for request in matched.values()
    ]
    others = _other_requests(data_root, list(matched.values()))
    for row in listed:
        row["other_requests"] = [other for other in others if other["erasure"] == row["request_id"]]
    if machine:
        as_json(listed)
        return
    click.echo(
        table(
            ["request", "state", "registrants", "identifiers", "left out", "near matches"],
            [
                [
                    request.request_id,
                    request.state,
                    len(request.registrants),
                    len(request.resolved),
                    len(request.left_out),
                    len(request.near),
                ]
                for request in matched.values()
            ],
        )
    )
    for request in matched.values():
        if request.state == "unclear":
            click.echo(request.why)
    for request in matched.values():
        for candidate in request.candidates:
            click.echo(
                f"{request.request_id} may mean {candidate['registrant_id']}, "
                f"by {', '.join(candidate['by'])}"
            )
    _echo_others(others)


def _other_requests(data_root: DataRoot, asked: list[ledger.Request]) -> list[dict[str, str]]:
    """Return the other open requests that resolved erasures affect."""
    from assets.rights import other_requests

    erasures = [request for request in asked if request.right == "erasure" and request.resolved]
    concerned = other_requests.find(data_root, erasures) if erasures else {}
    return [
        other
        for request in erasures
        for other in other_requests.described(request, concerned[request.request_id])
    ]


def _echo_others(others: list[dict[str, str]]) -> None:
    from assets.rights import other_requests

    for other in others:
        meaning = other_requests.MEANING[other["effect"]]  # type: ignore[index]
        click.echo(f"Request {other['request_id']} ({other['right']}, {other['state']}) {meaning}.")


@click.command("preview")
@click.argument("request_id")
@MACHINE
def show_preview(request_id: str, machine: bool) -> None:
    """Show the effects of an erasure: rows per layer, holds, recipients and bystanders.

    Bystanders must be none. Warns when nobody verified who asks, and of active contracts: the
    erasure then waits for a decision. Changes nothing.
    """
    from assets.erasure.preview import preview
    from assets.erasure.proof import near_matches
    from assets.requests import ledger
    from assets.rights import lookup

    data_root = existing_data_root()
    with refusals():
        now = datetime.now(data_root.policy.zone)
        lookup.record(data_root, [request_id], now)
        request = near_matches.record(data_root, [request_id], now)[request_id]
        if request.state == "unclear" and not request.resolved:
            raise ledger.RequestError(request.why)
        if request.state == "closed":
            raise ledger.RequestError(
                f"request {request_id} is closed: nobody knows any more which registrant it meant"
            )
    effects = preview(data_root, request, today_of(data_root))
    others = _other_requests(data_root, [request])
    if machine:
        as_json({**effects.as_data(), "other_requests": others, "near_matches": len(request.near)})
    else:
        click.echo(
            table(
                ["layer", "rows that go"],
                [[layer, rows] for layer, rows in sorted(effects.layers.items())],
            )
        )
        if effects.holds:
            click.echo(
                "\n"
                + table(
                    ["held under", "rows", "until", "ground"],
                    [
                        [rule, hold["rows"], hold["until"], hold["ground"]]
                        for rule, hold in effects.holds.items()
                    ],
                )
            )
        click.echo(
            f"\nRecipients to be notified: {', '.join(effects.recipients) or 'none'}. Bystanders: "
            f"{effects.bystanders}."
        )
        for warning in effects.warnings:
            click.echo(f"Warning: {warning}.")
        for choice in effects.undecided:
            option = choice.replace("_", "-")
            click.echo(f"Waits for `register request decide {request_id} --{option} erase`.")
        if effects.left_out:
            click.echo(
                f"Left out: {effects.left_out} identifiers that others are known by, too; their "
                "records stay."
            )
        if request.near:
            click.echo(
                f"Near matches: {len(request.near)} records have the name and the birth date or "
                "address, and no identifier; "
                f"`register request near-matches {request_id}` lists them for a decision."
            )
        _echo_others(others)
    if request.state == "unclear":
        raise CommandError(request.why)
    if effects.bystanders:
        raise CommandError(
            f"{effects.bystanders} records that would go are somebody else's own or name another "
            "registrant: `register request correct "
            "--not-theirs` leaves the identifier out that leads to them, `register request decide "
            "--bystanders erase` lets them go"
        )
