"""What was consented to under a shared mailbox never becomes the consent of whoever is left."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from assets.erasure import erasing
from assets.marts.building import mart_path
from assets.requests import ledger
from assets.storage.data_root import Home
from tests.support.deliveries import csv, put
from tests.support.known_registrants import NOW, SHARED, SPOUSES, TODAY, registrant_of
from tests.support.registers import build, refresh, rows

LATER = date(2026, 11, 24)


def consent(home: Home, day: str, moment: str, status: str = "granted") -> None:
    event = {
        "event_ts": moment, "subject_key_type": "email", "subject_key": SHARED,
        "purpose": "direct_marketing", "channel": "email", "status": status, "source": "web-form",
        "evidence": "", "text_version": "2025-03", "language": "fi",
    }  # fmt: skip
    put(home, "consents", day, "consent_log", csv([event]), 1)


def marketed(home: Home) -> set[str]:
    with duckdb.connect(str(mart_path(home, "direct_marketing")), read_only=True) as connection:
        found = connection.execute("SELECT registrant_id FROM by_email").fetchall()
    return {registrant_id for (registrant_id,) in found}


@pytest.mark.clause("P9.1")
def test_the_erasure_of_one_makes_nobody_else_a_recipient_of_marketing(known_home: Home) -> None:
    home = known_home
    leaving, staying = (f"contact_id:{spouse[0]}" for spouse in SPOUSES)
    spouse = registrant_of(home, staying.split(":")[1])
    consent(home, "2026-11-19", "2026-10-03T08:00:00Z")
    refresh(home, TODAY)
    before = marketed(home)
    assert spouse not in before
    request_id = ledger.receive(home, "erasure", "written", [leaving], NOW)
    erasing.find(home, [request_id])
    erasing.suppress(home, [request_id], TODAY)
    erasing.remove(home, [request_id], TODAY)
    build(home, TODAY)
    assert [
        row["registrant_id"]
        for row in rows(home, f"FROM contact_points WHERE match_key = '{SHARED}'")
    ] == [spouse]
    assert marketed(home) <= before
    # Nor when the same is delivered again, or is told late.
    consent(home, "2026-11-21", "2026-10-03T08:00:00Z")
    consent(home, "2026-11-22", "2026-10-09T08:00:00Z")
    refresh(home, LATER)
    assert marketed(home) <= before
    # A refusal under the mailbox protects whom it reaches; and what they give anew is theirs.
    consent(home, "2026-11-23", "2026-11-22T08:00:00Z")
    refresh(home, LATER)
    assert marketed(home) - before == {spouse}
    consent(home, "2026-11-24", "2026-10-04T08:00:00Z", "objected")
    refresh(home, LATER)
    assert marketed(home) <= before
