"""`register request`: a registrant's rights as they are received: recorded, looked up, taken in from files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY
from pipelines.cli.output import as_json, harmless, table, unseen
from schemas.requests import CHANNELS, IDENTIFIERS, RIGHTS, RIGHTS_AS_CHOICES, UNCONDITIONAL
from schemas.vocabulary import CHANNELS as BY
from schemas.vocabulary import REGISTRANT_PURPOSES

if TYPE_CHECKING:
    from assets.requests.ledger import Request
    from assets.storage.data_root import Home

TOLD = {
    "access": "asks for a copy of everything that we hold of them",
    "portability": "asks for what they have given us, in a form that machines read",
    "rectification": "asks for something to be put right",
    "erasure": "asks to be erased",
    "restriction": "asks that their data is stored only",
    "objection": "objects to a use of their data",
    "withdrawal": "takes a consent back",
}


@click.group()
def request() -> None:
    """Record, look up and answer the requests of registrants. They are kept outside Dagster."""


def opened_home() -> Home:
    """The data root, made when missing."""
    from assets.storage.data_root import Home
    from pipelines.writer_lock import home_path

    home = Home(home_path())
    home.create()
    return home


@contextmanager
def refusals() -> Iterator[None]:
    """Report what the ledger refuses as the command's error."""
    from assets.requests import ledger

    try:
        yield
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None


def _options(right: str) -> list[Callable[[Any], Any]]:
    """The options of a right's command, last first."""
    shared = [
        click.option(
            "--channel",
            type=click.Choice(CHANNELS),
            help="How the request came. [required; asked for at a terminal]",
        ),
        click.option(
            "--received",
            type=DAY,
            help="The day on which it reached us; default: today. The time to answer runs from it.",
        ),
        *(click.option(f"--{kind.replace('_', '-')}", help=HELP[kind]) for kind in IDENTIFIERS),
    ]
    if right in ("objection", "withdrawal"):
        shared.append(
            click.option(
                "--purpose",
                type=click.Choice(REGISTRANT_PURPOSES),
                default="direct_marketing",
                show_default=True,
                help="What it is about.",
            )
        )
        shared.append(
            click.option(
                "--by",
                type=click.Choice(BY),
                default="all",
                show_default=True,
                help="On which channel of ours.",
            )
        )
    if right in ("objection", "restriction"):
        shared.append(
            click.option(
                "--situation",
                help="What the registrant says of their situation; kept sealed. `-` asks for it.",
            )
        )
    if right == "rectification":
        shared.append(
            click.option(
                "--set",
                "values",
                multiple=True,
                metavar="NAME=VALUE",
                help="What is right; kept sealed. May be repeated.",
            )
        )
    return [
        click.option("--json", "machine", is_flag=True, help="For machines."),
        *reversed(shared),
    ]


HELP = {
    "identity_code": "Finnish identity code, present or former.",
    "customer_number": "",
    "contact_id": "The CRM's number of the contact.",
    "user_id": "The account on the website.",
    "visitor_id": "The website's cookie.",
    "email": "Tells who it is only together with a phone, or of someone known by nothing else.",
    "phone": "Likewise, with an e-mail address.",
}


def _command(right: str) -> click.Command:
    def receive(channel: str | None, received: datetime | None, machine: bool, **said: Any) -> None:
        from assets.requests import ledger
        from assets.rights import lookup

        home = opened_home()
        given, channel = _asked({kind: said.get(kind) for kind in IDENTIFIERS}, channel)
        weighed = right == "objection" and said.get("purpose") not in UNCONDITIONAL
        asking = said.get("situation") == "-" or (
            weighed and said.get("situation") is None and sys.stdin.isatty()
        )
        situation = unseen("situation", default="") if asking else said.get("situation") or ""
        now = datetime.now(home.policy.zone)
        try:
            request_id = ledger.receive(
                home, right, channel, lookup.canonical(home, given), now,
                received=received.date() if received else None, purpose=said.get("purpose") or "", by=said.get("by") or "all",
                situation=situation, values=_values(said.get("values") or ()),
            )  # fmt: skip
        except ledger.RequestError as error:
            raise CommandError(str(error)) from None
        if not machine:
            click.echo(request_id)
        if right in RIGHTS_AS_CHOICES:
            carry_out(home, [request_id], now)
        if machine:
            as_json({"request_id": request_id, **shown(home, ledger.load(home, request_id))})

    receive.__doc__ = f"""Record that a registrant {TOLD[right]}; prints the request's id.

    Give at least one identifier; `-` asks for it at the terminal, so that it stays out of the shell's history.
    {"It is carried out at once, and the marts follow." if right in RIGHTS_AS_CHOICES else ""}
    """
    made: Any = receive
    for option in _options(right):
        made = option(made)
    return click.command(right)(made)


def _asked(given: dict[str, str | None], channel: str | None) -> tuple[dict[str, str], str]:
    """What was given, with what a person at a terminal is asked for because it is missing; a script gets a usage error."""
    typed = sys.stdin.isatty()
    if channel is None:
        if not typed:
            raise click.UsageError(
                "Missing option '--channel'. Choose from: " + ", ".join(CHANNELS)
            )
        channel = click.prompt("how did the request come", type=click.Choice(CHANNELS))
    if typed and not any(given.values()):
        given[click.prompt("by what is the registrant named", type=click.Choice(IDENTIFIERS))] = "-"
    filled = {
        kind: unseen(kind.replace("_", " ")) if value == "-" else value
        for kind, value in given.items()
        if value
    }
    return {kind: value for kind, value in filled.items() if value}, channel


