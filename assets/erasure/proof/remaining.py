"""What may remain of somebody erased: counted on the certificate with the reason, never called
erased.
"""

from __future__ import annotations

from collections.abc import Mapping

from assets.erasure.legal_holds import Retained
from assets.erasure.proof.near_matches import KEPT_MENTION
from assets.erasure.proof.verification import Proof
from assets.requests.ledger import Request

NEAR = "records near the registrant: their name with their birth date or address, no identifier"
LEFT_OUT = "identifiers left out of the erasure"
LEFT_OUT_REASON = "also somebody else's: records of others that name them stay as they are"
MENTIONED = "records whose text has what may be an identifier of the registrant"
NEAR_REASONS = {
    KEPT_MENTION: "a person decided that it is none, or stays",
    "": "not decided: whether they are the registrant's is open",
    "keep": "a person decided that they are somebody else's",
    "remove": "a person decided that they are the registrant's; they are still there",
}


def counted(
    request: Request, proof: Proof, retained: Mapping[str, Retained], near: Mapping[str, int]
) -> list[dict[str, object]]:
    """Return what remains by kind, with count and reason; empty when nothing does."""
    kinds: list[tuple[str, int, str]] = [
        (
            f"rows of category {category}, without their person",
            retention.rows,
            f"held: {retention.ground}",
        )
        for category, retention in sorted(retained.items())
    ]
    kinds += [
        ("identifiers", count, reason)
        for (request_id, reason), count in sorted(proof.left_out.items())
        if request_id == request.request_id
    ]
    left_out = {*request.left_out, *request.own} - {*request.given, *request.resolved}
    kinds.append((LEFT_OUT, len(left_out), LEFT_OUT_REASON))
    kinds += [
        (MENTIONED if decision == KEPT_MENTION else NEAR, near[decision], NEAR_REASONS[decision])
        for decision in sorted(near)
    ]
    return [
        {"what": what, "count": count, "reason": reason} for what, count, reason in kinds if count
    ]
