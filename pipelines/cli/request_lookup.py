"""`register request find` and `preview`: whom requests mean, and what an erasure would do; neither
changes anything but the requests' own records.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table
from pipelines.cli.request import refusals, today_of

if TYPE_CHECKING:
    from assets.requests import ledger
    from assets.storage.data_root import Home


@click.command("find")
@click.argument("request_ids", nargs=-1)
@MACHINE
def find(request_ids: tuple[str, ...], machine: bool) -> None:
    """Find whom the named requests mean, or all that are open; in one pass. What is not certain is
    listed for a decision.
    """
    from assets.erasure.proof import near_matches
    from assets.requests import ledger
    from assets.rights import lookup

    home = existing_home()
    with refusals():
        asked = list(request_ids) or [
            one.request_id
            for one in ledger.every(home, opened=False)
            if one.state in ("received", "unclear")
        ]
        now = datetime.now(home.policy.zone)
        lookup.record(home, asked, now)
        found = near_matches.record(home, asked, now)
    listed = [
        {
            "request_id": one.request_id, "state": one.state, "registrants": list(one.registrants), "identifiers": len(one.resolved),
            "candidates": [dict(candidate) for candidate in one.candidates], "why": one.why, "left_out": len(one.left_out),
            "near_matches": len(one.near),
        }
        for one in found.values()
    ]  # fmt: skip
    others = _other_requests(home, list(found.values()))
    for each in listed:
        each["other_requests"] = [one for one in others if one["erasure"] == each["request_id"]]
    if machine:
        as_json(listed)
        return
    click.echo(
        table(
            ["request", "state", "registrants", "identifiers", "left out", "near matches"],
            [
                [
                    one.request_id,
                    one.state,
                    len(one.registrants),
                    len(one.resolved),
                    len(one.left_out),
                    len(one.near),
                ]
                for one in found.values()
            ],
        )
    )
    for one in found.values():
        if one.state == "unclear":
            click.echo(one.why)
    for one in found.values():
        for candidate in one.candidates:
            click.echo(
                f"{one.request_id} may mean {candidate['registrant_id']}, by {', '.join(candidate['by'])}"
            )
    _echo_others(others)


def _other_requests(home: Home, asked: list[ledger.Request]) -> list[dict[str, str]]:
    """The open requests that resolved erasures concern besides their own."""
    from assets.rights import other_requests

    erasures = [one for one in asked if one.right == "erasure" and one.resolved]
    concerned = other_requests.find(home, erasures) if erasures else {}
    return [
        other
        for one in erasures
        for other in other_requests.described(one, concerned[one.request_id])
    ]


def _echo_others(others: list[dict[str, str]]) -> None:
    from assets.rights import other_requests

    for one in others:
        meaning = other_requests.MEANING[one["effect"]]  # type: ignore[index]
        click.echo(f"Request {one['request_id']} ({one['right']}, {one['state']}) {meaning}.")


@click.command("preview")
@click.argument("request_id")
@MACHINE
def show_preview(request_id: str, machine: bool) -> None:
    """What erasing the registrant would do: rows per layer, holds, recipients, and bystanders,
    which must be none. Changes nothing.
    """
    from assets.erasure.preview import preview
    from assets.erasure.proof import near_matches
    from assets.requests import ledger
    from assets.rights import lookup

    home = existing_home()
    with refusals():
        now = datetime.now(home.policy.zone)
        lookup.record(home, [request_id], now)
        found = near_matches.record(home, [request_id], now)[request_id]
        if found.state == "unclear" and not found.resolved:
            raise ledger.RequestError(found.why)
        if found.state == "closed":
            raise ledger.RequestError(
                f"request {request_id} is closed: nobody knows any more whom it meant"
            )
    seen = preview(home, found, today_of(home))
    others = _other_requests(home, [found])
    if machine:
        as_json({**seen.told(), "other_requests": others, "near_matches": len(found.near)})
    else:
        click.echo(
            table(
                ["layer", "rows that go"],
                [[layer, rows] for layer, rows in sorted(seen.layers.items())],
            )
        )
        if seen.holds:
            click.echo(
                "\n"
                + table(
                    ["held under", "rows", "until", "ground"],
                    [
                        [rule, one["rows"], one["until"], one["ground"]]
                        for rule, one in seen.holds.items()
                    ],
                )
            )
        click.echo(
            f"\nRecipients to be told: {', '.join(seen.recipients) or 'none'}. Bystanders: {seen.bystanders}."
        )
        if seen.left_out:
            click.echo(
                f"Left out: {seen.left_out} identifiers that others are known by, too; their "
                "records stay."
            )
        if found.near:
            click.echo(
                f"Near matches: {len(found.near)} records have the name and the birth date or "
                "address, and no identifier; "
                f"`register request near-matches {request_id}` lists them for a decision."
            )
        _echo_others(others)
    if found.state == "unclear":
        raise CommandError(found.why)
    if seen.bystanders:
        raise CommandError(
            f"{seen.bystanders} records that would go are somebody else's own or name another "
            "registrant: `register request correct "
            "--not-theirs` leaves the identifier out that leads to them, `register request decide "
            "--bystanders erase` lets them go"
        )
