"""An erasure from request to certificate, as the backfill does it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from assets.erasure import erasing
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from tests.support.namesakes import LEAVES
from tests.support.registers import build

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def erased(data_root: DataRoot, given: str = f"identity_code:{LEAVES.identity_code}") -> str:
    """Erase the person, as the backfill does."""
    request_id = ledger.receive(data_root, "erasure", "written", [given], NOW)
    erasing.find(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    closing = erasing.close(data_root, [request_id], NOW)
    assert (closing.findings, len(closing.certificates)) == ([], 1)
    return request_id
