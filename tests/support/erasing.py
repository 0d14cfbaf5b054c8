"""An erasure from request to certificate, as the backfill does it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from assets import erasure
from assets.home import Home
from assets.rights import requests
from tests.support.namesakes import LEAVES
from tests.support.registers import build

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def erased(home: Home, given: str = f"identity_code:{LEAVES.identity_code}") -> str:
    """Erase the person, as the backfill does."""
    request_id = requests.receive(home, "erasure", "written", [given], NOW)
    erasure.find(home, [request_id])
    erasure.suppress(home, [request_id], TODAY)
    erasure.remove(home, [request_id], TODAY)
    build(home, TODAY)
    closing = erasure.close(home, [request_id], NOW)
    assert (closing.findings, len(closing.certificates)) == ([], 1)
    return request_id
