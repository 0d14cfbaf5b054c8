"""`register erase`: the erasure backfill, from pending requests to the last rewritten file."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import DAY, MACHINE
from pipelines.cli.output import as_json, table
from pipelines.cli.request import shown

if TYPE_CHECKING:
    from assets.storage.data_root import DataRoot


@click.command()
@click.argument("request_ids", nargs=-1)
@click.option(
    "--as-of",
    type=DAY,
    help="The day that retention counts from; default: today.",
)
@MACHINE
def erase(request_ids: tuple[str, ...], as_of: datetime | None, machine: bool) -> None:
    """Run the erasure backfill for the named requests, or all pending ones, through Dagster."""
    from assets.requests import ledger
    from assets.rights import request_inbox
    from pipelines.days import range_tags
    from pipelines.writer_lock import report_died, writer

    data_root = existing_data_root()
    data_root.create()
    today = as_of.date() if as_of else datetime.now(data_root.policy.zone).date()
    request_inbox.take_in(data_root, datetime.now(data_root.policy.zone))
    try:
        named = [ledger.load(data_root, request_id).request_id for request_id in request_ids]
        _match_again(data_root, named)
    except ledger.RequestError as error:
        raise CommandError(str(error)) from None
    asked = named or ledger.pending(data_root)
    _guard(data_root, asked, today)
    pending = ledger.pending(data_root)
    wanted = [request_id for request_id in dict.fromkeys(asked) if request_id in pending]
    in_doubt = [
        request
        for request in map(partial(ledger.load, data_root), asked)
        if request.state == "unclear"
    ]
    if not wanted:
        report_died(data_root)
        as_json({"erased": []}) if machine else click.echo(
            "Nothing to erase: no request is pending."
        )
        if in_doubt:
            raise CommandError(in_doubt[0].why)
        return
    from pipelines.cli.refresh import dagster, execute

    with writer(data_root):
        instance, job = dagster()
        make_adjacent(instance, wanted, pending)
        execute(job("erasure_backfill"), instance, today, range_tags(wanted[0], wanted[-1]))
    after = [ledger.load(data_root, request_id) for request_id in wanted] + in_doubt
    done = [shown(data_root, request) for request in after]
    if machine:
        as_json({"erased": done})
    else:
        click.echo(
            table(
                ["request", "state", "rows removed"],
                [
                    [request.request_id, request.state, sum(request.removed.values())]
                    for request in after
                ],
            )
        )
        _echo_confirmations(data_root, wanted)
    unclear = [request for request in after if request.state == "unclear"]
    if unclear:
        raise CommandError(f"{len(unclear)} of {len(after)} not carried out: {unclear[0].why}")


def _echo_confirmations(data_root: DataRoot, erased: list[str]) -> None:
    """Say which confirmations wait to be sent."""
    from assets.rights import withheld_messages

    for request_id in sorted(set(withheld_messages.waiting(data_root)) & set(erased)):
        click.echo(
            f"The confirmation to the registrant waits, encrypted: `register request confirmation "
            f"{request_id}` hands it out to be sent."
        )


def _match_again(data_root: DataRoot, named: list[str]) -> None:
    """Match the unclear erasures again, all or those named: doubts may have been decided."""
    from assets.requests import ledger
    from assets.rights import lookup

    unclear = [
        request.request_id
        for request in ledger.every(data_root, opened=False)
        if request.right == "erasure"
        and request.state == "unclear"
        and (not named or request.request_id in named)
    ]
    if unclear:
        lookup.record(data_root, unclear, datetime.now(data_root.policy.zone))


def _guard(data_root: DataRoot, asked: list[str], today: date) -> None:
    """Set aside what a safeguard stops already, so that no run is started for it; what is not
    resolved yet is checked again in the run.
    """
    from assets.erasure import beginning

    beginning.guard(data_root, asked, datetime.now(data_root.policy.zone), today)


def make_adjacent(instance: Any, wanted: list[str], pending: list[str]) -> None:
    """Give every pending request a partition, with the wanted ones adjacent: a run covers one
    range.

    A pending request has no materialization in Dagster yet, so that its key can be deleted and
    added again; after a kill in between, the next sensor tick adds it.
    """
    known = instance.get_dynamic_partitions("requests")
    new = [request_id for request_id in pending if request_id not in known]
    instance.add_dynamic_partitions("requests", new)
    known = [*known, *new]
    first = known.index(wanted[0])
    if known[first : first + len(wanted)] != wanted:
        for request_id in wanted:
            instance.delete_dynamic_partition("requests", request_id)
        instance.add_dynamic_partitions("requests", wanted)
