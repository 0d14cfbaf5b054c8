"""Recipients are notified of erasure and restriction by the keys of the rows that they have,
repeatedly until they acknowledge.
"""

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
from assets.storage.data_root import DataRoot
from assets.storage.recorded_files import files_of
from schemas.policy.loader import load_policy
from schemas.policy.model import Policy
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, STAYS, TODAY, registrant_of
from tests.support.registers import build, refresh

IN_TWO_WEEKS = date(2026, 12, 4)


def policy() -> Policy:
    """The shipped policy, with a processor in the EEA that may have audiences."""
    shipped = load_policy()
    agency = shipped.recipients["marketing_automation"].model_copy(
        update={"country": "SE", "purposes": ("targeted_advertising",)}
    )
    return shipped.model_copy(update={"recipients": {**shipped.recipients, "agency": agency}})


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return DataRoot(known_data_root.root, policy())


def erased(data_root: DataRoot) -> str:
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    assert erasing.close(data_root, [request_id], NOW).findings == []
    return request_id


def secrets_in(data_root: DataRoot, *values: str) -> set[str]:
    """Which of the values stand in the outbox or among the requests."""
    texts = [
        path.read_bytes()
        for folder in (data_root.outbox, data_root.requests)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    return {value for value in values if any(value.encode() in text for text in texts)}


def test_every_recipient_with_the_registrant_in_its_marts_is_notified_by_the_keys_of_its_rows(
    data_root: DataRoot,
) -> None:
    leaves = registrant_of(data_root, LEAVES.identity_code)
    request_id = erased(data_root)
    notices = {notice.recipient: notice for notice in notice_ledger.every(data_root)}
    assert set(notices) == {"it_operations", "marketing_automation"}
    assert {notice.state for notice in notices.values()} == {"open"}
    assert (
        notices["it_operations"].mechanism_holds,
        notices["marketing_automation"].mechanism_holds,
    ) == (True, False)
    content = recipient_notices.opened(data_root, notices["it_operations"].notice_id)
    assert content["keys"]["contracts"] == {"registrant_id": [leaves]}
    # Too few people are here for a value of theirs; the other marts without names have no keys.
    assert not {"analytics", "products_and_services"} & set(content["keys"])
    assert content["acknowledge_by"] == str(IN_TWO_WEEKS)
    for key in (*LEAVES.identifiers, "Aino", "Kaima"):
        assert key not in json.dumps(content)
    assert secrets_in(data_root, leaves, *LEAVES.identifiers) == set()
    assert ledger.load(data_root, request_id).state == "closed"


def test_nobody_is_notified_before_the_data_is_removed(data_root: DataRoot) -> None:
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    find_cleared(data_root, [request_id])
    assert notice_ledger.every(data_root) == []
    assert not (data_root.outbox / "recipients").exists()
    recipient_notices.discard(data_root, [request_id])
    assert list(notice_ledger.folder(data_root).iterdir()) == []


def test_many_requests_are_looked_up_together_and_each_once(data_root: DataRoot) -> None:
    ids = [
        ledger.receive(data_root, "erasure", "written", [f"identity_code:{who.identity_code}"], NOW)
        for who in (LEAVES, STAYS)
    ]
    requests = lookup.record(data_root, ids, NOW)
    made = recipient_notices.prepare(data_root, list(requests.values()), NOW)
    assert sorted((notice.request_id, notice.recipient) for notice in made) == sorted(
        (i, name) for i in ids for name in ("it_operations", "marketing_automation")
    )
    assert recipient_notices.prepare(data_root, list(requests.values()), NOW) == []
    assert len(recipient_notices.release(data_root, ids, NOW)) == 4
    assert recipient_notices.release(data_root, ids, NOW) == []


def test_an_unacknowledged_notice_is_repeated_and_an_acknowledged_one_keeps_no_content(
    data_root: DataRoot,
) -> None:
    erased(data_root)
    first = notice_ledger.every(data_root)[0]
    assert recipient_notices.retry(data_root, NOW + timedelta(days=14)) == []
    [again, *_] = recipient_notices.retry(data_root, NOW + timedelta(days=15))
    assert (again.notice_id, again.attempts, again.due_on) == (first.notice_id, 2, "2026-12-19")
    assert json.loads(recipient_notices.path_of(data_root, again).read_text())["attempt"] == 2
    done = recipient_notices.acknowledge(data_root, first.notice_id, NOW + timedelta(days=16))
    assert (done.state, done.acknowledged_on) == ("acknowledged", "2026-12-06")
    assert not recipient_notices.path_of(data_root, done).exists()
    with pytest.raises(NoticeError, match="says nothing any more"):
        recipient_notices.opened(data_root, first.notice_id)
    assert (
        recipient_notices.acknowledge(data_root, first.notice_id, NOW + timedelta(days=20)) == done
    )
    assert first.notice_id not in {
        notice.notice_id for notice in recipient_notices.retry(data_root, NOW + timedelta(days=60))
    }


@pytest.mark.parametrize("notice_id", ["N0-nobody", "../../secrets/pepper", "*"])
def test_a_notice_that_there_is_not_is_refused(data_root: DataRoot, notice_id: str) -> None:
    with pytest.raises(NoticeError, match="no notice of that id"):
        recipient_notices.acknowledge(data_root, notice_id, NOW)


def test_an_export_is_recorded_without_a_value_and_its_recipient_notified(
    data_root: DataRoot, tmp_path: Path
) -> None:
    """Also when the person is in no audience any more."""
    deliver_words(
        data_root,
        [Word(f"email:{LEAVES.email}", "targeted_advertising", "email", "granted")],
        NOW - timedelta(days=1),
        "web-form",
    )
    refresh(data_root, TODAY)
    out = tmp_path / "audience.csv"
    agreed = data_root.policy.recipients["agency"].model_copy(update={"mechanisms": ()})
    data_root.policy = data_root.policy.model_copy(
        update={"recipients": {**data_root.policy.recipients, "agency": agreed}}
    )
    audience_export.export(data_root, "targeted_advertising", "agency", out, TODAY)
    handed = hashlib.sha256(LEAVES.email.encode()).hexdigest()
    with out.open() as file:
        assert handed in {row["sha256"] for row in csv.DictReader(file)}
    assert secrets_in(data_root, handed, LEAVES.email) == set()
    deliver_words(
        data_root,
        [Word(f"email:{LEAVES.email}", "targeted_advertising", "all", "withdrawn")],
        NOW,
        "web-form",
    )
    refresh(data_root, TODAY)
    request_id = erased(data_root)
    content = recipient_notices.opened(data_root, f"N{request_id[1:]}-agency")
    assert content["keys"] == {"targeted_advertising": {"exported": {str(TODAY): [handed]}}}
    assert secrets_in(data_root, handed) == set()


def test_notes_of_exports_and_answers_go_with_the_requests_time(data_root: DataRoot) -> None:
    disclosures.note(data_root, "targeted_advertising", "agency", ["a"], date(2023, 11, 20))
    disclosures.note(data_root, "targeted_advertising", "agency", ["a"], date(2023, 11, 21))
    erased(data_root)
    notice = notice_ledger.every(data_root)[0]
    recipient_notices.acknowledge(data_root, notice.notice_id, NOW - timedelta(days=3 * 366))
    sweep.sweep(data_root, TODAY)
    assert len(files_of(disclosures.folder(data_root))) == 1
    assert notice.notice_id not in {left.notice_id for left in notice_ledger.every(data_root)}


def test_a_request_without_a_registrant_notifies_nobody(data_root: DataRoot) -> None:
    request_id = ledger.receive(data_root, "erasure", "written", ["customer_number:C-NOBODY"], NOW)
    requests = lookup.record(data_root, [request_id], NOW)
    assert (
        recipient_notices.prepare(
            data_root, [replace(request) for request in requests.values()], NOW
        )
        == []
    )
