"""An erasure from request to certificate, as the backfill does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime

from assets.erasure import erasing, safeguards
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from tests.support.namesakes import LEAVES
from tests.support.registers import build

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
VERIFIED = {
    "means": "identity_document",
    "level": "high",
    "at": NOW.isoformat(timespec="seconds"),
}


def cleared(data_root: DataRoot, request_ids: Iterable[str]) -> None:
    """Record what the safeguards of erasures ask for, without a trace in the histories: who asks is
    verified, and active contracts do not matter.
    """
    with ledger.changing(data_root):
        ledger.save(
            data_root,
            *(
                replace(
                    request,
                    verification=request.verification or VERIFIED,
                    choices={**request.choices, ledger.ACTIVE_CONTRACTS: safeguards.ERASED},
                )
                for request in [ledger.load(data_root, request_id) for request_id in request_ids]
                if request.state in ("received", "unclear") and not request.without_key
            ),
        )


def find_cleared(data_root: DataRoot, request_ids: list[str]) -> dict[str, int]:
    """Resolve erasures and begin them, with nothing that a safeguard would stop."""
    cleared(data_root, request_ids)
    return erasing.find(data_root, request_ids)


def erased(data_root: DataRoot, given: str = f"identity_code:{LEAVES.identity_code}") -> str:
    """Erase the person, as the backfill does."""
    request_id = ledger.receive(data_root, "erasure", "written", [given], NOW)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    closing = erasing.close(data_root, [request_id], NOW)
    assert (closing.findings, len(closing.certificates)) == ([], 1)
    return request_id
