"""Raw to staged: what was staged by other rules is staged again, and nothing else."""

from __future__ import annotations

import pytest

from assets.sources.crm import crm
from assets.staging import staged
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.registers import take_in

DAY = "2026-11-17"


def staged_again(data_root: DataRoot, day: str = DAY) -> int:
    return len(staged.stage(data_root, crm.SOURCE, {day}))


def test_a_delivery_is_staged_again_once_its_rules_have_changed(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(
        data_root,
        "crm",
        DAY,
        "orders",
        csv([{"order_number": "O1", "customer_number": "C0000001"}]),
        1,
    )
    take_in(data_root)
    assert staged_again(data_root) == 0
    monkeypatch.setattr(staged, "rules_fingerprint", lambda: "other rules")
    assert staged_again(data_root, "2026-11-18") == 0
    assert staged_again(data_root) == 1
    assert staged_again(data_root) == 0
