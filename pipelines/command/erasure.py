"""`register request` and `register erase`: a registrant's rights, from the letter to the last rewritten file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import click

from assets import requests
from assets.home import Home
from assets.requests import RequestError
from pipelines.command.main import CommandError
from pipelines.command.showing import as_json, table
from pipelines.days import range_tags
from pipelines.resources import home_path, writer

RIGHTS = ("erasure",)
CHANNELS = ("written", "in-person")


@click.group()
def request() -> None:
    """Record and look up the requests of registrants. They are kept outside Dagster."""


@request.command("erasure")
@click.option("--channel", type=click.Choice(CHANNELS), required=True, help="How the request came.")
@click.option("--identity-code", help="Finnish identity code.")
@click.option("--customer-number")
@click.option("--contact-id", help="The CRM's number of the contact.")
@click.option("--email", help="Only if one registrant alone is reached by it.")
@click.option("--phone", help="Likewise.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def request_erasure(channel: str, machine: bool, **given: str | None) -> None:
    """Record that a registrant asks to be erased; prints the request's id.

    Give at least one identifier; `-` asks for it at the terminal, so that it stays out of the shell's history.
    """
    home = Home(home_path())
    home.create()
    asked = {name: click.prompt(name.replace("_", " "), hide_input=True) if value == "-" else value for name, value in given.items()}
    try:
        identifiers = canonical(home, {name: value for name, value in asked.items() if value})
        request_id = requests.receive(home, "erasure", channel, identifiers, datetime.now(home.policy.zone))
    except RequestError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"request_id": request_id})
    else:
        click.echo(request_id)


def canonical(home: Home, given: dict[str, str]) -> list[str]:
    """Identifiers as the register writes them; raises RequestError naming the kind that is not valid."""
    found = []
    with home.connect() as connection:
        for kind, value in given.items():
            if kind in ("identity_code", "email", "phone"):
                canonical, valid = connection.execute(f"SELECT {kind}_canonical($1), {kind}_valid({kind}_canonical($1))", [value]).fetchone() or (None, False)
                if not valid:
                    raise RequestError(f"the {kind.replace('_', ' ')} given is not valid")
                found.append(f"{kind}:{canonical}")
            else:
                found.append(f"{kind}:{value.strip()}")
    return found


@request.command("list")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def list_requests(machine: bool) -> None:
    """All requests, oldest first, without what identifies the registrant."""
    found = [_shown(one) for one in requests.every(Home(home_path()))]
    if machine:
        as_json(found)
    else:
        click.echo(
            table(
                ["request", "right", "channel", "received", "state"],
                [[one[key] for key in ("request_id", "right", "channel", "received_at", "state")] for one in found],
            )
        )


@request.command("show")
@click.argument("request_id")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def show_request(request_id: str, machine: bool) -> None:
    """One request, without what identifies the registrant."""
    try:
        found = _shown(requests.load(Home(home_path()), request_id))
    except RequestError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json(found)
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in found.items()))


def _shown(one: requests.Request) -> dict[str, object]:
    bare = replace(one, given=(), resolved=())
    return {
        "request_id": bare.request_id,
        "right": bare.right,
        "channel": bare.channel,
        "received_at": bare.received_at,
        "state": bare.state,
        "removed": bare.removed,
        "closed_at": bare.closed_at,
        "why": bare.why,
    }


@click.command()
@click.argument("request_ids", nargs=-1)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The day that retention counts from; default: today.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def erase(request_ids: tuple[str, ...], as_of: datetime | None, machine: bool) -> None:
    """Run the erasure backfill for the named requests, or all pending ones, through Dagster."""
    home = Home(home_path())
    home.create()
    today = as_of.date() if as_of else datetime.now(home.policy.zone).date()
    pending = requests.pending(home)
    try:
        asked = [requests.load(home, request_id).request_id for request_id in request_ids] or pending
    except RequestError as error:
        raise CommandError(str(error)) from None
    wanted = [request_id for request_id in asked if request_id in pending]
    if not wanted:
        as_json({"erased": []}) if machine else click.echo("Nothing to erase: no request is pending.")
        return
    from pipelines.command.refresh import dagster, execute

    with writer(home):
        instance, job = dagster()
        known = instance.get_dynamic_partitions("requests")
        instance.add_dynamic_partitions("requests", [one for one in pending if one not in known])
        for first, last in _stretches(instance.get_dynamic_partitions("requests"), set(wanted)):
            execute(job("erasure_backfill"), instance, today, range_tags(first, last))
    after = [requests.load(home, request_id) for request_id in wanted]
    done = [_shown(one) for one in after]
    if machine:
        as_json({"erased": done})
    else:
        click.echo(table(["request", "state", "rows removed"], [[one.request_id, one.state, sum(one.removed.values())] for one in after]))
    unclear = [one for one in after if one.state == "unclear"]
    if unclear:
        raise CommandError(f"{len(unclear)} of {len(after)} not carried out: {unclear[0].why}")


def _stretches(known: list[str], wanted: set[str]) -> list[tuple[str, str]]:
    """Runs of neighbouring partitions that are all wanted: one run covers a range of partitions, and no more."""
    found: list[tuple[str, str]] = []
    previous = ""
    for key in known:
        if key in wanted:
            found[-1:] = [(found[-1][0], key)] if found and previous in wanted else [*found[-1:], (key, key)]
        previous = key
    return found
