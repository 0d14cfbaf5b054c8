"""A receipt has each consent with its whole history, and is signed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from assets.rights.access import consent_receipts
from assets.rights.access.gathering import Gathered, Row
from assets.storage import signing_key
from assets.storage.canonical_json import canonical
from assets.storage.data_root import DataRoot

TODAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(tmp_path_factory.mktemp("receipts") / "data")
    data_root.create()
    return data_root


def chosen(choice: str, day: str, purpose: str = "direct_marketing", channel: str = "email") -> Row:
    return {
        "registrant_id": "r1",
        "purpose": purpose,
        "channel": channel,
        "choice": choice,
        "said_at": f"{day}T08:00:00+00:00",
        "origin": "consents:form",
        "text_version": "2026-1",
        "language": "fi",
        "evidence": "form 7",
        "holds": choice == "granted",
        "record_key": day,
    }


def gathered(*log: Row, **in_force: str) -> Gathered:
    known = Gathered("r1", "2026-11-20", "fi")
    known.register = {
        "choice_log": list(log),
        "choices": [
            {"purpose": "direct_marketing", "channel": channel, "choice": choice}
            for channel, choice in in_force.items()
        ],
    }
    return known


def receipts(data_root: DataRoot, *log: Row, **in_force: str) -> list[Row]:
    return consent_receipts.of(data_root, gathered(*log, **in_force), "en", TODAY)


def states(receipt: Row) -> list[str]:
    return [event["event_state"] for event in receipt["events"]]


@pytest.mark.clause("P9.1")
def test_consents_renewed_withdrawn_and_given_again_are_visible_as_history(
    data_root: DataRoot,
) -> None:
    (receipt,) = receipts(
        data_root,
        chosen("withdrawn", "2026-03-01"),
        chosen("granted", "2026-01-01"),
        chosen("granted", "2026-02-01"),
        chosen("granted", "2026-04-01"),
        email="granted",
    )
    assert states(receipt) == [
        "ConsentGiven",
        "RenewedConsentGiven",
        "ConsentWithdrawn",
        "ConsentGiven",
    ]
    assert [(event["superseded_at"] or "")[:10] for event in receipt["events"]] == [
        "2026-02-01",
        "2026-03-01",
        "2026-04-01",
        "",
    ]
    assert receipt["status"] == "granted"


def test_an_objection_overrides_a_consent_until_it_is_lifted(data_root: DataRoot) -> None:
    (receipt,) = receipts(
        data_root,
        chosen("granted", "2026-01-01"),
        chosen("objected", "2026-02-01"),
        chosen("lifted", "2026-03-01"),
        email="objected",
    )
    assert states(receipt) == ["ConsentGiven", "ConsentOverriddenByObjection", "ObjectionLifted"]
    assert receipt["status"] == "objected"
    assert receipt["events"][0]["superseded_at"] is None


def test_each_purpose_and_channel_with_a_consent_has_a_receipt_and_no_other(
    data_root: DataRoot,
) -> None:
    made = receipts(
        data_root,
        chosen("granted", "2026-01-01"),
        chosen("granted", "2026-01-01", channel="sms"),
        chosen("withdrawn", "2026-01-01", channel="phone"),
        chosen("granted", "2026-01-02", purpose="targeted_advertising"),
    )
    assert [(receipt["purposes"][0]["purpose_type"], receipt["purposes"][0]["collection_method"])
            for receipt in made] == [
        ("direct_marketing", "email"),
        ("direct_marketing", "sms"),
        ("targeted_advertising", "email"),
    ]  # fmt: skip
    assert len({receipt["receipt_id"] for receipt in made}) == 3


def test_a_receipt_states_what_the_consent_was_about(data_root: DataRoot) -> None:
    (receipt,) = receipts(data_root, chosen("granted", "2026-01-01"))
    (purpose,) = receipt["purposes"]
    policy = data_root.policy
    assert purpose["purpose"] == policy.purposes["direct_marketing"].name["en"]
    assert policy.categories["contact"].name["en"] in purpose["pii_information"]
    assert policy.categories["credit"].name["en"] not in purpose["pii_information"]
    assert purpose["pii_controllers"] == [policy.controller.name]
    assert receipt["privacy_notice"].startswith(f"{policy.version}, ")
    assert receipt["events"][0]["text_version"] == "2026-1"
    assert receipt["status"] is None


def test_anybody_with_the_public_key_can_check_the_receipts(data_root: DataRoot) -> None:
    known = gathered(chosen("granted", "2026-01-01"), email="granted")
    signed = consent_receipts.signed(data_root, known, "en", TODAY)
    key = load_pem_public_key(signing_key.public_key(data_root))
    assert isinstance(key, Ed25519PublicKey)
    key.verify(bytes.fromhex(signed["signature"]), canonical(signed["receipts"]))
    signed["receipts"][0]["status"] = "withdrawn"
    with pytest.raises(InvalidSignature):
        key.verify(bytes.fromhex(signed["signature"]), canonical(signed["receipts"]))


def test_without_a_consent_there_is_no_receipt(data_root: DataRoot, tmp_path: Path) -> None:
    assert receipts(data_root) == []
    assert receipts(data_root, chosen("objected", "2026-01-01")) == []


def test_a_consent_to_profiling_which_is_no_purpose_of_the_policy_has_a_receipt(
    data_root: DataRoot,
) -> None:
    (receipt,) = receipts(data_root, chosen("granted", "2026-01-01", "profiling", "web"))
    [purpose] = receipt["purposes"]
    assert (purpose["purpose"], purpose["purpose_type"]) == ("profiling", "profiling")
