"""The ledger: what is open is encrypted, what is closed names nobody, and a kill leaves
nothing half open.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import RequestError
from assets.storage.actor import acting
from assets.storage.data_root import DataRoot
from schemas.requests import RIGHTS
from tests.support.request_files import NOW, every_byte

GIVEN = ["identity_code:140285-912X", "email:maija.esimerkki@example.fi"]
SECRETS = (b"140285-912X", b"maija.esimerkki", b"my neighbour reads my mail", b"Esimerkki-Uusi")


def received(data_root: DataRoot, right: str = "rectification") -> str:
    return ledger.receive(
        data_root,
        right,
        "written",
        GIVEN,
        NOW,
        situation="my neighbour reads my mail",
        values={"family_name": "Esimerkki-Uusi"},
    )


@pytest.mark.parametrize("right", RIGHTS)
def test_an_open_request_can_be_read_here_and_nowhere_else(data_root: DataRoot, right: str) -> None:
    request_id = received(data_root, right)
    request = ledger.load(data_root, request_id)
    assert (request.right, request.state, sorted(request.given)) == (
        right,
        "received",
        sorted(GIVEN),
    )
    assert (request.situation, request.values) == (
        "my neighbour reads my mail",
        {"family_name": "Esimerkki-Uusi"},
    )
    assert [secret for secret in SECRETS if secret in every_byte(data_root)] == []


def test_ids_are_opaque_and_sort_by_time(data_root: DataRoot) -> None:
    ids = [ledger.new_id(NOW + timedelta(milliseconds=number)) for number in range(50)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"Q[0-9A-Z]{18}", request_id) for request_id in ids)


def test_closing_destroys_what_identified_the_registrant_in_every_copy(data_root: DataRoot) -> None:
    request_id = received(data_root)
    earlier = json.loads((data_root.requests / f"{request_id}.json").read_text())["sealed"]
    ledger.close(data_root, ledger.load(data_root, request_id), NOW + timedelta(days=3))
    kept = json.loads((data_root.requests / f"{request_id}.json").read_text())
    assert (kept["state"], kept["given"], kept["resolved"], kept["outcome"]) == (
        "closed",
        [],
        [],
        "granted",
    )
    assert "sealed" not in kept
    assert encrypted_identity.decrypt(data_root, request_id, earlier) is None
    closed = ledger.load(data_root, request_id)
    assert (closed.given, closed.resolved, closed.registrants, closed.situation, closed.values) == (
        (),
        (),
        (),
        "",
        {},
    )
    assert [secret for secret in SECRETS if secret in every_byte(data_root)] == []


def test_a_key_that_a_kill_left_is_destroyed_by_the_next(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = received(data_root)
    with monkeypatch.context() as patched:
        patched.setattr(encrypted_identity, "destroy", lambda *_: None)
        ledger.close(data_root, ledger.load(data_root, request_id), NOW)
    assert encrypted_identity.key_path(data_root, request_id).exists()
    assert ledger.destroy_leftover_keys(data_root) == 1
    assert not encrypted_identity.key_path(data_root, request_id).exists()
    assert ledger.destroy_leftover_keys(data_root) == 0


def test_the_history_is_append_only_and_contains_no_value(data_root: DataRoot) -> None:
    request_id = received(data_root)
    ledger.close(data_root, ledger.load(data_root, request_id), NOW + timedelta(days=3))
    events = ledger.load(data_root, request_id).events
    assert [(event["what"], event.get("told")) for event in events] == [
        ("received", "written"),
        ("closed", "granted"),
    ]
    assert [event["at"][:10] for event in events] == ["2026-11-20", "2026-11-23"]
    with pytest.raises(ValueError, match="invented"):
        ledger.with_event(ledger.load(data_root, request_id), "invented", NOW)


def test_each_event_says_who_did_it(data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTER_USER", raising=False)
    monkeypatch.setenv("SUDO_USER", "anna")
    request_id = received(data_root)
    with acting("bertil"):
        ledger.note(data_root, request_id, "packed", NOW)
    ledger.close(data_root, ledger.load(data_root, request_id), NOW)
    events = ledger.load(data_root, request_id).events
    assert [event["by"] for event in events] == ["anna", "bertil", "anna"]


def test_an_unencrypted_request_of_an_older_version_is_read_and_encrypted_with_its_next_change(
    data_root: DataRoot,
) -> None:
    old = {
        "request_id": "Q1",
        "right": "erasure",
        "channel": "written",
        "received_at": "2026-11-20T10:00:00+02:00",
        "state": "received",
        "given": GIVEN,
        "resolved": [],
        "removed": {},
        "closed_at": None,
        "why": "",
    }
    (data_root.requests / "Q1.json").write_text(json.dumps(old))
    assert ledger.pending(data_root) == ["Q1"]
    ledger.save(data_root, replace(ledger.load(data_root, "Q1"), state="erasing"))
    assert sorted(ledger.load(data_root, "Q1").given) == sorted(GIVEN)
    assert [secret for secret in SECRETS if secret in every_byte(data_root)] == []


def test_an_open_request_without_its_key_is_recognised_and_not_overwritten(
    data_root: DataRoot,
) -> None:
    request_id = received(data_root)
    encrypted_identity.destroy(data_root, [request_id])
    request = ledger.load(data_root, request_id)
    assert (request.without_key, request.state) == (True, "unclear")
    assert request_id in request.why
    before = (data_root.requests / f"{request_id}.json").read_bytes()
    with pytest.raises(RequestError, match="key"):
        ledger.save(data_root, request)
    assert (data_root.requests / f"{request_id}.json").read_bytes() == before
    ledger.close(data_root, request, NOW, "refused", "REQ-NOT-IDENTIFIED")
    assert ledger.load(data_root, request_id).state == "closed"


def test_time_runs_from_the_day_of_receipt(data_root: DataRoot) -> None:
    request_id = ledger.receive(
        data_root, "access", "written", GIVEN, NOW, received=date(2026, 10, 20)
    )
    request = ledger.load(data_root, request_id)
    assert (request.received_on(data_root), request.due_on(data_root)) == (
        date(2026, 10, 20),
        date(2026, 11, 20),
    )
    with pytest.raises(RequestError, match="to come"):
        ledger.receive(data_root, "access", "written", GIVEN, NOW, received=date(2026, 11, 21))


def test_a_day_is_that_of_the_policy_s_time_zone(data_root: DataRoot) -> None:
    late = datetime(2026, 10, 19, 22, 30, tzinfo=UTC)
    assert ledger.load(
        data_root, ledger.receive(data_root, "access", "written", GIVEN, late)
    ).received_on(data_root) == date(2026, 10, 20)


def test_a_request_that_names_nobody_is_refused(data_root: DataRoot) -> None:
    with pytest.raises(RequestError, match="at least one identifier"):
        ledger.receive(data_root, "erasure", "written", [], NOW)
    assert list(data_root.requests.glob("Q*")) == []


@pytest.mark.parametrize("request_id", ["Q0", "../secrets/pepper", "", "Q*"])
def test_an_id_that_is_none_is_refused(data_root: DataRoot, request_id: str) -> None:
    with pytest.raises(RequestError, match="no request of that id"):
        ledger.load(data_root, request_id)
