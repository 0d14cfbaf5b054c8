"""The last look before an erasure begins: nothing has been suppressed or removed yet, and what is
in doubt waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from assets.erasure import bystanders, safeguards
from assets.requests import ledger
from assets.requests.ledger import Request
from assets.rights import lookup
from assets.storage.data_root import DataRoot


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
    """Mark erasures as begun, but for those with bystanders: these become unclear. Return all as
    they are then.

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
    with ledger.changing(data_root):
        done = [
            lookup.set_aside(
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
        ledger.save(data_root, *done)
    return {request.request_id: request for request in done}


def _reason(request: Request, count: int) -> str:
    return (
        f"request {request.request_id}: {count} records that would go are somebody else's own or "
        "name another registrant "
        f"(`register request preview {request.request_id}`); leave out the identifier that is not "
        "theirs with `register "
        "request correct --not-theirs`, let the records go with `register request decide "
        "--bystanders erase`, or refuse"
    )
