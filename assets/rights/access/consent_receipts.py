"""Consent receipts: what a registrant has consented to, renewed and withdrawn, as a document that
they and others can read by machine.

The fields are those of ISO/IEC TS 27560:2023 (a receipt with a copy of the consent record), by
purpose and channel; `event_state` are the states of a consent in the Data Privacy Vocabulary. The
receipt is signed with the key that signs the certificates of erasure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import Any

from assets.documents import notice
from assets.rights.access import labels, recipients
from assets.rights.access.gathering import Gathered, Row
from assets.storage import signing_key
from assets.storage.canonical_json import canonical
from assets.storage.data_root import DataRoot
from schemas.eligibility import UNTIL_LIFTED
from schemas.vocabulary import Language

SCHEMA = "ISO/IEC TS 27560:2023"
_OBJECTIONS = dict.fromkeys(UNTIL_LIFTED, "ConsentOverriddenByObjection")


def signed(data_root: DataRoot, gathered: Gathered, language: Language, today: date) -> Row:
    """Return the receipts of a registrant with the signature over them, in hexadecimal digits.

    The signature is over canonical JSON (sorted keys, no blanks, UTF-8) of `receipts`; anybody who
    has the public key can check it.
    """
    receipts = of(data_root, gathered, language, today)
    return {
        "receipts": receipts,
        "signature": signing_key.sign(data_root, receipts),
        "signing_key": signing_key.fingerprint(data_root),
    }


def of(data_root: DataRoot, gathered: Gathered, language: Language, today: date) -> list[Row]:
    """Return a receipt for each purpose and channel in which there ever was a consent."""
    policy = data_root.policy
    facts = notice.facts(policy, language, today)
    receiving = recipients.receiving(policy, gathered, language, today)
    log = sorted(
        gathered.register["choice_log"],
        key=lambda row: (row["purpose"], row["channel"], str(row["said_at"]), str(row["choice"])),
    )
    receipts = []
    for (purpose, channel), rows in groupby(log, lambda row: (row["purpose"], row["channel"])):
        events = _events(list(rows))
        if not any(event["event_state"] == "ConsentGiven" for event in events):
            continue
        record = {
            "schema_version": SCHEMA,
            "pii_principal_id": gathered.registrant_id,
            "privacy_notice": f"{policy.version}, hash {policy.fingerprint}",
            "language": language,
            "purposes": [
                {
                    "purpose": policy.purposes[purpose].name[language]
                    if purpose in policy.purposes
                    else labels.value("purpose", purpose, language),
                    "purpose_type": purpose,
                    "lawful_basis": "consent (GDPR 6(1)(a))",
                    "collection_method": channel,
                    "pii_controllers": [policy.controller.name],
                    "pii_information": [
                        policy.categories[name].name[language]
                        for name in policy.categories
                        if policy.allows(name, purpose)
                    ],
                    "recipient_third_parties": [
                        {"name": each["name"], "country": each["country"]}
                        for each in receiving
                        if purpose in each["purposes"]
                    ],
                    "retention_period": sorted(policy.categories["marketing_choice"].retention),
                    "withdrawal_method": {
                        "address": policy.contact.address,
                        "email": policy.contact.email,
                        "channels": facts["channels"],
                    },
                    "privacy_rights": sorted(policy.rights),
                    "jurisdiction": policy.country,
                }
            ],
            "party_identification": [
                {
                    "party_role": "controller",
                    "party_name": policy.controller.name,
                    "party_address": policy.contact.address,
                    "party_email": policy.contact.email,
                },
                {"party_role": "authority", "party_name": facts["authority"]},
            ],
            "events": events,
            "status": _status(gathered, purpose, channel),
        }
        receipts.append({"receipt_id": _id(record), "as_of": gathered.as_of, **record})
    return receipts


def _events(rows: Sequence[Row]) -> list[Row]:
    """Return the history of one purpose and channel, oldest first, each with the time at which a
    later one took its place.
    """
    events: list[Row] = []
    consented = False
    for row in rows:
        if row["choice"] == "granted":
            state = "RenewedConsentGiven" if consented else "ConsentGiven"
        elif row["choice"] == "withdrawn":
            state = "ConsentWithdrawn" if consented else "ConsentRefused"
        else:
            state = _OBJECTIONS.get(row["choice"], "ObjectionLifted")
        if row["choice"] in ("granted", "withdrawn"):
            consented = row["choice"] == "granted"
            for before in events:
                if before["superseded_at"] is None and before["choice"] in ("granted", "withdrawn"):
                    before["superseded_at"] = row["said_at"]
        events.append(
            {
                "event_time": row["said_at"],
                "event_type": "explicit",
                "event_state": state,
                "choice": row["choice"],
                "collected_by": row["origin"],
                "text_version": row["text_version"],
                "language": row["language"],
                "evidence": row["evidence"],
                "in_force": row["holds"],
                "superseded_at": None,
            }
        )
    return events


def _status(gathered: Gathered, purpose: str, channel: str) -> str | None:
    """Return the choice in force, or None: nothing is in force any more."""
    return next(
        (
            str(row["choice"])
            for row in gathered.register["choices"]
            if (row["purpose"], row["channel"]) == (purpose, channel)
        ),
        None,
    )


def _id(record: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(record)).hexdigest()[:32]
