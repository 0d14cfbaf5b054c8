"""A code goes only to a contact that was on file before the request came, is kept as a hash, and can be tried five times for an hour."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from assets.requests import ledger
from assets.requests.ledger import RequestError
from assets.rights import lookup, verification
from assets.storage.data_root import Home
from tests.support.known_registrants import LEAVES, NOW, SHARED, registrant_of


def messages(home: Home) -> list[dict[str, str]]:
    return [
        json.loads(path.read_text()) for path in sorted((home.outbox / "messages").glob("*.json"))
    ]


@pytest.fixture
def home(known_home: Home) -> Home:
    return known_home


def code_in(home: Home) -> str:
    return re.search(r"\b[0-9]{6}\b", messages(home)[-1]["text"]).group()  # type: ignore[union-attr]


@pytest.fixture
def asked(home: Home) -> str:
    request_id = ledger.receive(
        home, "access", "other", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    lookup.record(home, [request_id], NOW)
    return request_id


@pytest.mark.parametrize(("wanted", "to"), [("", LEAVES.email), ("phone", LEAVES.phone)])
def test_a_code_goes_to_the_contact_on_file_and_verifies(
    home: Home, asked: str, wanted: str, to: str
) -> None:
    assert verification.send_code(home, asked, NOW, wanted) == (wanted or "email")
    [message] = messages(home)
    assert (message["to"], message["kind"], message["language"]) == (to, "code", "fi")
    code = code_in(home)
    kept = (home.requests / f"{asked}.json").read_text()
    assert code not in re.sub(r"[0-9a-f]{64}|\"sealed\": \"[^\"]*\"", "", kept)
    done = verification.check_code(home, asked, f" {code} ", NOW + timedelta(minutes=59))
    assert (done.verification["means"], done.verification["level"]) == (
        "code_to_contact",
        "substantial",
    )
    assert (done.code, messages(home)) == ({}, [])


def test_whoever_names_another_address_gets_no_code_there(home: Home) -> None:
    request_id = ledger.receive(
        home,
        "access",
        "other",
        [f"identity_code:{LEAVES.identity_code}", "email:attacker@example.fi"],
        NOW,
    )
    lookup.record(home, [request_id], NOW)
    verification.send_code(home, request_id, NOW)
    assert [one["to"] for one in messages(home)] == [LEAVES.email]


def test_an_address_that_came_after_the_request_is_not_on_file(home: Home) -> None:
    request_id = ledger.receive(
        home,
        "access",
        "other",
        [f"identity_code:{LEAVES.identity_code}"],
        NOW - timedelta(days=3000),
    )
    lookup.record(home, [request_id], NOW)
    with pytest.raises(RequestError, match="on file before the request came"):
        verification.send_code(home, request_id, NOW)
    assert messages(home) == []


def test_a_code_that_came_back_says_whom_a_contact_meant(home: Home) -> None:
    request_id = ledger.receive(home, "erasure", "other", [f"email:{LEAVES.email}"], NOW)
    assert lookup.record(home, [request_id], NOW)[request_id].state == "unclear"
    verification.send_code(home, request_id, NOW)
    verified = verification.check_code(home, request_id, code_in(home), NOW)
    assert (verified.state, verified.registrants) == (
        "received",
        (registrant_of(home, LEAVES.identity_code),),
    )
    assert (
        f"identity_code:{LEAVES.identity_code}"
        in lookup.record(home, [request_id], NOW)[request_id].resolved
    )


def test_of_several_registrants_none_is_sent_a_code(home: Home) -> None:
    request_id = ledger.receive(home, "erasure", "other", [f"email:{SHARED}"], NOW)
    lookup.record(home, [request_id], NOW)
    with pytest.raises(RequestError, match="which registrant"):
        verification.send_code(home, request_id, NOW)
    assert messages(home) == []


def test_it_can_be_tried_five_times(home: Home, asked: str) -> None:
    verification.send_code(home, asked, NOW)
    code = code_in(home)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(RequestError, match=f"{left} tries are left"):
            verification.check_code(home, asked, wrong, NOW)
    with pytest.raises(RequestError, match="no code is valid"):
        verification.check_code(home, asked, code, NOW)
    assert messages(home) == []
    assert ledger.load(home, asked).verification == {}


def test_it_is_valid_for_an_hour(home: Home, asked: str) -> None:
    verification.send_code(home, asked, NOW)
    with pytest.raises(RequestError, match="too late"):
        verification.check_code(home, asked, code_in(home), NOW + timedelta(minutes=61))


def test_three_codes_are_sent_at_most_and_the_last_one_counts(home: Home, asked: str) -> None:
    verification.send_code(home, asked, NOW)
    first = code_in(home)
    verification.send_code(home, asked, NOW)
    if code_in(home) != first:
        with pytest.raises(RequestError, match="wrong"):
            verification.check_code(home, asked, first, NOW)
    verification.send_code(home, asked, NOW)
    assert len(messages(home)) == 1
    with pytest.raises(RequestError, match="3 codes"):
        verification.send_code(home, asked, NOW)


def test_other_means_are_recorded_with_their_level(home: Home, asked: str) -> None:
    assert verification.verified(home, asked, "identity_document", NOW).verification == {
        "means": "identity_document", "level": "high", "at": "2026-11-20T10:00:00+02:00",
    }  # fmt: skip
    with pytest.raises(RequestError, match="means of verification"):
        verification.verified(home, asked, "a good feeling", NOW)
    ledger.close(home, ledger.load(home, asked), NOW)
    with pytest.raises(RequestError, match="closed"):
        verification.verified(home, asked, "identity_document", NOW)
