"""A browser on which only one registrant has signed in is theirs, before and after; one of several
is nobody's.
"""

from __future__ import annotations

import json

import pytest

from assets.erasure import erasing
from assets.ingest import deliveries, raw
from assets.requests import ledger
from assets.rights import lookup
from assets.sources.website import website
from assets.storage.data_root import DataRoot
from tests.support.data_roots import texts_of_parquet
from tests.support.deliveries import csv, put
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, STAYS, TODAY
from tests.support.namesakes import visit
from tests.support.registers import take_in

DAY = "2026-11-19"
# As trackers write them: in capitals, of another length, with hyphens.
COOKIE, SHARED = "C0FFEE00C0FFEE01", "3F2504E0-4F89-11D3-9A0C-0305E82C3301"


def erased(data_root: DataRoot, *given: str) -> None:
    request_id = ledger.receive(data_root, "erasure", "written", list(given), NOW)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)


def visits_in(data_root: DataRoot) -> set[int]:
    """The numbers of the visits of the day that the lake still has."""
    texts = {text for _, texts in texts_of_parquet(data_root.root) for text in texts}
    return {number for number in range(8101, 8109) if any(f"1|{number}" in text for text in texts)}


@pytest.mark.parametrize("staged", [True, False])
def test_visits_before_a_sign_in_go_with_the_registrant_also_when_the_register_does_not_know(
    known_data_root: DataRoot, *, staged: bool
) -> None:
    """Delivered, but not yet part of the register."""
    visits = [
        visit(8101, COOKIE, None, 0),
        visit(8102, COOKIE.lower(), LEAVES.email.upper(), 100),
        visit(8103, COOKIE, None, 200),
        visit(8104, SHARED, None, 0),
        visit(8105, SHARED, LEAVES.customer_number.lower(), 100),
        visit(8106, SHARED.lower(), STAYS.email, 200),
        visit(8107, "deadbeef00000001", None, 0),
    ]
    put(known_data_root, "website", DAY, "visits", json.dumps(visits).encode(), len(visits))
    if staged:
        take_in(known_data_root)
    else:
        raw.ingest(known_data_root, website.SOURCE, None, TODAY)
    erased(known_data_root, f"identity_code:{LEAVES.identity_code}")
    assert visits_in(known_data_root) == {8106, 8107}
    # Again, and the same browser in another spelling: what nobody signed in for stays out, of the
    # shared one as well; what another registrant signed in for does not.
    again = [
        visit(8101, COOKIE, None, 0),
        visit(8104, SHARED, None, 0),
        visit(8105, SHARED, LEAVES.customer_number, 100),
        visit(8108, COOKIE.lower(), STAYS.email, 300),
    ]
    put(known_data_root, "website", "2026-11-20", "visits", json.dumps(again).encode(), len(again))
    take_in(known_data_root)
    assert visits_in(known_data_root) == {8106, 8107, 8108}


def test_customer_numbers_and_plus_addresses_are_treated_alike_at_every_step(
    known_data_root: DataRoot,
) -> None:
    """A customer number is the same in capitals or not; an address with a plus part is another
    address.
    """
    plus = LEAVES.email.replace("@", "+shop@")
    event = {
        "event_ts": "2026-10-04T08:00:00Z", "subject_key_type": "customer_number",
        "subject_key": LEAVES.customer_number.lower(), "purpose": "direct_marketing",
        "channel": "email", "status": "granted", "source": "web-form", "evidence": "",
        "text_version": "2025-03", "language": "fi",
    }  # fmt: skip
    events = [event, event | {"subject_key_type": "email", "subject_key": plus}]
    data = csv(events)
    put(known_data_root, "consents", DAY, "consent_log", data, 2)
    take_in(known_data_root)
    given = lookup.canonical(known_data_root, {"customer_number": LEAVES.customer_number.lower()})
    erased(known_data_root, *given)
    [entry] = [
        entry for entry in deliveries.ledger(known_data_root, "consents") if entry.day == DAY
    ]
    assert (entry.suppressed, entry.staged) == (1, 1)
    put(known_data_root, "consents", "2026-11-20", "consent_log", data, 2)
    take_in(known_data_root)
    [entry] = [
        entry
        for entry in deliveries.ledger(known_data_root, "consents")
        if entry.day == "2026-11-20"
    ]
    assert (entry.suppressed, entry.delivered) == (1, 2)
