"""What was consented to under a shared mailbox never becomes the consent of those who are left."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from assets.erasure import erasing
from assets.marts.building import mart_path
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.erasing import find_cleared
from tests.support.known_registrants import NOW, SHARED, SPOUSES, TODAY, registrant_of
from tests.support.registers import build, refresh, rows

LATER = date(2026, 11, 24)


def consent(data_root: DataRoot, day: str, moment: str, status: str = "granted") -> None:
    event = {
        "event_ts": moment, "subject_key_type": "email", "subject_key": SHARED,
        "purpose": "direct_marketing", "channel": "email", "status": status, "source": "web-form",
        "evidence": "", "text_version": "2025-03", "language": "fi",
    }  # fmt: skip
    put(data_root, "consents", day, "consent_log", csv([event]), 1)


def marketed(data_root: DataRoot) -> set[str]:
    with duckdb.connect(
        str(mart_path(data_root, "direct_marketing")), read_only=True
    ) as connection:
        recipients = connection.execute("SELECT registrant_id FROM by_email").fetchall()
    return {registrant_id for (registrant_id,) in recipients}


@pytest.mark.clause("P9.1")
def test_the_erasure_of_one_makes_nobody_else_a_recipient_of_marketing(
    known_data_root: DataRoot,
) -> None:
    data_root = known_data_root
    leaving, staying = (f"contact_id:{spouse[0]}" for spouse in SPOUSES)
    spouse = registrant_of(data_root, staying.split(":")[1])
    consent(data_root, "2026-11-19", "2026-10-03T08:00:00Z")
    refresh(data_root, TODAY)
    before = marketed(data_root)
    assert spouse not in before
    request_id = ledger.receive(data_root, "erasure", "written", [leaving], NOW)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    assert [
        row["registrant_id"]
        for row in rows(data_root, f"FROM contact_points WHERE match_key = '{SHARED}'")
    ] == [spouse]
    assert marketed(data_root) <= before
    # Nor when the same is delivered again, or is delivered late.
    consent(data_root, "2026-11-21", "2026-10-03T08:00:00Z")
    consent(data_root, "2026-11-22", "2026-10-09T08:00:00Z")
    refresh(data_root, LATER)
    assert marketed(data_root) <= before
    # A refusal under the mailbox protects all it reaches; and a new consent of theirs is their own.
    consent(data_root, "2026-11-23", "2026-11-22T08:00:00Z")
    refresh(data_root, LATER)
    assert marketed(data_root) - before == {spouse}
    consent(data_root, "2026-11-24", "2026-10-04T08:00:00Z", "objected")
    refresh(data_root, LATER)
    assert marketed(data_root) <= before
