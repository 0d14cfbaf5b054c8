"""`register request find|preview|verify|extend|withheld|decide|refuse|lift|close|correct`: what
people do with a request until it is answered.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.access import asked, registrant_of
from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.near_matches import near_matches_command
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, harmless, table, unseen
from pipelines.cli.request import carry_out, refusals, request, shown
from pipelines.cli.request_correction import correct
from pipelines.cli.request_lookup import find, show_preview
from schemas.requests import EXTENSION_REASONS, GROUNDS, MEANS, RIGHTS_AS_CHOICES, refusable

if TYPE_CHECKING:
    from assets.rights.access import gathering
    from assets.storage.data_root import Home

request.add_command(find)
request.add_command(show_preview)
request.add_command(correct)


def _show(home: Home, request_id: str, machine: bool, told: str) -> None:
    from assets.requests import ledger

    found = shown(home, ledger.load(home, request_id))
    if machine:
        as_json(found)
    else:
        click.echo(f"{request_id}: {told}; {found['state']}, due on {found['due_on']}")


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
    from assets.requests import ledger
    from assets.rights import lookup, verification

    home = existing_home()
    now = datetime.now(home.policy.zone)
    if sum((bool(means), send, bool(code))) != 1:
        if not sys.stdin.isatty() or means or send or code:
            raise click.UsageError("give one of --means, --send and --code")
        means = click.prompt("how was the identity verified", type=click.Choice(list(MEANS)))
    with refusals():
        if send:
            if not ledger.load(home, request_id).registrants:
                lookup.record(home, [request_id], now)
            told = f"a code was sent by {verification.send_code(home, request_id, now, to or '')}"
        elif code:
            verification.check_code(home, request_id, unseen("code") if code == "-" else code, now)
            told = "verified by the code"
        else:
            verification.verified(home, request_id, str(means), now)
            told = "verified"
        if (
            not send
            and ledger.load(home, request_id).right in RIGHTS_AS_CHOICES
            and ledger.load(home, request_id).state == "received"
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
    from assets.rights import workflow

    home = existing_home()
    if reason is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Missing option '--reason'. Choose from: " + ", ".join(EXTENSION_REASONS)
            )
        reason = click.prompt(
            "why is one month too short", type=click.Choice(list(EXTENSION_REASONS))
        )
    with refusals():
        _, channel = workflow.extend(home, request_id, reason, datetime.now(home.policy.zone))
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
    type=click.Choice(["erase"]),
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
    from assets.erasure import decisions
    from assets.rights import restriction_and_objection, workflow

    home = existing_home()
    now = datetime.now(home.policy.zone)
    if not (registrants or pairs or bystanders_go or categories or items or uphold):
        if not sys.stdin.isatty():
            raise click.UsageError(
                "give --registrant, --pair, --bystanders, --category, --withheld or --uphold"
            )
        registrants = (click.prompt("which registrant does the request mean"),)
    with refusals():
        if categories:
            workflow.decide(
                home,
                request_id,
                dict(_decision(one, "--category", "CATEGORY") for one in categories),
                now,
            )
        if items:
            decided = dict(_decision(one, "--withheld", "ITEM") for one in items)
            known = [one.item for one in _withheld(home, request_id)]
            workflow.review(home, request_id, decided, known, now)
        if pairs or bystanders_go:
            _go_on(home, request_id, pairs, bystanders_go, now)
        if registrants:
            found = decisions.decide(home, request_id, registrants, now)
            if found.right in RIGHTS_AS_CHOICES:
                carry_out(home, [request_id], now)
        if uphold:
            restriction_and_objection.uphold(home, request_id, now)
    _show(home, request_id, machine, "decided")


def _go_on(
    home: Home, request_id: str, pairs: tuple[str, ...], bystanders_go: str | None, now: datetime
) -> None:
    from assets.erasure import bystanders, decisions
    from assets.register import review
    from assets.register.review import ReviewError
    from assets.rights import grey_pairs
    from pipelines.writer_lock import writer

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
    decisions.go_on(home, request_id, choices, now)


def _decision(told: str, option: str, what: str) -> tuple[str, tuple[str, str]]:
    named, _, decision = told.partition("=")
    decision, _, ground = decision.partition(":")
    if decision not in ("granted", "refused") or (decision == "refused") != bool(ground):
        raise click.UsageError(f"{option} takes {what}=granted, or {what}=refused:GROUND")
    return named, (decision, ground)


def _withheld(home: Home, request_id: str) -> list[gathering.Withheld]:
    from assets.rights.access import gathering
    from pipelines.writer_lock import writer

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
    from assets.requests import ledger

    home = existing_home()
    with refusals():
        found = _withheld(home, request_id)
        decided = ledger.load(home, request_id).withheld
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
    from assets.erasure import abandoning
    from assets.requests import ledger
    from assets.rights import restriction_and_objection, workflow
    from pipelines.writer_lock import writer

    home = existing_home()
    now = datetime.now(home.policy.zone)
    if ground is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Missing option '--ground': a refusal needs a recorded ground. Choose from: "
                + ", ".join(GROUNDS)
            )
        with refusals():
            asked_of = ledger.load(home, request_id)
        ground = click.prompt(
            "on which ground", type=click.Choice(refusable(asked_of.right, asked_of.purpose))
        )
    told = f"refused ({ground}); the answer waits in outbox/messages"
    with refusals():
        state = ledger.load(home, request_id).state
        if state == "weighing":
            restriction_and_objection.refuse(home, request_id, ground, now)
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
            workflow.refuse(home, request_id, ground, now)
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
    from assets.rights import restriction_and_objection

    home = existing_home()
    now = datetime.now(home.policy.zone)
    with refusals():
        if announce:
            told = f"the announcement waits in outbox/messages, to go by {restriction_and_objection.announce_lifting(home, request_id, now)}"
        else:
            restriction_and_objection.lift(home, request_id, now)
            _refresh(home, now)
            told = "lifted"
    _show(home, request_id, machine, told)


def _refresh(home: Home, now: datetime) -> None:
    """Let the marts follow what has just been delivered."""
    from pipelines.cli.refresh import run_refresh

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
    from assets.rights import workflow

    home = existing_home()
    with refusals():
        workflow.close(home, request_id, datetime.now(home.policy.zone))
    _show(home, request_id, machine, "closed")


request.add_command(near_matches_command)
