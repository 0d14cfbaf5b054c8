"""A code goes only to a contact that was on file before the request came, is kept as a hash, and
can be tried five times for an hour.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from assets.requests import ledger
from assets.requests.ledger import RequestError
from assets.rights import lookup, verification
from assets.storage.data_root import DataRoot
from tests.support.known_registrants import LEAVES, NOW, SHARED, registrant_of


def messages(data_root: DataRoot) -> list[dict[str, str]]:
    return [
        json.loads(path.read_text())
        for path in sorted((data_root.outbox / "messages").glob("*.json"))
    ]


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def code_in(data_root: DataRoot) -> str:
    return re.search(r"\b[0-9]{6}\b", messages(data_root)[-1]["text"]).group()


@pytest.fixture
def asked(data_root: DataRoot) -> str:
    request_id = ledger.receive(
        data_root, "access", "other", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    lookup.record(data_root, [request_id], NOW)
    return request_id


@pytest.mark.parametrize(("wanted", "to"), [("", LEAVES.email), ("phone", LEAVES.phone)])
def test_a_code_goes_to_the_contact_on_file_and_verifies(
    data_root: DataRoot, asked: str, wanted: str, to: str
) -> None:
    assert verification.send_code(data_root, asked, NOW, wanted) == (wanted or "email")
    [message] = messages(data_root)
    assert (message["to"], message["kind"], message["language"]) == (to, "code", "fi")
    code = code_in(data_root)
    kept = (data_root.requests / f"{asked}.json").read_text()
    assert code not in re.sub(r"[0-9a-f]{64}|\"sealed\": \"[^\"]*\"", "", kept)
    done = verification.check_code(data_root, asked, f" {code} ", NOW + timedelta(minutes=59))
    assert (done.verification["means"], done.verification["level"]) == (
        "code_to_contact",
        "substantial",
    )
    assert (done.code, messages(data_root)) == ({}, [])


def test_an_address_given_in_the_request_gets_no_code(data_root: DataRoot) -> None:
    request_id = ledger.receive(
        data_root,
        "access",
        "other",
        [f"identity_code:{LEAVES.identity_code}", "email:attacker@example.fi"],
        NOW,
    )
    lookup.record(data_root, [request_id], NOW)
    verification.send_code(data_root, request_id, NOW)
    assert [message["to"] for message in messages(data_root)] == [LEAVES.email]


def test_an_address_that_came_after_the_request_is_not_on_file(data_root: DataRoot) -> None:
    request_id = ledger.receive(
        data_root,
        "access",
        "other",
        [f"identity_code:{LEAVES.identity_code}"],
        NOW - timedelta(days=3000),
    )
    lookup.record(data_root, [request_id], NOW)
    with pytest.raises(RequestError, match="on file before the request came"):
        verification.send_code(data_root, request_id, NOW)
    assert messages(data_root) == []


def test_a_returned_code_identifies_the_registrant_of_a_shared_contact(data_root: DataRoot) -> None:
    request_id = ledger.receive(data_root, "erasure", "other", [f"email:{LEAVES.email}"], NOW)
    assert lookup.record(data_root, [request_id], NOW)[request_id].state == "unclear"
    verification.send_code(data_root, request_id, NOW)
    verified = verification.check_code(data_root, request_id, code_in(data_root), NOW)
    assert (verified.state, verified.registrants) == (
        "received",
        (registrant_of(data_root, LEAVES.identity_code),),
    )
    assert (
        f"identity_code:{LEAVES.identity_code}"
        in lookup.record(data_root, [request_id], NOW)[request_id].resolved
    )


def test_of_several_registrants_none_is_sent_a_code(data_root: DataRoot) -> None:
    request_id = ledger.receive(data_root, "erasure", "other", [f"email:{SHARED}"], NOW)
    lookup.record(data_root, [request_id], NOW)
    with pytest.raises(RequestError, match="which registrant"):
        verification.send_code(data_root, request_id, NOW)
    assert messages(data_root) == []


def test_it_can_be_tried_five_times(data_root: DataRoot, asked: str) -> None:
    verification.send_code(data_root, asked, NOW)
    code = code_in(data_root)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(RequestError, match=f"{left} tries are left"):
            verification.check_code(data_root, asked, wrong, NOW)
    with pytest.raises(RequestError, match="no code is valid"):
        verification.check_code(data_root, asked, code, NOW)
    assert messages(data_root) == []
    assert ledger.load(data_root, asked).verification == {}


def test_it_is_valid_for_an_hour(data_root: DataRoot, asked: str) -> None:
    verification.send_code(data_root, asked, NOW)
    with pytest.raises(RequestError, match="too late"):
        verification.check_code(data_root, asked, code_in(data_root), NOW + timedelta(minutes=61))


def test_at_most_three_codes_are_sent_and_the_last_counts(data_root: DataRoot, asked: str) -> None:
    verification.send_code(data_root, asked, NOW)
    first = code_in(data_root)
    verification.send_code(data_root, asked, NOW)
    if code_in(data_root) != first:
        with pytest.raises(RequestError, match="wrong"):
            verification.check_code(data_root, asked, first, NOW)
    verification.send_code(data_root, asked, NOW)
    assert len(messages(data_root)) == 1
    with pytest.raises(RequestError, match="3 codes"):
        verification.send_code(data_root, asked, NOW)


def test_other_means_are_recorded_with_their_level(data_root: DataRoot, asked: str) -> None:
    assert verification.verified(data_root, asked, "identity_document", NOW).verification == {
        "means": "identity_document", "level": "high", "at": "2026-11-20T10:00:00+02:00",
    }  # fmt: skip
    with pytest.raises(RequestError, match="means of verification"):
        verification.verified(data_root, asked, "a good feeling", NOW)
    ledger.close(data_root, ledger.load(data_root, asked), NOW)
    with pytest.raises(RequestError, match="closed"):
        verification.verified(data_root, asked, "identity_document", NOW)
