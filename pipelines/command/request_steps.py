"""`register request find|preview|verify|extend|withheld|decide|refuse|lift|close|correct`: what
people do with a request until it is answered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from assets.access import gathering
from assets.home import Home
from assets.proof import near_matches
from assets.register import review
from assets.register.review import ReviewError
from assets.rights import (
    abandoning,
    answering,
    bystanders,
    deciding,
    finding,
    grey_pairs,
    other_requests,
    requests,
    spoken,
    verification,
)
from assets.rights.preview import preview
from assets.rights.requests import RequestError
from pipelines.command.access import asked, registrant_of
from pipelines.command.main import CommandError
from pipelines.command.near_matches import near_matches_command
from pipelines.command.request import carry_out, request, shown, today_of
from pipelines.command.request_correction import correct
from pipelines.command.root import existing_home
from pipelines.command.showing import as_json, harmless, table, unseen
from pipelines.resources import writer
from schemas.requests import EXTENSION_REASONS, GROUNDS, MEANS, SPOKEN_RIGHTS, refusable

MACHINE = click.option("--json", "machine", is_flag=True, help="For machines.")
request.add_command(correct)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        raise CommandError(str(error)) from None


def _show(home: Home, request_id: str, machine: bool, told: str) -> None:
    found = shown(home, requests.load(home, request_id))
    if machine:
        as_json(found)
    else:
        click.echo(f"{request_id}: {told}; {found['state']}, due on {found['due_on']}")


@request.command("find")
@click.argument("request_ids", nargs=-1)
@MACHINE
def find(request_ids: tuple[str, ...], machine: bool) -> None:
    """Find whom the named requests mean, or all that are open; in one pass. What is not certain is listed for a decision."""
    home = existing_home()
    with _told():
        asked = list(request_ids) or [
            one.request_id
            for one in requests.every(home, opened=False)
            if one.state in ("received", "unclear")
        ]
        now = datetime.now(home.policy.zone)
        finding.record(home, asked, now)
        found = near_matches.record(home, asked, now)
    told = [
        {
            "request_id": one.request_id, "state": one.state, "registrants": list(one.registrants), "identifiers": len(one.resolved),
            "candidates": [dict(candidate) for candidate in one.candidates], "why": one.why, "left_out": len(one.left_out),
            "near_matches": len(one.near),
        }
        for one in found.values()
    ]  # fmt: skip
    others = _other_requests(home, list(found.values()))
    for each in told:
        each["other_requests"] = [one for one in others if one["erasure"] == each["request_id"]]
    if machine:
        as_json(told)
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


def _other_requests(home: Home, asked: list[requests.Request]) -> list[dict[str, str]]:
    """The open requests that resolved erasures concern besides their own."""
    erasures = [one for one in asked if one.right == "erasure" and one.resolved]
    concerned = other_requests.find(home, erasures) if erasures else {}
    return [
        other for one in erasures for other in other_requests.told(one, concerned[one.request_id])
    ]


def _echo_others(others: list[dict[str, str]]) -> None:
    for one in others:
        meaning = other_requests.MEANING[one["effect"]]  # type: ignore[index]
        click.echo(f"Request {one['request_id']} ({one['right']}, {one['state']}) {meaning}.")


@request.command("preview")
@click.argument("request_id")
@MACHINE
def show_preview(request_id: str, machine: bool) -> None:
    """What erasing the registrant would do: rows per layer, holds, recipients, and bystanders, of whom there must be none. Changes nothing."""
    home = existing_home()
    with _told():
        now = datetime.now(home.policy.zone)
        finding.record(home, [request_id], now)
        found = near_matches.record(home, [request_id], now)[request_id]
        if found.state == "unclear" and not found.resolved:
            raise RequestError(found.why)
        if found.state == "closed":
            raise RequestError(
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


@request.command("verify")
@click.argument("request_id")
@click.option("--means", type=click.Choice(list(MEANS)), help="How you have made sure who it is.")
@click.option(
    "--send", is_flag=True, help="Send a one-time code to the registrant's contact on file."
)
@click.option(
    "--to",
    type=click.Choice(["email", "phone"]),
    default=None,
    help="To which of them; default: the e-mail address, else the phone.",
)
@click.option("--code", help="The code that came back; `-` asks for it.")
@MACHINE
def verify(
    request_id: str, means: str | None, send: bool, to: str | None, code: str | None, machine: bool
) -> None:
    """Record how the identity of whoever asks was verified, or verify it by a one-time code to a contact on file."""
    home = existing_home()
    now = datetime.now(home.policy.zone)
    if sum((bool(means), send, bool(code))) != 1:
        if not sys.stdin.isatty() or means or send or code:
            raise click.UsageError("give one of --means, --send and --code")
        means = click.prompt("how was the identity verified", type=click.Choice(list(MEANS)))
    with _told():
        if send:
            if not requests.load(home, request_id).registrants:
                finding.record(home, [request_id], now)
            told = f"a code was sent by {verification.send_code(home, request_id, now, to or '')}"
        elif code:
            verification.check_code(home, request_id, unseen("code") if code == "-" else code, now)
            told = "verified by the code"
        else:
            verification.verified(home, request_id, str(means), now)
            told = "verified"
        if (
            not send
            and requests.load(home, request_id).right in SPOKEN_RIGHTS
            and requests.load(home, request_id).state == "received"
        ):
            carry_out(home, [request_id], now)
    _show(home, request_id, machine, told)


@request.command("extend")
@click.argument("request_id")
@click.option(
    "--reason",
    type=click.Choice(list(EXTENSION_REASONS)),
    help="Why one month is too short. [required; asked for at a terminal]",
)
@MACHINE
def extend(request_id: str, reason: str | None, machine: bool) -> None:
    """Extend the time to answer by two months, and write the notice to the registrant; only within the first month (GDPR 12(3))."""
    home = existing_home()
    if reason is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Missing option '--reason'. Choose from: " + ", ".join(EXTENSION_REASONS)
            )
        reason = click.prompt(
            "why is one month too short", type=click.Choice(list(EXTENSION_REASONS))
        )
    with _told():
        _, channel = answering.extend(home, request_id, reason, datetime.now(home.policy.zone))
    _show(
        home,
        request_id,
        machine,
        f"extended; the notice waits in outbox/messages, to go by {channel}",
    )


@request.command("decide")
@click.argument("request_id")
@click.option(
    "--registrant",
    "registrants",
    multiple=True,
    help="Whom the request means, of those that were found; of an erasure several that are one person. Widens one that has begun.",
)
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    metavar="PAIR=same|different|left",
    help="Of a pair of records that may be one person: it is (then refresh), it is not, or the erasure goes on without the other half.",
)
@click.option(
    "--bystanders",
    "bystanders_go",
    type=click.Choice([bystanders.ERASED]),
    help="The records that are somebody else's own, or name another registrant, go as well.",
)
@click.option(
    "--category",
    "categories",
    multiple=True,
    metavar="CATEGORY=granted|refused:GROUND",
    help="What is decided of a category; may be repeated.",
)
@click.option(
    "--withheld",
    "items",
    multiple=True,
    metavar="ITEM=granted|refused:GROUND",
    help="Whether it goes out with the package; may be repeated.",
)
@click.option("--uphold", is_flag=True, help="An objection that was weighed stands.")
@MACHINE
def decide(
    request_id: str,
    registrants: tuple[str, ...],
    pairs: tuple[str, ...],
    bystanders_go: str | None,
    categories: tuple[str, ...],
    items: tuple[str, ...],
    uphold: bool,
    machine: bool,
) -> None:
    """Decide whom a request means, what is done with each category, with what is withheld or in
    doubt, or that an objection stands.
    """
    home = existing_home()
    now = datetime.now(home.policy.zone)
    if not (registrants or pairs or bystanders_go or categories or items or uphold):
        if not sys.stdin.isatty():
            raise click.UsageError(
                "give --registrant, --pair, --bystanders, --category, --withheld or --uphold"
            )
        registrants = (click.prompt("which registrant does the request mean"),)
    with _told():
        if categories:
            answering.decide(
                home,
                request_id,
                dict(_decision(one, "--category", "CATEGORY") for one in categories),
                now,
            )
        if items:
            decided = dict(_decision(one, "--withheld", "ITEM") for one in items)
            known = [one.item for one in _withheld(home, request_id)]
            answering.review(home, request_id, decided, known, now)
        if pairs or bystanders_go:
            _go_on(home, request_id, pairs, bystanders_go, now)
        if registrants:
            found = deciding.decide(home, request_id, registrants, now)
            if found.right in SPOKEN_RIGHTS:
                carry_out(home, [request_id], now)
        if uphold:
            spoken.uphold(home, request_id, now)
    _show(home, request_id, machine, "decided")


def _go_on(
    home: Home, request_id: str, pairs: tuple[str, ...], bystanders_go: str | None, now: datetime
) -> None:
    choices = {}
    for told in pairs:
        pair, _, choice = told.partition("=")
        if choice not in ("same", "different", grey_pairs.LEFT):
            raise click.UsageError("--pair takes PAIR=same, PAIR=different or PAIR=left")
        choices[grey_pairs.PREFIX + pair] = choice
        if choice != grey_pairs.LEFT:
            try:
                with writer(home):
                    review.decide(home, [pair], now.date(), same=choice == "same")
            except ReviewError as error:
                raise CommandError(str(error)) from None
    if bystanders_go:
        choices[bystanders.CHOICE] = bystanders_go
    deciding.go_on(home, request_id, choices, now)


def _decision(told: str, option: str, what: str) -> tuple[str, tuple[str, str]]:
    named, _, decision = told.partition("=")
    decision, _, ground = decision.partition(":")
    if decision not in ("granted", "refused") or (decision == "refused") != bool(ground):
        raise click.UsageError(f"{option} takes {what}=granted, or {what}=refused:GROUND")
    return named, (decision, ground)


def _withheld(home: Home, request_id: str) -> list[gathering.Withheld]:
    with writer(home):
        return gathering.withheld(home, registrant_of(home, asked(home, request_id, "access")))


@request.command("withheld")
@click.argument("request_id")
@click.option(
    "--private",
    is_flag=True,
    help="Also the fields' names and contents: for whoever decides, on their own screen.",
)
@MACHINE
def show_withheld(request_id: str, private: bool, machine: bool) -> None:
    """What the access package withholds because it may tell of others, item by item, with what is decided of it.

    With --private as it would be handed out: the identifiers and full names of others that are recognised are redacted; look for what is not.
    `register request decide --withheld` releases an item or keeps it; what nobody has decided on is kept.
    """
    home = existing_home()
    with _told():
        found = _withheld(home, request_id)
        decided = requests.load(home, request_id).withheld
    told = []
    for one in found:
        where = {
            "item": one.item,
            "kind": one.kind,
            "source": one.source,
            "dataset": one.dataset,
            "delivered_on": one.delivered_on,
            "record_no": one.record_no,
        }
        decision = decided.get(one.item, {})
        where |= {
            "decided": ":".join(
                decision[name] for name in ("decision", "ground") if name in decision
            )
        }
        told.append({**where, "field": one.field, "content": one.content} if private else where)
    if machine:
        as_json(told)
        return
    columns = ("item", "kind", "source", "dataset", "delivered_on", "record_no", "decided")
    click.echo(
        table(
            ["item", "kind", "source", "dataset", "delivered", "record", "decided"],
            [[str(one[name]) for name in columns] for one in told],
        )
    )
    for seen in told if private else ():
        click.echo(
            harmless(
                f"\n{seen['item']}: {seen['field'] or 'the whole record'}\n  {json.dumps(seen['content'], ensure_ascii=False)}"
            )
        )


@request.command("refuse")
@click.argument("request_id")
@click.option(
    "--ground",
    type=click.Choice(list(GROUNDS)),
    help="On which ground. [required; asked for at a terminal]",
)
@MACHINE
def refuse(request_id: str, ground: str | None, machine: bool) -> None:
    """Refuse a request on a recorded ground, tell the registrant, and close it; of an objection
    that is weighed, lift the suspension.

    An erasure that has begun ends with what has gone by then: that cannot come back, and is
    counted. Its suppressions are lifted, but for those that another erasure needs, so that later
    deliveries are taken in again. It has no certificate.
    """
    home = existing_home()
    now = datetime.now(home.policy.zone)
    if ground is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Missing option '--ground': a refusal needs a recorded ground. Choose from: "
                + ", ".join(GROUNDS)
            )
        with _told():
            asked_of = requests.load(home, request_id)
        ground = click.prompt(
            "on which ground", type=click.Choice(refusable(asked_of.right, asked_of.purpose))
        )
    told = f"refused ({ground}); the answer waits in outbox/messages"
    with _told():
        state = requests.load(home, request_id).state
        if state == "weighing":
            spoken.refuse(home, request_id, ground, now)
            _refresh(home, now)
        elif state == "erasing":
            with writer(home):
                left = abandoning.refuse(home, request_id, ground, now)
            told += (
                f"; {left.removed} rows had gone before and cannot come back, {left.lifted} hashes "
                "were taken from the "
                "suppression list"
            )
        else:
            answering.refuse(home, request_id, ground, now)
    _show(home, request_id, machine, told)


@request.command("lift")
@click.argument("request_id")
@click.option(
    "--announce",
    is_flag=True,
    help="Tell the registrant that the restriction will be lifted; before it is (GDPR 18(3)).",
)
@MACHINE
def lift(request_id: str, announce: bool, machine: bool) -> None:
    """Lift a restriction that is in force: first --announce, then, when the registrant has been told, without it."""
    home = existing_home()
    now = datetime.now(home.policy.zone)
    with _told():
        if announce:
            told = f"the announcement waits in outbox/messages, to go by {spoken.announce_lifting(home, request_id, now)}"
        else:
            spoken.lift(home, request_id, now)
            _refresh(home, now)
            told = "lifted"
    _show(home, request_id, machine, told)


def _refresh(home: Home, now: datetime) -> None:
    """Let the marts follow what has just been delivered."""
    from pipelines.command.refresh import run_refresh

    run_refresh(home, now.date(), {str(now.date())})


@request.command("close")
@click.argument("request_id")
@MACHINE
def close(request_id: str, machine: bool) -> None:
    """Close a request that has been answered, and destroy what identified the registrant; erasures
    close when they are proven.

    An erasure of whom nobody was found is answered and closed as that: outcome `nobody_found`,
    nothing erased or certified.
    """
    home = existing_home()
    with _told():
        answering.close(home, request_id, datetime.now(home.policy.zone))
    _show(home, request_id, machine, "closed")


request.add_command(near_matches_command)
