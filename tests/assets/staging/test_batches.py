"""Records are staged in batches that fit into memory."""

from __future__ import annotations

import pyarrow as pa

from assets.staging import batches


def test_batches_of_large_records_have_few_rows_and_lose_none() -> None:
    large = "x" * (2 * batches.BATCH_BYTES // 5)
    payloads = ["small", large, large, "small", large, large, large, "small"]
    pieces = [pa.record_batch({"payload": [payload]}) for payload in payloads]
    taken = list(batches.bounded(pieces))
    assert pa.concat_tables(taken)["payload"].to_pylist() == payloads
    assert [batch.num_rows for batch in taken] == [4, 2, 2]
    assert all(batch.nbytes <= batches.BATCH_BYTES for batch in taken)


def test_batches_of_small_records_are_limited_by_their_rows() -> None:
    pieces = [pa.record_batch({"payload": ["small"] * 10_000})] * 5
    assert [batch.num_rows for batch in batches.bounded(pieces)] == [20_000, 20_000, 10_000]
