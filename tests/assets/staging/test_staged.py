"""Raw to staged: in batches that fit into memory; what was staged by other rules is staged again,
and nothing else.
"""

from __future__ import annotations

import pyarrow as pa
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


def test_batches_of_large_records_have_few_rows_and_lose_none() -> None:
    large = "x" * (2 * staged.BATCH_BYTES // 5)
    payloads = ["small", large, large, "small", large, large, large, "small"]
    pieces = [pa.record_batch({"payload": [payload]}) for payload in payloads]
    batches = list(staged.bounded(pieces))
    assert pa.concat_tables(batches)["payload"].to_pylist() == payloads
    assert [batch.num_rows for batch in batches] == [4, 2, 2]
    assert all(batch.nbytes <= staged.BATCH_BYTES for batch in batches)


def test_batches_of_small_records_are_limited_by_their_rows() -> None:
    pieces = [pa.record_batch({"payload": ["small"] * 10_000})] * 5
    assert [batch.num_rows for batch in staged.bounded(pieces)] == [20_000, 20_000, 10_000]
