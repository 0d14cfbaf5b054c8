"""Ending an erasure that has begun and cannot be proven: it is refused, with a count of the rows
already removed.

What was removed cannot come back and is counted; the suppressions of this request are lifted,
unless another erasure needs them, so that what sources deliver from now on is taken in again.
Other requests of the registrant have not ended: messages that waited are put back into the outbox,
and a restriction in force is delivered to the register again. There is no certificate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from assets.erasure.proof import certificates, evidence
from assets.ingest import suppression
from assets.requests import ledger
from assets.requests.ledger import RequestError, with_event
from assets.rights import other_requests, recipient_notices, workflow
from assets.storage.data_root import DataRoot


@dataclass(frozen=True)
class Abandoned:
    """Result of a refusal: hashes taken off the suppression list, and rows removed before it."""

    lifted: int
    removed: int


def refuse(data_root: DataRoot, request_id: str, ground: str, now: datetime) -> Abandoned:
    """Refuse an erasure that has begun, inform the registrant of what was removed, lift its
    suppressions, and close it.

    After a kill the request is still open, and a repeated call has the same result. Requires the
    writer's lock.

    Raises:
        RequestError: The erasure has not begun, is certified, or cannot be refused on this ground.
    """
    with ledger.changing(data_root):
        request = ledger.load(data_root, request_id)
        if request.right != "erasure" or request.state != "erasing":
            raise RequestError(f"request {request_id} is no erasure that has begun")
        if request_id in certificates.issued(data_root):
            raise RequestError(
                f"the erasure of request {request_id} is proven and certified: `register erase "
                f"{request_id}` closes it"
            )
        workflow.check_ground(request, ground)
        rows = dict(sorted(evidence.gather(data_root, [request_id])[request_id].rows.items()))
        removed = sum(rows.values())
        lifted = suppression.lift(data_root, request_id)
        other_requests.restore(data_root, request, removed, now)
        workflow.notify_of_refusal(data_root, request, ground, now, removed)
        recipient_notices.discard(data_root, [request_id])
        request = with_event(replace(request, removed=rows), "removed_before", now, str(removed))
        request = with_event(request, "suppression_lifted", now, str(lifted))
        request = with_event(request, "refused", now, ground)
        ledger.close(data_root, request, now, "refused", ground)
    evidence.forget(data_root, ledger.closed_ids(data_root))
    return Abandoned(lifted, removed)
