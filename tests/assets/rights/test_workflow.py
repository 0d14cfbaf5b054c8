"""Extending, deciding, refusing and closing; and what is owed on a day."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import RequestError
from assets.rights import lookup, outbound_messages, verification, workflow
from assets.storage.data_root import DataRoot
from schemas.requests import GROUNDS, RIGHTS, refusable
from tests.support.known_registrants import LEAVES, NOW


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def asked(data_root: DataRoot, right: str = "access", days_ago: int = 0, purpose: str = "") -> str:
    day = NOW.date() - timedelta(days=days_ago)
    request_id = ledger.receive(
        data_root,
        right,
        "written",
        [f"identity_code:{LEAVES.identity_code}"],
        NOW,
        received=day,
        purpose=purpose,
    )
    lookup.record(data_root, [request_id], NOW)
    return request_id


def messages(data_root: DataRoot) -> list[dict[str, str]]:
    return [
        json.loads(path.read_text())
        for path in sorted((data_root.outbox / "messages").glob("*.json"))
    ]


def test_a_message_that_waits_is_never_written_over_and_no_id_is_used_twice(
    data_root: DataRoot,
) -> None:
    """Of what was written the code goes when it is used up, and the sender takes what is sent."""
    request_id = asked(data_root)
    verification.send_code(data_root, request_id, NOW)
    [code] = messages(data_root)
    workflow.extend(data_root, request_id, "complexity", NOW)
    verification.check_code(data_root, request_id, code["text"].split("on ")[1][:6], NOW)
    verification.send_code(data_root, request_id, NOW)
    assert sorted(message["kind"] for message in messages(data_root)) == ["code", "extension"]
    used = {code["message_id"], *(message["message_id"] for message in messages(data_root))}
    for path in outbound_messages.folder(data_root).iterdir():
        path.unlink()
    workflow.refuse(data_root, request_id, "REQ-EXCESSIVE", NOW)
    [refusal] = messages(data_root)
    assert (len(used), refusal["message_id"] in used) == (3, False)


def test_an_extension_is_announced_within_the_first_month(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    extended, channel = workflow.extend(data_root, request_id, "complexity", NOW)
    assert (str(extended.due_on(data_root)), channel) == ("2027-02-22", "email")
    [message] = messages(data_root)
    assert (message["kind"], message["to"]) == ("extension", LEAVES.email)
    assert "22.2.2027" in message["text"]
    with pytest.raises(RequestError, match="extended already"):
        workflow.extend(data_root, request_id, "number", NOW)


def test_a_message_that_nobody_sends_is_destroyed_in_the_time_of_the_policy(
    data_root: DataRoot,
) -> None:
    workflow.extend(data_root, asked(data_root), "complexity", NOW)
    kept = data_root.policy.requests.messages_kept.after(NOW.date())
    assert (
        outbound_messages.expire(data_root, kept - timedelta(days=1)),
        outbound_messages.waiting(data_root),
    ) == (0, 1)
    assert (outbound_messages.expire(data_root, kept), outbound_messages.waiting(data_root)) == (
        1,
        0,
    )


def test_after_the_first_month_it_is_too_late_to_extend(data_root: DataRoot) -> None:
    in_time, late = asked(data_root, days_ago=31), asked(data_root, days_ago=32)
    assert str(ledger.load(data_root, in_time).due_on(data_root)) == "2026-11-20"
    workflow.extend(data_root, in_time, "number", NOW)
    with pytest.raises(RequestError, match="first month is over"):
        workflow.extend(data_root, late, "number", NOW)
    with pytest.raises(RequestError, match="complexity or number"):
        workflow.extend(data_root, late, "holidays", NOW)


@pytest.mark.parametrize("right", RIGHTS)
def test_a_refusal_needs_a_ground_of_its_right(data_root: DataRoot, right: str) -> None:
    possible = refusable(right, "legitimate_interest")
    assert possible
    for ground in (*GROUNDS, "", "REQ-NO-SUCH"):
        request_id = asked(data_root, right, purpose="legitimate_interest")
        if ground in possible:
            refused = workflow.refuse(data_root, request_id, ground, NOW)
            assert (refused.state, refused.outcome, refused.why, refused.given) == (
                "closed",
                "refused",
                ground,
                (),
            )
        else:
            with pytest.raises(RequestError, match="recorded ground"):
                workflow.refuse(data_root, request_id, ground, NOW)
            assert ledger.load(data_root, request_id).state == "received"


def test_marketing_cannot_be_insisted_upon(data_root: DataRoot) -> None:
    assert refusable("objection", "direct_marketing") == ["REQ-NOT-IDENTIFIED"]
    assert "REQ-EXCESSIVE" not in refusable("withdrawal", "direct_marketing")


def test_a_refusal_states_the_ground_and_where_to_complain(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    workflow.refuse(data_root, request_id, "REQ-EXCESSIVE", NOW)
    [message] = messages(data_root)
    assert (message["kind"], message["to"]) == ("refusal", LEAVES.email)
    assert "12 artiklan 5 kohdan b alakohta" in message["text"]
    assert "tietosuojaviranomaiselle" in message["text"]
    assert not encrypted_identity.key_path(data_root, request_id).exists()


def test_categories_are_decided_each_with_its_ground(data_root: DataRoot) -> None:
    request_id = asked(data_root, "erasure")
    done = workflow.decide(
        data_root,
        request_id,
        {"contact": ("granted", ""), "order": ("refused", "REQ-LEGAL-OBLIGATION")},
        NOW,
    )
    assert done.decisions == {
        "contact": {"decision": "granted"},
        "order": {"decision": "refused", "ground": "REQ-LEGAL-OBLIGATION"},
    }
    assert [event["told"] for event in done.events if event["what"] == "decided"] == [
        "contact=granted",
        "order=refused:REQ-LEGAL-OBLIGATION",
    ]
    with pytest.raises(RequestError, match="no category"):
        workflow.decide(data_root, request_id, {"shoe_size": ("granted", "")}, NOW)
    with pytest.raises(RequestError, match="recorded ground"):
        workflow.decide(data_root, request_id, {"order": ("refused", "REQ-ACCURATE")}, NOW)


def test_what_the_pipeline_carries_out_is_not_closed_by_hand(data_root: DataRoot) -> None:
    with pytest.raises(RequestError, match="closed when it is proven"):
        workflow.close(data_root, asked(data_root, "erasure"), NOW)
    assert workflow.close(data_root, asked(data_root, "portability"), NOW).outcome == "granted"


def test_what_is_due_is_listed_by_its_day(data_root: DataRoot) -> None:
    late, soon, fine, done = (asked(data_root, days_ago=days) for days in (40, 25, 3, 40))
    workflow.close(data_root, done, NOW)
    owed = workflow.owed(data_root, NOW.date())
    assert (owed.overdue, owed.due_soon) == ((late,), (soon,))
    assert owed.open_by_right["access"] == 3
    assert fine not in (*owed.overdue, *owed.due_soon)
    on_the_day = ledger.load(data_root, soon).due_on(data_root)
    assert soon in workflow.owed(data_root, on_the_day).due_soon
    assert soon in workflow.owed(data_root, on_the_day + timedelta(days=1)).overdue


def test_an_extended_request_is_not_overdue_before_its_new_day(data_root: DataRoot) -> None:
    request_id = asked(data_root, days_ago=31)
    workflow.extend(data_root, request_id, "complexity", NOW)
    assert workflow.owed(data_root, date(2026, 12, 20)).overdue == ()
    assert workflow.owed(data_root, date(2027, 1, 21)).overdue == (request_id,)


def unresolved(data_root: DataRoot, given: str) -> str:
    return ledger.receive(data_root, "access", "written", [given], NOW)


@pytest.mark.parametrize("ground", refusable("erasure", ""))
def test_a_refusal_gives_its_reason_in_plain_words_although_nobody_ran_find(
    data_root: DataRoot, ground: str
) -> None:
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    workflow.refuse(data_root, request_id, ground, NOW)
    [message] = messages(data_root)
    reason = outbound_messages.words()["reasons"][ground][message["language"]]
    assert reason in message["text"]
    assert (message["to"], ground in message["text"]) == (LEAVES.email, False)
    assert str(NOW.date()) not in message["text"]


def test_who_is_not_known_is_refused_in_every_language_of_the_policy(data_root: DataRoot) -> None:
    request_id = unresolved(data_root, "customer_number:C-NOBODY")
    workflow.refuse(data_root, request_id, "REQ-NOT-IDENTIFIED", NOW)
    [message] = messages(data_root)
    reasons = outbound_messages.words()["reasons"]["REQ-NOT-IDENTIFIED"]
    assert all(reasons[language] in message["text"] for language in data_root.policy.languages)


def test_every_letter_and_reason_is_in_every_language() -> None:
    words = outbound_messages.words()
    assert set(GROUNDS) <= set(words["reasons"])
    for kind in ("letters", "kept", "reasons"):
        for texts in words[kind].values():
            assert set(texts) == {"en", "fi", "sv"}


def test_a_request_refused_in_part_is_not_closed_as_granted(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    workflow.decide(data_root, request_id, {"order": ("refused", "REQ-RIGHTS-OF-OTHERS")}, NOW)
    assert workflow.close(data_root, request_id, NOW).outcome == "partly_refused"
    [message] = messages(data_root)
    assert message["kind"] == "partly_refused"
    assert data_root.policy.categories["order"].name[message["language"]] in message["text"]  # type: ignore[index]
