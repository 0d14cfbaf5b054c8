"""`register request`: requests of registrants, recorded, listed, shown, and taken in from files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, harmless, table, unseen
from pipelines.cli.private_views import record_view
from schemas.requests import CHANNELS, IDENTIFIERS, RIGHTS, RIGHTS_AS_CHOICES, UNCONDITIONAL
from schemas.vocabulary import CHANNELS as BY
from schemas.vocabulary import REGISTRANT_PURPOSES

if TYPE_CHECKING:
    from assets.requests.ledger import Request
    from assets.storage.data_root import DataRoot

ASKS = {
    "access": "asks for a copy of all their data",
    "portability": "asks for what they have provided, in a machine-readable format",
    "rectification": "asks for a correction",
    "erasure": "asks to be erased",
    "restriction": "asks that their data is stored only",
    "objection": "objects to a use of their data",
    "withdrawal": "withdraws a consent",
    "human_review": "asks that a person reviews their profile or a decision",
}


@click.group()
def request() -> None:
    """Record, look up and answer requests of registrants. They are stored outside Dagster."""


def opened_home() -> DataRoot:
    """Return the data root, made when missing."""
    from assets.storage.data_root import DataRoot
    from pipelines.writer_lock import data_root_path

    data_root = DataRoot(data_root_path())
    data_root.create()
    return data_root


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what the ledger refuses as the command's error."""
    from assets.requests import ledger

    try:
        yield
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None