def _values(told: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in told]
    if any(not equals or not name for name, equals, _ in pairs):
        raise click.UsageError("--set takes NAME=VALUE, such as family_name=Esimerkki")
    return {name: value for name, _, value in pairs}


def carry_out(home: Home, request_ids: list[str], now: datetime) -> None:
    """Deliver what restrictions, objections and withdrawals say, refresh, and note what the marts follow.

    Raises CommandError when it did not get so far; what was delivered waits, and the next refresh heeds it.
    """
    from assets.requests import ledger
    from assets.rights import restriction_and_objection
    from pipelines.cli.refresh import run_refresh

    try:
        done = restriction_and_objection.apply(home, request_ids, now)
        delivered = [one for one in done if one.state == "applying"]
        if delivered:
            run_refresh(home, now.date(), {str(now.date())})
            restriction_and_objection.settle(home, datetime.now(home.policy.zone))
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    unclear = [one for one in done if one.state == "unclear"]
    if unclear:
        raise CommandError(f"{len(unclear)} of {len(done)} not carried out: {unclear[0].why}")
    left = [
        one.request_id for one in delivered if ledger.load(home, one.request_id).state == "applying"
    ]
    if left:
        raise CommandError(
            f"request {left[0]} is delivered, but the marts do not follow it yet: see what `register refresh` says"
        )


for _right in RIGHTS:
    request.add_command(_command(_right))


@request.command("list")
@click.option("--open", "only_open", is_flag=True, help="Without those that are closed.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def list_requests(only_open: bool, machine: bool) -> None:
    """All requests, oldest first, without what identifies the registrant."""
    from assets.requests import ledger

    home = existing_home()
    found = [
        shown(home, one)
        for one in ledger.every(home, opened=False)
        if not only_open or one.state != "closed"
    ]
    if machine:
        as_json(found)
    else:
        columns = ("request_id", "right", "channel", "received_at", "due_on", "state", "outcome")
        click.echo(
            table(
                ["request", *columns[1:4], "due", *columns[5:]],
                [[str(one[key]) for key in columns] for one in found],
            )
        )


@request.command("show")
@click.argument("request_id")
@click.option(
    "--private",
    is_flag=True,
    help="Also what was given and stated: for whoever answers the request, on their own screen.",
)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def show_request(request_id: str, private: bool, machine: bool) -> None:
    """One request with its history, without what identifies the registrant; of an unclear one, which registrants it may mean."""
    from assets.requests import ledger

    home = existing_home()
    try:
        found = ledger.load(home, request_id)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    told = {
        **shown(home, found),
        "candidates": [dict(one) for one in found.candidates],
        "history": list(found.events),
    }
    if private:
        told |= {
            "given": list(found.given),
            "registrants": list(found.registrants),
            "situation": found.situation,
            "values": found.values,
        }
    if machine:
        as_json(told)
        return
    for name, value in told.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            click.echo(
                f"{name}:"
                + "".join(
                    "\n  " + ", ".join(f"{key} {_plain(part)}" for key, part in one.items())
                    for one in value
                )
            )
        else:
            click.echo(harmless(f"{name}: {value}"))


def _plain(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def shown(home: Home, one: Request) -> dict[str, object]:
    """What may be told of a request to whoever works with it."""
    return {
        "request_id": one.request_id,
        "right": one.right,
        "channel": one.channel,
        "received_at": one.received_at,
        "due_on": str(one.due_on(home)),
        "state": one.state,
        "outcome": one.outcome,
        "purpose": one.purpose,
        "by": one.by if one.purpose else "",
        "verification": one.verification,
        "extension": one.extension,
        "decisions": one.decisions,
        "removed": one.removed,
        "closed_at": one.closed_at,
        "why": one.why,
    }


@request.command("inbox")
@click.option(
    "--open", "refused_id", metavar="ID", help="Print what a file that was set aside said."
)
@click.option("--discard", "discarded_id", metavar="ID", help="Destroy what was set aside.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def inbox(refused_id: str | None, discarded_id: str | None, machine: bool) -> None:
    """Take in the request files of requests/inbox, and list those that were set aside."""
    from assets.requests import ledger
    from assets.rights import request_inbox

    home = existing_home()
    now = datetime.now(home.policy.zone)
    try:
        if refused_id:
            click.echo(harmless(request_inbox.opened(home, refused_id)))
            return
        if discarded_id:
            request_inbox.discard(home, discarded_id)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    taken = request_inbox.take_in(home, now)
    aside = request_inbox.refused(home)
    if machine:
        as_json({"received": list(taken.received), "refused": aside})
    else:
        click.echo("\n".join(taken.received) if taken.received else "No request file was taken in.")
        if aside:
            click.echo(
                "\nSet aside\n"
                + table(
                    ["id", "rule", "fields", "on"],
                    [
                        [
                            one["refused_id"],
                            one["code"],
                            ", ".join(one["fields"]),
                            one["refused_at"],
                        ]
                        for one in aside
                    ],
                )
            )
    spoken_of = [one for one in taken.received if ledger.load(home, one).right in RIGHTS_AS_CHOICES]
    if spoken_of:
        carry_out(home, spoken_of, now)


def today_of(home: Home) -> date:
    """The calendar day in the policy's time zone."""
    return datetime.now(home.policy.zone).date()
