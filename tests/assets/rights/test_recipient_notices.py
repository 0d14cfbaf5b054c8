"""Recipients are told of erasure and restriction by the keys of the rows that they have, again until they acknowledge."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from assets.erasure import erasing
from assets.marts import audience_export
from assets.register import disclosures
from assets.requests import ledger, notice_ledger
from assets.retention import sweep
from assets.rights import lookup, recipient_notices
from assets.rights.recipient_notices import NoticeError
from assets.rights.withdrawal import Word, deliver_words
from assets.storage.data_root import Home
from schemas.policy import Policy, load_policy
from tests.support.known_registrants import LEAVES, NOW, STAYS, TODAY, registrant_of
from tests.support.registers import build, refresh

IN_TWO_WEEKS = date(2026, 12, 4)


def policy() -> Policy:
    """The shipped policy, with a processor in the EEA that may have audiences."""
    said = load_policy()
    agency = said.recipients["marketing_automation"].model_copy(
        update={"country": "SE", "purposes": ("targeted_advertising",)}
    )
    return said.model_copy(update={"recipients": {**said.recipients, "agency": agency}})


@pytest.fixture
def home(known_home: Home) -> Home:
    return Home(known_home.root, policy())


def erased(home: Home) -> str:
    request_id = ledger.receive(
        home, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    erasing.find(home, [request_id])
    erasing.suppress(home, [request_id], TODAY)
    erasing.remove(home, [request_id], TODAY)
    build(home, TODAY)
    assert erasing.close(home, [request_id], NOW).findings == []
    return request_id


def secrets_in(home: Home, *values: str) -> set[str]:
    """Which of the values stand in the outbox or among the requests."""
    texts = [
        path.read_bytes()
        for folder in (home.outbox, home.requests)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    return {value for value in values if any(value.encode() in text for text in texts)}


def test_every_recipient_whose_marts_have_the_registrant_is_told_by_the_keys_of_its_rows(
    home: Home,
) -> None:
    leaves = registrant_of(home, LEAVES.identity_code)
    request_id = erased(home)
    told = {one.recipient: one for one in notice_ledger.every(home)}
    assert set(told) == {"it_operations", "marketing_automation"}
    assert {one.state for one in told.values()} == {"open"}
    assert (
        told["it_operations"].mechanism_holds,
        told["marketing_automation"].mechanism_holds,
    ) == (True, False)
    said = recipient_notices.opened(home, told["it_operations"].notice_id)
    assert said["keys"]["contracts"] == {"registrant_id": [leaves]}
    assert len(said["keys"]["analytics"]["pseudonym"]) == 1
    assert said["acknowledge_by"] == str(IN_TWO_WEEKS)
    for key in (*LEAVES.identifiers, "Aino", "Kaima"):
        assert key not in json.dumps(said)
    assert secrets_in(home, leaves, *LEAVES.identifiers) == set()
    assert ledger.load(home, request_id).state == "closed"


def test_nobody_is_told_before_the_data_has_gone(home: Home) -> None:
    request_id = ledger.receive(
        home, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    erasing.find(home, [request_id])
    assert notice_ledger.every(home) == []
    assert not (home.outbox / "recipients").exists()
    recipient_notices.discard(home, [request_id])
    assert list(notice_ledger.folder(home).iterdir()) == []


def test_many_requests_are_looked_up_together_and_each_once(home: Home) -> None:
    ids = [
        ledger.receive(home, "erasure", "written", [f"identity_code:{who.identity_code}"], NOW)
        for who in (LEAVES, STAYS)
    ]
    found = lookup.record(home, ids, NOW)
    made = recipient_notices.prepare(home, list(found.values()), NOW)
    assert sorted((one.request_id, one.recipient) for one in made) == sorted(
        (i, name) for i in ids for name in ("it_operations", "marketing_automation")
    )
    assert recipient_notices.prepare(home, list(found.values()), NOW) == []
    assert len(recipient_notices.release(home, ids, NOW)) == 4
    assert recipient_notices.release(home, ids, NOW) == []


def test_what_is_not_acknowledged_is_told_again_and_what_is_says_nothing_any_more(
    home: Home,
) -> None:
    erased(home)
    first = notice_ledger.every(home)[0]
    assert recipient_notices.retry(home, NOW + timedelta(days=14)) == []
    [again, *_] = recipient_notices.retry(home, NOW + timedelta(days=15))
    assert (again.notice_id, again.attempts, again.due_on) == (first.notice_id, 2, "2026-12-19")
    assert json.loads(recipient_notices.path_of(home, again).read_text())["attempt"] == 2
    done = recipient_notices.acknowledge(home, first.notice_id, NOW + timedelta(days=16))
    assert (done.state, done.acknowledged_on) == ("acknowledged", "2026-12-06")
    assert not recipient_notices.path_of(home, done).exists()
    with pytest.raises(NoticeError, match="says nothing any more"):
        recipient_notices.opened(home, first.notice_id)
    assert recipient_notices.acknowledge(home, first.notice_id, NOW + timedelta(days=20)) == done
    assert first.notice_id not in {
        one.notice_id for one in recipient_notices.retry(home, NOW + timedelta(days=60))
    }


@pytest.mark.parametrize("notice_id", ["N0-nobody", "../../secrets/pepper", "*"])
def test_a_notice_that_there_is_not_is_refused(home: Home, notice_id: str) -> None:
    with pytest.raises(NoticeError, match="no notice of that id"):
        recipient_notices.acknowledge(home, notice_id, NOW)


def test_an_export_is_remembered_without_a_value_and_its_recipient_told(
    home: Home, tmp_path: Path
) -> None:
    """Also when the person is in no audience any more."""
    deliver_words(
        home,
        [Word(f"email:{LEAVES.email}", "targeted_advertising", "email", "granted")],
        NOW - timedelta(days=1),
        "web-form",
    )
    refresh(home, TODAY)
    out = tmp_path / "audience.csv"
    agreed = home.policy.recipients["agency"].model_copy(update={"mechanisms": ()})
    home.policy = home.policy.model_copy(
        update={"recipients": {**home.policy.recipients, "agency": agreed}}
    )
    audience_export.export(home, "targeted_advertising", "agency", out, TODAY)
    handed = hashlib.sha256(LEAVES.email.encode()).hexdigest()
    with out.open() as file:
        assert handed in {row["sha256"] for row in csv.DictReader(file)}
    assert secrets_in(home, handed, LEAVES.email) == set()
    deliver_words(
        home,
        [Word(f"email:{LEAVES.email}", "targeted_advertising", "all", "withdrawn")],
        NOW,
        "web-form",
    )
    refresh(home, TODAY)
    request_id = erased(home)
    said = recipient_notices.opened(home, f"N{request_id[1:]}-agency")
    assert said["keys"] == {"targeted_advertising": {"exported": {str(TODAY): [handed]}}}
    assert secrets_in(home, handed) == set()


def test_notes_of_exports_and_answers_go_with_the_requests_time(home: Home) -> None:
    disclosures.note(home, "targeted_advertising", "agency", ["a"], date(2023, 11, 20))
    disclosures.note(home, "targeted_advertising", "agency", ["a"], date(2023, 11, 21))
    erased(home)
    one = notice_ledger.every(home)[0]
    recipient_notices.acknowledge(home, one.notice_id, NOW - timedelta(days=3 * 366))
    sweep.sweep(home, TODAY)
    assert len(list(disclosures.folder(home).iterdir())) == 1
    assert one.notice_id not in {left.notice_id for left in notice_ledger.every(home)}


def test_a_request_without_a_registrant_tells_nobody(home: Home) -> None:
    request_id = ledger.receive(home, "erasure", "written", ["customer_number:C-NOBODY"], NOW)
    found = lookup.record(home, [request_id], NOW)
    assert recipient_notices.prepare(home, [replace(one) for one in found.values()], NOW) == []