def _options(right: str) -> list[Callable[[Any], Any]]:
    """Return the options of a right's command, last first."""
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
                help="The registrant's situation, as stated; encrypted. `-` prompts for it.",
            )
        )
    if right == "rectification":
        shared.append(
            click.option(
                "--set",
                "values",
                multiple=True,
                metavar="NAME=VALUE",
                help="The correct value; encrypted. May be repeated.",
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
    "email": "Matches only together with a phone, or a registrant without other identifiers.",
    "phone": "Likewise, with an e-mail address.",
}


def _command(right: str) -> click.Command:
    def receive(
        channel: str | None, received: datetime | None, machine: bool, **options: Any
    ) -> None:
        from assets.requests import ledger
        from assets.rights import lookup

        data_root = opened_home()
        given, channel = _asked({kind: options.get(kind) for kind in IDENTIFIERS}, channel)
        weighed = right == "objection" and options.get("purpose") not in UNCONDITIONAL
        asking = options.get("situation") == "-" or (
            weighed and options.get("situation") is None and sys.stdin.isatty()
        )
        situation = unseen("situation", default="") if asking else options.get("situation") or ""
        now = datetime.now(data_root.policy.zone)
        try:
            request_id = ledger.receive(
                data_root,
                right,
                channel,
                lookup.canonical(data_root, given),
                now,
                received=received.date() if received else None,
                purpose=options.get("purpose") or "",
                by=options.get("by") or "all",
                situation=situation,
                values=_values(options.get("values") or ()),
            )
        except ledger.RequestError as error:
            raise CommandError(str(error)) from None
        if not machine:
            click.echo(request_id)
        if right in RIGHTS_AS_CHOICES:
            carry_out(data_root, [request_id], now)
        if machine:
            as_json(
                {"request_id": request_id, **shown(data_root, ledger.load(data_root, request_id))}
            )

    receive.__doc__ = f"""Record that a registrant {ASKS[right]}; prints the request's id.

    Give at least one identifier; `-` prompts for it, so that it is not in the shell's history.
    {"It is carried out at once, and the marts follow." if right in RIGHTS_AS_CHOICES else ""}
    """
    made: Any = receive
    for option in _options(right):
        made = option(made)
    return click.command(right.replace("_", "-"))(made)


def _asked(given: dict[str, str | None], channel: str | None) -> tuple[dict[str, str], str]:
    """Return the identifiers and channel; prompt for what is missing at a terminal, else raise."""
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


def _values(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    if any(not equals or not name for name, equals, _ in pairs):
        raise click.UsageError("--set takes NAME=VALUE, such as family_name=Esimerkki")
    return {name: value for name, _, value in pairs}


def carry_out(data_root: DataRoot, request_ids: list[str], now: datetime) -> None:
    """Deliver restrictions, objections and withdrawals, refresh, and record which marts follow.

    Raises:
        CommandError: A request was not carried out; what was delivered takes effect with the next
            refresh.
    """
    from assets.requests import ledger
    from assets.rights import restriction_and_objection
    from pipelines.cli.refresh import run_refresh

    try:
        done = restriction_and_objection.apply(data_root, request_ids, now)
        delivered = [applied for applied in done if applied.state == "applying"]
        if delivered:
            run_refresh(data_root, now.date(), {str(now.date())})
            restriction_and_objection.settle(data_root, datetime.now(data_root.policy.zone))
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    unclear = [applied for applied in done if applied.state == "unclear"]
    if unclear:
        raise CommandError(f"{len(unclear)} of {len(done)} not carried out: {unclear[0].why}")
    left = [
        applied.request_id
        for applied in delivered
        if ledger.load(data_root, applied.request_id).state == "applying"
    ]
    if left:
        raise CommandError(
            f"request {left[0]} is delivered, but the marts do not follow it yet: see what "
            "`register refresh` says"
        )


for _right in RIGHTS:
    request.add_command(_command(_right))


@request.command("list")
@click.option("--open", "only_open", is_flag=True, help="Without those that are closed.")
@MACHINE
def list_requests(only_open: bool, machine: bool) -> None:
    """List all requests, oldest first, without what identifies the registrants."""
    from assets.requests import ledger

    data_root = existing_data_root()
    rows = [
        shown(data_root, recorded)
        for recorded in ledger.every(data_root, opened=False)
        if not only_open or recorded.state != "closed"
    ]
    if machine:
        as_json(rows)
    else:
        columns = ("request_id", "right", "channel", "received_at", "due_on", "state", "outcome")
        click.echo(
            table(
                ["request", *columns[1:4], "due", *columns[5:]],
                [[str(row[key]) for key in columns] for row in rows],
            )
        )


@request.command("show")
@click.argument("request_id")
@click.option(
    "--private",
    is_flag=True,
    help="Also what was given and stated: for the person who answers it, on their own screen.",
)
@MACHINE
def show_request(request_id: str, private: bool, machine: bool) -> None:
    """Show a request with its history, without what identifies the registrant.

    An unclear one is shown with the registrants that it may mean.
    """
    from assets.requests import ledger

    data_root = existing_data_root()
    try:
        loaded = ledger.load(data_root, request_id)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    values = {
        **shown(data_root, loaded),
        "candidates": [dict(candidate) for candidate in loaded.candidates],
        "history": list(loaded.events),
    }
    if private:
        record_view(data_root, [request_id])
        values |= {
            "given": list(loaded.given),
            "registrants": list(loaded.registrants),
            "situation": loaded.situation,
            "values": loaded.values,
        }
    if machine:
        as_json(values)
        return
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            click.echo(
                f"{name}:"
                + "".join(
                    "\n  " + ", ".join(f"{key} {_plain(part)}" for key, part in entry.items())
                    for entry in value
                )
            )
        else:
            click.echo(harmless(f"{name}: {value}"))


def _plain(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def shown(data_root: DataRoot, request: Request) -> dict[str, object]:
    """Return what may be shown of a request to the people who work with it."""
    return {
        "request_id": request.request_id,
        "right": request.right,
        "channel": request.channel,
        "received_at": request.received_at,
        "due_on": str(request.due_on(data_root)),
        "state": request.state,
        "outcome": request.outcome,
        "purpose": request.purpose,
        "by": request.by if request.purpose else "",
        "verification": request.verification,
        "extension": request.extension,
        "decisions": request.decisions,
        "removed": request.removed,
        "closed_at": request.closed_at,
        "review": request.review,
        "why": request.why,
    }


@request.command("inbox")
@click.option(
    "--open", "refused_id", metavar="ID", help="Print the content of a file that was set aside."
)
@click.option("--discard", "discarded_id", metavar="ID", help="Destroy what was set aside.")
@MACHINE
def inbox(refused_id: str | None, discarded_id: str | None, machine: bool) -> None:
    """Take in the request files of requests/inbox, and list those that were set aside."""
    from assets.requests import ledger
    from assets.rights import request_inbox

    data_root = existing_data_root()
    now = datetime.now(data_root.policy.zone)
    try:
        if refused_id:
            click.echo(harmless(request_inbox.opened(data_root, refused_id)))
            return
        if discarded_id:
            request_inbox.discard(data_root, discarded_id)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    taken = request_inbox.take_in(data_root, now)
    aside = request_inbox.refused(data_root)
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
                            refused["refused_id"],
                            refused["code"],
                            ", ".join(refused["fields"]),
                            refused["refused_at"],
                        ]
                        for refused in aside
                    ],
                )
            )
    immediate = [
        request_id
        for request_id in taken.received
        if ledger.load(data_root, request_id).right in RIGHTS_AS_CHOICES
    ]
    if immediate:
        carry_out(data_root, immediate, now)


def today_of(data_root: DataRoot) -> date:
    """Return the calendar day in the policy's time zone."""
    return datetime.now(data_root.policy.zone).date()
