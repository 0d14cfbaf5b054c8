"""`register request verify|extend|decide|withheld|refuse|lift|close`: steps until the answer."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pipelines.cli.access import asked, registrant_of
from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.near_matches import near_matches_command
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, harmless, table, unseen
from pipelines.cli.private_views import record_view
from pipelines.cli.request import carry_out, refusals, request, shown
from pipelines.cli.request_correction import correct
from pipelines.cli.request_lookup import find, show_preview
from pipelines.cli.request_review import confirmation, review
from schemas.requests import EXTENSION_REASONS, GROUNDS, MEANS, RIGHTS_AS_CHOICES, refusable

if TYPE_CHECKING:
    from assets.rights.access import gathering
    from assets.storage.data_root import DataRoot

request.add_command(review)
request.add_command(confirmation)
request.add_command(find)
request.add_command(show_preview)
request.add_command(correct)


def _show(data_root: DataRoot, request_id: str, machine: bool, outcome: str) -> None:
    from assets.requests import ledger

    state = shown(data_root, ledger.load(data_root, request_id))
    if machine:
        as_json(state)
    else:
        click.echo(f"{request_id}: {outcome}; {state['state']}, due on {state['due_on']}")


@request.command("verify")
@click.argument("request_id")
@click.option("--means", type=click.Choice(list(MEANS)), help="How the identity was verified.")
@click.option(
    "--send", is_flag=True, help="Send a one-time code to the registrant's contact on file."
)
@click.option(
    "--to",
    type=click.Choice(["email", "phone"]),
    default=None,
    help="To which of them; default: the e-mail address, else the phone.",
)
@click.option("--code", help="The code that came back; `-` prompts for it.")
@MACHINE
def verify(
    request_id: str, means: str | None, send: bool, to: str | None, code: str | None, machine: bool
) -> None:
    """Record how the identity was verified, or verify it by a one-time code.

    The code goes to a contact of the registrant on file.
    """
    from assets.requests import ledger
    from assets.rights import lookup, verification

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    if sum((bool(means), send, bool(code))) != 1:
        if not sys.stdin.isatty() or means or send or code:
            raise click.UsageError("give one of --means, --send and --code")
        means = click.prompt("how was the identity verified", type=click.Choice(list(MEANS)))
    with refusals():
        if send:
            if not ledger.load(data_root, request_id).registrants:
                lookup.record(data_root, [request_id], now)
            outcome = (
                f"a code was sent by {verification.send_code(data_root, request_id, now, to or '')}"
            )
        elif code:
            verification.check_code(
                data_root, request_id, unseen("code") if code == "-" else code, now
            )
            outcome = "verified by the code"
        else:
            verification.verified(data_root, request_id, str(means), now)
            outcome = "verified"
        if (
            not send
            and ledger.load(data_root, request_id).right in RIGHTS_AS_CHOICES
            and ledger.load(data_root, request_id).state == "received"
        ):
            carry_out(data_root, [request_id], now)
    _show(data_root, request_id, machine, outcome)


@request.command("extend")
@click.argument("request_id")
@click.option(
    "--reason",
    type=click.Choice(list(EXTENSION_REASONS)),
    help="Why one month is too short. [required; asked for at a terminal]",
)
@MACHINE
def extend(request_id: str, reason: str | None, machine: bool) -> None:
    """Extend the deadline by two months, within the first month (GDPR 12(3)).

    The notice to the registrant is written.
    """
    from assets.rights import workflow

    data_root = existing_data_root()
    if reason is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Missing option '--reason'. Choose from: " + ", ".join(EXTENSION_REASONS)
            )
        reason = click.prompt(
            "why is one month too short", type=click.Choice(list(EXTENSION_REASONS))
        )
    with refusals():
        _, channel = workflow.extend(
            data_root, request_id, reason, datetime.now(data_root.policy.zone)
        )
    _show(
        data_root,
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
    help=(
        "A registrant among those that were found; for an erasure several that are one person. "
        "Is added to an erasure that has begun."
    ),
)
@click.option(
    "--pair",
    "pairs",
    multiple=True,
    metavar="PAIR=same|different|left",
    help=(
        "Of a pair of records that may be one person: it is (then refresh), it is not, or the "
        "erasure goes on without the other half."
    ),
)
@click.option(
    "--bystanders",
    "bystanders_go",
    type=click.Choice(["erase"]),
    help="The records that are somebody else's own, or name another registrant, go as well.",
)
@click.option(
    "--unverified",
    type=click.Choice(["erase"]),
    help="The erasure goes on although nobody verified who asks.",
)
@click.option(
    "--active-contracts",
    type=click.Choice(["erase"]),
    help="The erasure goes on although contracts of the registrant are active.",
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
    unverified: str | None,
    active_contracts: str | None,
    categories: tuple[str, ...],
    items: tuple[str, ...],
    uphold: bool,
    machine: bool,
) -> None:
    """Decide a request: its registrant, categories, withheld items, doubts, or an objection."""
    from assets.erasure import bystanders, decisions
    from assets.requests import ledger
    from assets.rights import restriction_and_objection, workflow

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    choices = {
        choice: decision
        for choice, decision in (
            (bystanders.CHOICE, bystanders_go),
            (ledger.UNVERIFIED, unverified),
            (ledger.ACTIVE_CONTRACTS, active_contracts),
        )
        if decision
    }
    if not (registrants or pairs or choices or categories or items or uphold):
        if not sys.stdin.isatty():
            raise click.UsageError(
                "give --registrant, --pair, --bystanders, --unverified, --active-contracts, "
                "--category, --withheld or --uphold"
            )
        registrants = (click.prompt("which registrant does the request mean"),)
    with refusals():
        if categories:
            workflow.decide(
                data_root,
                request_id,
                dict(_decision(category, "--category", "CATEGORY") for category in categories),
                now,
            )
        if items:
            decided = dict(_decision(item, "--withheld", "ITEM") for item in items)
            known = [entry.item for entry in _withheld(data_root, request_id)]
            workflow.review(data_root, request_id, decided, known, now)
        if pairs or choices:
            _go_on(data_root, request_id, pairs, choices, now)
        if registrants:
            matched = decisions.decide(data_root, request_id, registrants, now)
            if matched.right in RIGHTS_AS_CHOICES:
                carry_out(data_root, [request_id], now)
        if uphold:
            restriction_and_objection.uphold(data_root, request_id, now)
    _show(data_root, request_id, machine, "decided")


def _go_on(
    data_root: DataRoot,
    request_id: str,
    pairs: tuple[str, ...],
    decided: dict[str, str],
    now: datetime,
) -> None:
    from assets.erasure import decisions
    from assets.register import review
    from assets.register.review import ReviewError
    from assets.rights import grey_pairs
    from pipelines.writer_lock import writer

    choices = dict(decided)
    for assignment in pairs:
        pair, _, choice = assignment.partition("=")
        if choice not in ("same", "different", grey_pairs.LEFT):
            raise click.UsageError("--pair takes PAIR=same, PAIR=different or PAIR=left")
        choices[grey_pairs.PREFIX + pair] = choice
        if choice != grey_pairs.LEFT:
            try:
                with writer(data_root):
                    review.decide(data_root, [pair], now.date(), same=choice == "same")
            except ReviewError as error:
                raise CommandError(str(error)) from None
    decisions.go_on(data_root, request_id, choices, now)


def _decision(assignment: str, option: str, what: str) -> tuple[str, tuple[str, str]]:
    name, _, decision = assignment.partition("=")
    decision, _, ground = decision.partition(":")
    if decision not in ("granted", "refused") or (decision == "refused") != bool(ground):
        raise click.UsageError(f"{option} takes {what}=granted, or {what}=refused:GROUND")
    return name, (decision, ground)


def _withheld(data_root: DataRoot, request_id: str) -> list[gathering.Withheld]:
    from assets.rights.access import gathering
    from pipelines.writer_lock import writer

    with writer(data_root):
        return gathering.withheld(
            data_root, registrant_of(data_root, asked(data_root, request_id, "access"))
        )


@request.command("withheld")
@click.argument("request_id")
@click.option(
    "--private",
    is_flag=True,
    help="Also the fields' names and contents: for the person who decides, on their own screen.",
)
@MACHINE
def show_withheld(request_id: str, private: bool, machine: bool) -> None:
    """List the items that the access package withholds because they may concern others.

    With --private as they would be handed out: recognised identifiers and full names of others are
    redacted; look for those that are not. `register request decide --withheld` releases an item or
    withholds it; undecided ones are withheld.
    """
    from assets.requests import ledger

    data_root = existing_data_root()
    with refusals():
        entries = _withheld(data_root, request_id)
        if private:
            record_view(data_root, [request_id])
        decided = ledger.load(data_root, request_id).withheld
    rows = []
    for entry in entries:
        where = {
            "item": entry.item,
            "kind": entry.kind,
            "source": entry.source,
            "dataset": entry.dataset,
            "delivered_on": entry.delivered_on,
            "record_no": entry.record_no,
        }
        decision = decided.get(entry.item, {})
        where |= {
            "decided": ":".join(
                decision[name] for name in ("decision", "ground") if name in decision
            )
        }
        rows.append({**where, "field": entry.field, "content": entry.content} if private else where)
    if machine:
        as_json(rows)
        return
    columns = ("item", "kind", "source", "dataset", "delivered_on", "record_no", "decided")
    click.echo(
        table(
            ["item", "kind", "source", "dataset", "delivered", "record", "decided"],
            [[str(row[name]) for name in columns] for row in rows],
        )
    )
    for row in rows if private else ():
        content = json.dumps(row["content"], ensure_ascii=False)
        click.echo(harmless(f"\n{row['item']}: {row['field'] or 'the whole record'}\n  {content}"))


@request.command("refuse")
@click.argument("request_id")
@click.option(
    "--ground",
    type=click.Choice(list(GROUNDS)),
    help="On which ground. [required; asked for at a terminal]",
)
@MACHINE
def refuse(request_id: str, ground: str | None, machine: bool) -> None:
    """Refuse a request on a recorded ground, inform the registrant, and close it.

    Refusing an objection under review lifts the suspension. An erasure that has begun ends with
    what has been removed: that is counted and cannot be restored. Its suppressions are lifted,
    except those that another erasure needs, so that later deliveries are ingested again. It has no
    certificate.
    """
    from assets.erasure import abandoning
    from assets.requests import ledger
    from assets.rights import restriction_and_objection, workflow
    from pipelines.writer_lock import writer

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    if ground is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "Missing option '--ground': a refusal needs a recorded ground. Choose from: "
                + ", ".join(GROUNDS)
            )
        with refusals():
            loaded = ledger.load(data_root, request_id)
        ground = click.prompt(
            "on which ground", type=click.Choice(refusable(loaded.right, loaded.purpose))
        )
    outcome = f"refused ({ground}); the answer waits in outbox/messages"
    with refusals():
        state = ledger.load(data_root, request_id).state
        if state == "weighing":
            restriction_and_objection.refuse(data_root, request_id, ground, now)
            _refresh(data_root, now)
        elif state == "erasing":
            with writer(data_root):
                left = abandoning.refuse(data_root, request_id, ground, now)
            outcome += (
                f"; {left.removed} rows had been removed before and cannot come back, "
                f"{left.lifted} hashes were taken from the suppression list"
            )
        else:
            workflow.refuse(data_root, request_id, ground, now)
    _show(data_root, request_id, machine, outcome)


@request.command("lift")
@click.argument("request_id")
@click.option(
    "--announce",
    is_flag=True,
    help="Inform the registrant that the restriction will be lifted; before it is (GDPR 18(3)).",
)
@MACHINE
def lift(request_id: str, announce: bool, machine: bool) -> None:
    """Lift a restriction: first with --announce, then, once the registrant is informed, without."""
    from assets.rights import restriction_and_objection

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    with refusals():
        if announce:
            channel = restriction_and_objection.announce_lifting(data_root, request_id, now)
            outcome = f"the announcement waits in outbox/messages, to go by {channel}"
        else:
            restriction_and_objection.lift(data_root, request_id, now)
            _refresh(data_root, now)
            outcome = "lifted"
    _show(data_root, request_id, machine, outcome)


def _refresh(data_root: DataRoot, now: datetime) -> None:
    """Refresh, so that the marts follow what was just delivered."""
    from pipelines.cli.refresh import run_refresh

    run_refresh(data_root, now.date(), {str(now.date())})


@request.command("close")
@click.argument("request_id")
@MACHINE
def close(request_id: str, machine: bool) -> None:
    """Close an answered request, and destroy what identified the registrant.

    Erasures close when they are proven. An erasure that matches no registrant is closed with the
    outcome `nobody_found`; nothing is erased or certified.
    """
    from assets.rights import workflow

    data_root = existing_data_root()
    with refusals():
        workflow.close(data_root, request_id, datetime.now(data_root.policy.zone))
    _show(data_root, request_id, machine, "closed")


request.add_command(near_matches_command)
