"""The confirmation of an erasure is written before the contact is removed, and outlives it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assets.erasure import abandoning, erasing, legal_holds
from assets.requests import ledger
from assets.rights import other_requests, outbound_messages, withheld_messages
from assets.storage.data_root import DataRoot
from tests.support.data_roots import files_containing
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, TODAY
from tests.support.registers import build


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def begun(data_root: DataRoot) -> str:
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    legal_holds.take_in(data_root, TODAY)
    find_cleared(data_root, [request_id])
    return request_id


def waiting(data_root: DataRoot) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text())
        for path in sorted((data_root.outbox / "messages").glob("*.json"))
    ]


def test_it_waits_in_the_outbox_before_anything_is_removed(data_root: DataRoot) -> None:
    request_id = begun(data_root)
    [message] = waiting(data_root)
    assert (message["kind"], message["to"]) == ("erasure", LEAVES.email)
    assert "1336/1997" in message["text"]
    assert outbound_messages.words()["kept"]["hash"][message["language"]] in message["text"]
    assert request_id in message["text"]
    assert files_containing(data_root.root, [LEAVES.identity_code])


def test_it_is_written_once(data_root: DataRoot) -> None:
    request_id = begun(data_root)
    erasing.find(data_root, [request_id])
    assert len(waiting(data_root)) == 1


def test_what_nobody_sent_is_encrypted_and_handed_out_once(data_root: DataRoot) -> None:
    request_id = begun(data_root)
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    closing = erasing.close(data_root, [request_id], NOW)
    assert (closing.findings, len(closing.certificates)) == ([], 1)
    assert ledger.load(data_root, request_id).outcome == "partly_refused"
    assert waiting(data_root) == []
    assert files_containing(data_root.root, [LEAVES.email]) == []
    message = withheld_messages.take(data_root, request_id)
    assert message is not None
    assert message["to"] == LEAVES.email
    assert withheld_messages.take(data_root, request_id) is None
    assert list(withheld_messages.folder(data_root).iterdir()) == []


def test_a_confirmation_that_was_sent_is_not_handed_out_again(data_root: DataRoot) -> None:
    request_id = begun(data_root)
    for path in (data_root.outbox / "messages").glob("*.json"):
        path.unlink()
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    erasing.close(data_root, [request_id], NOW)
    assert withheld_messages.waiting(data_root) == []
    assert list(withheld_messages.folder(data_root).iterdir()) == []


@pytest.mark.parametrize("proof_was_tried", [False, True])
def test_a_refused_erasure_confirms_nothing(data_root: DataRoot, proof_was_tried: bool) -> None:
    request_id = begun(data_root)
    if proof_was_tried:
        other_requests.hold(data_root, [ledger.load(data_root, request_id)], NOW)
        assert waiting(data_root) == []
    abandoning.refuse(data_root, request_id, "REQ-EXCESSIVE", NOW)
    assert "erasure" not in {message["kind"] for message in waiting(data_root)}
    assert list(withheld_messages.folder(data_root).iterdir()) == []


def test_it_expires_like_any_message(data_root: DataRoot) -> None:
    request_id = begun(data_root)
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    erasing.close(data_root, [request_id], NOW)
    assert withheld_messages.waiting(data_root) == [request_id]
    assert withheld_messages.expire(data_root, TODAY) == 0
    far = TODAY.replace(year=TODAY.year + 1)
    assert withheld_messages.expire(data_root, far) == 1
    assert withheld_messages.take(data_root, request_id) is None
