"""An erasure waits until who asks is verified, and for a decision on active contracts."""

from __future__ import annotations

from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from assets.erasure import decisions, erasing, safeguards
from assets.erasure.preview import preview
from assets.erasure.proof import certificates
from assets.requests import ledger
from assets.requests.ledger import Request
from assets.rights import lookup, verification
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from tests.support.known_registrants import LEAVES, NOW, TODAY
from tests.support.registers import build


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def asked(data_root: DataRoot) -> str:
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    lookup.record(data_root, [request_id], NOW)
    return request_id


def started(data_root: DataRoot, request_id: str) -> Request:
    erasing.find(data_root, [request_id], TODAY)
    return ledger.load(data_root, request_id)


def test_an_unverified_erasure_begins_only_after_a_recorded_decision(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    waits = started(data_root, request_id)
    assert waits.state == "unclear"
    assert "nobody has verified who asks" in waits.why
    decisions.go_on(
        data_root,
        request_id,
        dict.fromkeys((ledger.UNVERIFIED, ledger.ACTIVE_CONTRACTS), safeguards.ERASED),
        NOW,
    )
    begun = started(data_root, request_id)
    assert begun.state == "erasing"
    assert {"unverified_decided", "active_contracts_decided"} <= {
        event["what"] for event in begun.events
    }
    assert {entry["code"] for entry in begun.decided_before()} >= {
        "REQ-UNVERIFIED",
        "REQ-ACTIVE-CONTRACTS",
    }


def test_a_verified_erasure_waits_for_a_decision_on_active_contracts(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    verification.verified(data_root, request_id, "identity_document", NOW)
    waits = started(data_root, request_id)
    assert waits.state == "unclear"
    assert "1 contracts of the registrant are active" in waits.why
    assert "verified" not in waits.why
    decided = decisions.go_on(
        data_root, request_id, {ledger.ACTIVE_CONTRACTS: safeguards.ERASED}, NOW
    )
    assert decided.state == "received"
    assert started(data_root, request_id).state == "erasing"


def test_a_contract_that_has_ended_stops_nothing(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    erasures = [ledger.load(data_root, request_id)]
    path = data_root.register("contracts")
    with connect(data_root) as connection:
        ended = connection.execute(
            f"SELECT * REPLACE (DATE '{TODAY}' - 1 AS ends_on) FROM {parquet(path)}"
        ).to_arrow_table()
    pq.write_table(ended, path)
    recorded_files.record(path.parent, [path.name])
    assert safeguards.check(data_root, erasures, TODAY)[request_id].active_contracts == 0


def test_the_preview_warns_and_changes_nothing(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    before = ledger.load(data_root, request_id)
    seen = preview(data_root, before, TODAY)
    assert seen.warnings == [
        "nobody has verified who asks",
        "1 contracts of the registrant are active",
    ]
    assert seen.undecided == [ledger.UNVERIFIED, ledger.ACTIVE_CONTRACTS]
    assert ledger.load(data_root, request_id) == before


def test_the_certificate_says_how_the_identity_was_verified(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    verification.verified(data_root, request_id, "strong_identification", NOW)
    decisions.go_on(data_root, request_id, {ledger.ACTIVE_CONTRACTS: safeguards.ERASED}, NOW)
    assert started(data_root, request_id).state == "erasing"
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    erasing.close(data_root, [request_id], NOW + timedelta(hours=1))
    document = certificates.path_of(data_root, request_id, "md").read_text()
    assert "strong_identification (high)" in document
