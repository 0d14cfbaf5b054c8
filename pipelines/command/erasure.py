"""`register erase`: the erasure backfill, from the pending requests to the last rewritten file."""

from __future__ import annotations

from datetime import datetime

import click

from assets.home import Home
from assets.rights import request_inbox, requests
from assets.rights.requests import RequestError
from pipelines.command.main import CommandError
from pipelines.command.request import shown
from pipelines.command.showing import as_json, table
from pipelines.days import range_tags
from pipelines.resources import home_path, report_died, writer


@click.command()
@click.argument("request_ids", nargs=-1)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The day that retention counts from; default: today.")
@click.option("--json", "machine", is_flag=True, help="For machines.")
def erase(request_ids: tuple[str, ...], as_of: datetime | None, machine: bool) -> None:
    """Run the erasure backfill for the named requests, or all pending ones, through Dagster."""
    home = Home(home_path())
    home.create()
    today = as_of.date() if as_of else datetime.now(home.policy.zone).date()
    request_inbox.take_in(home, datetime.now(home.policy.zone))
    pending = requests.pending(home)
    try:
        asked = [requests.load(home, request_id).request_id for request_id in request_ids] or pending
    except RequestError as error:
        raise CommandError(str(error)) from None
    wanted = [request_id for request_id in asked if request_id in pending]
    if not wanted:
        report_died(home)
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
    done = [shown(home, one) for one in after]
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
