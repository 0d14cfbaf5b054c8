"""Extending, deciding, refusing and closing; and what is owed on a day."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import RequestError
from assets.rights import lookup, outbound_messages, verification, workflow
from assets.storage.data_root import Home
from schemas.requests import GROUNDS, RIGHTS, refusable
from tests.support.known_registrants import LEAVES, NOW


@pytest.fixture
def home(known_home: Home) -> Home:
    return known_home


def asked(home: Home, right: str = "access", days_ago: int = 0, purpose: str = "") -> str:
    day = NOW.date() - timedelta(days=days_ago)
    request_id = ledger.receive(
        home,
        right,
        "written",
        [f"identity_code:{LEAVES.identity_code}"],
        NOW,
        received=day,
        purpose=purpose,
    )
    lookup.record(home, [request_id], NOW)
    return request_id


def messages(home: Home) -> list[dict[str, str]]:
    return [
        json.loads(path.read_text()) for path in sorted((home.outbox / "messages").glob("*.json"))
    ]


def test_a_message_that_waits_is_never_written_over_and_no_id_is_used_twice(home: Home) -> None:
    """Of what was written the code goes when it is used up, and the sender takes what is sent."""
    request_id = asked(home)
    verification.send_code(home, request_id, NOW)
    [code] = messages(home)
    workflow.extend(home, request_id, "complexity", NOW)
    verification.check_code(home, request_id, code["text"].split("on ")[1][:6], NOW)
    verification.send_code(home, request_id, NOW)
    assert sorted(one["kind"] for one in messages(home)) == ["code", "extension"]
    used = {code["message_id"], *(one["message_id"] for one in messages(home))}
    for path in outbound_messages.folder(home).iterdir():
        path.unlink()
    workflow.refuse(home, request_id, "REQ-EXCESSIVE", NOW)
    [refusal] = messages(home)
    assert (len(used), refusal["message_id"] in used) == (3, False)


def test_an_extension_is_told_within_the_first_month(home: Home) -> None:
    request_id = asked(home)
    extended, channel = workflow.extend(home, request_id, "complexity", NOW)
    assert (str(extended.due_on(home)), channel) == ("2027-02-22", "email")
    [message] = messages(home)
    assert (message["kind"], message["to"]) == ("extension", LEAVES.email)
    assert "2027-02-22" in message["text"]
    with pytest.raises(RequestError, match="extended already"):
        workflow.extend(home, request_id, "number", NOW)


def test_a_message_that_nobody_sends_is_destroyed_in_the_time_of_the_policy(home: Home) -> None:
    workflow.extend(home, asked(home), "complexity", NOW)
    kept = home.policy.requests.messages_kept.after(NOW.date())
    assert (
        outbound_messages.expire(home, kept - timedelta(days=1)),
        outbound_messages.waiting(home),
    ) == (0, 1)
    assert (outbound_messages.expire(home, kept), outbound_messages.waiting(home)) == (1, 0)


def test_after_the_first_month_it_is_too_late_to_extend(home: Home) -> None:
    in_time, late = asked(home, days_ago=31), asked(home, days_ago=32)
    assert str(ledger.load(home, in_time).due_on(home)) == "2026-11-20"
    workflow.extend(home, in_time, "number", NOW)
    with pytest.raises(RequestError, match="first month is over"):
        workflow.extend(home, late, "number", NOW)
    with pytest.raises(RequestError, match="complexity or number"):
        workflow.extend(home, late, "holidays", NOW)


@pytest.mark.parametrize("right", RIGHTS)
def test_a_refusal_needs_a_ground_of_its_right(home: Home, right: str) -> None:
    possible = refusable(right, "legitimate_interest")
    assert possible
    for ground in (*GROUNDS, "", "REQ-NO-SUCH"):
        request_id = asked(home, right, purpose="legitimate_interest")
        if ground in possible:
            refused = workflow.refuse(home, request_id, ground, NOW)
            assert (refused.state, refused.outcome, refused.why, refused.given) == (
                "closed",
                "refused",
                ground,
                (),
            )
        else:
            with pytest.raises(RequestError, match="recorded ground"):
                workflow.refuse(home, request_id, ground, NOW)
            assert ledger.load(home, request_id).state == "received"


def test_marketing_cannot_be_insisted_upon(home: Home) -> None:
    assert refusable("objection", "direct_marketing") == ["REQ-NOT-IDENTIFIED"]
    assert "REQ-EXCESSIVE" not in refusable("withdrawal", "direct_marketing")


def test_a_refusal_tells_the_ground_and_where_to_complain(home: Home) -> None:
    request_id = asked(home)
    workflow.refuse(home, request_id, "REQ-EXCESSIVE", NOW)
    [message] = messages(home)
    assert (message["kind"], message["to"]) == ("refusal", LEAVES.email)
    assert "GDPR 12(5)(b)" in message["text"]
    assert "tietosuojaviranomaiselle" in message["text"]
    assert not encrypted_identity.key_path(home, request_id).exists()


def test_categories_are_decided_each_with_its_ground(home: Home) -> None:
    request_id = asked(home, "erasure")
    done = workflow.decide(
        home,
        request_id,
        {"contact": ("granted", ""), "order": ("refused", "REQ-LEGAL-OBLIGATION")},
        NOW,
    )
    assert done.decisions == {
        "contact": {"decision": "granted"},
        "order": {"decision": "refused", "ground": "REQ-LEGAL-OBLIGATION"},
    }
    assert [one["told"] for one in done.events if one["what"] == "decided"] == [
        "contact=granted",
        "order=refused:REQ-LEGAL-OBLIGATION",
    ]
    with pytest.raises(RequestError, match="no category"):
        workflow.decide(home, request_id, {"shoe_size": ("granted", "")}, NOW)
    with pytest.raises(RequestError, match="recorded ground"):
        workflow.decide(home, request_id, {"order": ("refused", "REQ-ACCURATE")}, NOW)


def test_what_the_pipeline_carries_out_is_not_closed_by_hand(home: Home) -> None:
    with pytest.raises(RequestError, match="closed when it is proven"):
        workflow.close(home, asked(home, "erasure"), NOW)
    assert workflow.close(home, asked(home, "portability"), NOW).outcome == "granted"


def test_what_is_owed_is_told_by_its_day(home: Home) -> None:
    late, soon, fine, done = (asked(home, days_ago=days) for days in (40, 25, 3, 40))
    workflow.close(home, done, NOW)
    owed = workflow.owed(home, NOW.date())
    assert (owed.overdue, owed.due_soon) == ((late,), (soon,))
    assert owed.open_by_right["access"] == 3
    assert fine not in (*owed.overdue, *owed.due_soon)
    on_the_day = ledger.load(home, soon).due_on(home)
    assert soon in workflow.owed(home, on_the_day).due_soon
    assert soon in workflow.owed(home, on_the_day + timedelta(days=1)).overdue


def test_an_extended_request_is_not_overdue_before_its_new_day(home: Home) -> None:
    request_id = asked(home, days_ago=31)
    workflow.extend(home, request_id, "complexity", NOW)
    assert workflow.owed(home, date(2026, 12, 20)).overdue == ()
    assert workflow.owed(home, date(2027, 1, 21)).overdue == (request_id,)
