"""A person reviews a profile: it is suspended until the outcome, of which the registrant learns."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import human_review, restriction_and_objection
from assets.storage.data_root import DataRoot
from tests.assets.rights.test_restriction_and_objection import keeping_out, night
from tests.support.known_registrants import LEAVES, NOW, registrant_of

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def under_review(data_root: DataRoot) -> Request:
    request_id = ledger.receive(
        data_root, "human_review", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    restriction_and_objection.apply(data_root, [request_id], NOW)
    night(data_root)
    restriction_and_objection.settle(data_root, NOW + timedelta(minutes=1))
    return ledger.load(data_root, request_id)


def letters(data_root: DataRoot) -> dict[str, str]:
    messages = [
        json.loads(path.read_text()) for path in (data_root.outbox / "messages").glob("*.json")
    ]
    return {message["kind"]: message["text"] for message in messages}


def codes(data_root: DataRoot) -> set[str]:
    return keeping_out(data_root, registrant_of(data_root, LEAVES.identity_code), "analytics")


def test_a_profile_under_review_is_suspended_and_the_receipt_names_the_day(
    data_root: DataRoot,
) -> None:
    request = under_review(data_root)
    assert request.state == "weighing"
    assert "ADM-REVIEW" in codes(data_root)
    due = request.due_on(data_root)
    assert f"{due.day}.{due.month}.{due.year}" in letters(data_root)["review_received"]


def test_the_outcome_needs_a_reviewer_and_is_recorded_with_them(data_root: DataRoot) -> None:
    request = under_review(data_root)
    with pytest.raises(RequestError, match="nobody is assigned"):
        human_review.decide(data_root, request.request_id, "upheld", LATER)
    with pytest.raises(RequestError, match="role or staff number"):
        human_review.assign(data_root, request.request_id, "a@b", LATER)
    human_review.assign(data_root, request.request_id, "team privacy 7", LATER)
    closed = human_review.decide(data_root, request.request_id, "upheld", LATER)
    assert (closed.state, closed.outcome) == ("closed", "upheld")
    assert closed.review["reviewer"] == "team privacy 7"
    assert [event["what"] for event in closed.events][-4:] == [
        "reviewer",
        "lifted",
        "review_decided",
        "closed",
    ]
    assert set(letters(data_root)) == {"review_upheld"}
    night(data_root)
    assert "ADM-REVIEW" not in codes(data_root)


def test_a_withdrawn_profile_stays_withdrawn(data_root: DataRoot) -> None:
    request = under_review(data_root)
    human_review.assign(data_root, request.request_id, "privacy officer", LATER)
    closed = human_review.decide(data_root, request.request_id, "withdrawn", LATER)
    assert closed.outcome == "withdrawn"
    assert set(letters(data_root)) == {"review_withdrawn"}
    night(data_root)
    assert {"ADM-REVIEW", "ADM-OBJECTION"} & codes(data_root) == {"ADM-OBJECTION"}
