"""The last look before an erasure begins: nothing has been suppressed or removed yet, and what is
in doubt waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from assets.erasure import bystanders, confirmation, safeguards
from assets.register import holds as register_holds
from assets.requests import holds, ledger
from assets.requests.ledger import Request
from assets.rights import lookup, outbound_messages, workflow
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.holds import BY_COMMAND, GROUNDS


def guard(
    data_root: DataRoot, request_ids: Iterable[str], now: datetime, today: date
) -> dict[str, Request]:
    """Make unclear the waiting erasures that a safeguard stops (`safeguards`), and return all of
    the requests as they are then.
    """
    with ledger.changing(data_root):
        requests = [ledger.load(data_root, request_id) for request_id in request_ids]
        waiting = [
            request
            for request in requests
            if request.right == "erasure"
            and request.state == "received"
            and not request.without_key
        ]
        checked = safeguards.check(data_root, waiting, today) if waiting else {}
        stopped = {
            request.request_id: lookup.set_aside(
                request, request, reason, now, len(checked[request.request_id].undecided)
            )
            for request in waiting
            if (reason := checked[request.request_id].reason(request.request_id))
        }
        ledger.save(data_root, *stopped.values())
    return {request.request_id: stopped.get(request.request_id, request) for request in requests}


def begin(data_root: DataRoot, erasures: Sequence[Request], now: datetime) -> dict[str, Request]:
    """Mark erasures as begun, but for those with bystanders, or under a hold: these become unclear.
    Return all as they are then.

    A hold that somebody has added makes the erasure wait as a whole: what it covers cannot be kept
    without the person it is about. The registrant's own requests and restriction do not.

    Args:
        data_root: The data root.
        erasures: Requests that were resolved (`lookup.record`), that no safeguard stops (`guard`),
            and that are to be carried out.
        now: When.
    """
    ready = [request for request in erasures if request.right == "erasure"]
    if not ready:
        return {}
    touched = bystanders.count(data_root, ready)
    on_hold = _on_hold(data_root, ready, now)
    with ledger.changing(data_root):
        done = [
            replace(
                lookup.set_aside(
                    request,
                    request,
                    _waits(request, on_hold[request.request_id]),
                    now,
                    len(on_hold[request.request_id]),
                ),
                waits_for=on_hold[request.request_id],
            )
            if request.request_id in on_hold
            else lookup.set_aside(
                request,
                request,
                _reason(request, touched[request.request_id]),
                now,
                touched[request.request_id],
            )
            if request.request_id in touched
            and request.choices.get(bystanders.CHOICE) != bystanders.ERASED
            else lookup.begun(request, now)
            for request in ready
        ]
        for request in ready:
            if request.request_id in on_hold:
                _notify_of_hold(data_root, request, on_hold[request.request_id], now)
        ledger.save(data_root, *done)
    return {request.request_id: request for request in done}


def _notify_of_hold(
    data_root: DataRoot, request: Request, waits_for: tuple[str, ...], now: datetime
) -> None:
    """Write the message that the erasure waits, and why (GDPR 12(4))."""
    grounds = {hold.hold_id: hold.ground for hold in holds.every(data_root, opened=False)}
    outbound_messages.destroy(data_root, [request.request_id], confirmation.WAITS)
    outbound_messages.write(
        data_root, request, workflow.reach(data_root, request), confirmation.WAITS, now,
        reason=GROUNDS[grounds[waits_for[0]]].refusal,
    )  # fmt: skip


def _on_hold(
    data_root: DataRoot, erasures: Sequence[Request], now: datetime
) -> dict[str, tuple[str, ...]]:
    """Return the ids of the holds on the registrants of erasures, by request; only where any is."""
    today = now.astimezone(data_root.policy.zone).date()
    if not holds.in_force(data_root, today):
        return {}
    with connect(data_root) as connection:
        register_holds.find_published(data_root, connection, today)
        rows = connection.execute(
            """SELECT DISTINCT registrant_id, hold FROM registrants_on_hold
            WHERE list_contains($1::VARCHAR[], ground)""",
            [list(BY_COMMAND)],
        ).fetchall()
    found = {
        request.request_id: tuple(
            sorted({hold for registrant_id, hold in rows if registrant_id in request.registrants})
        )
        for request in erasures
    }
    return {request_id: ids for request_id, ids in found.items() if ids}


def _waits(request: Request, waits_for: tuple[str, ...]) -> str:
    return (
        f"request {request.request_id}: held by {', '.join(waits_for)} (`register hold list`); it "
        "can be launched when they have ended, or be refused on the ground that the hold has"
    )


def _reason(request: Request, count: int) -> str:
    return (
        f"request {request.request_id}: {count} records that would go are somebody else's own or "
        "name another registrant "
        f"(`register request preview {request.request_id}`); leave out the identifier that is not "
        "theirs with `register "
        "request correct --not-theirs`, let the records go with `register request decide "
        "--bystanders erase`, or refuse"
    )
