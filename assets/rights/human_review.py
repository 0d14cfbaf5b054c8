"""A person reviews how a registrant was profiled or what was decided (GDPR 22(3)).

The request is delivered like an objection, as the choice `review_requested`: the profile is
suspended (ADM-REVIEW), the registrant has a receipt with the day of the answer, and a person
records the outcome under a role or staff number. `upheld` ends the suspension; `withdrawn` delivers
an objection to profiling, which stays. Either is sent to the registrant.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from assets.requests import ledger
from assets.requests.ledger import Request, RequestError, with_event
from assets.rights import outbound_messages, restriction_and_objection, workflow
from assets.storage.data_root import DataRoot
from schemas.requests import REVIEW_OUTCOMES

_REVIEWER = re.compile(r"[A-Za-z0-9ÅÄÖåäö][A-Za-z0-9ÅÄÖåäö ._-]{1,59}")


def assign(data_root: DataRoot, request_id: str, reviewer: str, now: datetime) -> Request:
    """Record who reviews: a role or staff number, no identifier of the registrant.

    Raises:
        RequestError: The request is no open human review, or the reviewer is not of that form.
    """
    if not _REVIEWER.fullmatch(reviewer):
        raise RequestError("the reviewer is a role or staff number of 2 to 60 letters and digits")
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        assigned = with_event(
            replace(request, review={**request.review, "reviewer": reviewer}),
            "reviewer",
            now,
            reviewer,
        )
        ledger.save(data_root, assigned)
    return assigned


def decide(data_root: DataRoot, request_id: str, outcome: str, now: datetime) -> Request:
    """Record the outcome of the person assigned, deliver it to the register, inform the registrant,
    and close the request. The caller refreshes, so that the marts follow.

    Raises:
        RequestError: The review is not in force yet, or nobody is assigned to it.
    """
    if outcome not in REVIEW_OUTCOMES:
        raise RequestError(f"the outcomes of a review are {', '.join(REVIEW_OUTCOMES)}")
    with ledger.changing(data_root):
        request = _open(data_root, request_id)
        if not request.review.get("reviewer"):
            raise RequestError(
                f"request {request_id}: nobody is assigned to review it: `register request review "
                f"{request_id} --reviewer`"
            )
        if request.state != "weighing":
            raise RequestError(f"request {request_id} is {request.state}, not weighing")
        reached = workflow.reach(data_root, request)
        ended = restriction_and_objection.end_review(
            data_root, request, now, objected=outcome == "withdrawn"
        )
        outbound_messages.destroy(data_root, [request_id])
        outbound_messages.write(data_root, ended, reached, f"review_{outcome}", now)
        review = {**request.review, "outcome": outcome, "at": now.isoformat(timespec="seconds")}
        decided = with_event(replace(ended, review=review), "review_decided", now, outcome)
        ledger.close(data_root, decided, now, outcome)
    return ledger.load(data_root, request_id)


def _open(data_root: DataRoot, request_id: str) -> Request:
    request = ledger.load(data_root, request_id)
    if request.right != "human_review" or request.state == "closed":
        raise RequestError(f"request {request_id} is no open human review")
    return request
