"""An erasure from request to certificate, as the backfill does it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from assets.erasure import erasing
from assets.requests import ledger
from assets.storage.data_root import Home
from tests.support.namesakes import LEAVES
from tests.support.registers import build

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def erased(home: Home, given: str = f"identity_code:{LEAVES.identity_code}") -> str:
    """Erase the person, as the backfill does."""
    request_id = ledger.receive(home, "erasure", "written", [given], NOW)
    erasing.find(home, [request_id])
    erasing.suppress(home, [request_id], TODAY)
    erasing.remove(home, [request_id], TODAY)
    build(home, TODAY)
    closing = erasing.close(home, [request_id], NOW)
    assert (closing.findings, len(closing.certificates)) == ([], 1)
    return request_id
