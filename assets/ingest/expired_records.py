"""Which records of a delivery that comes again are left of the deliveries before it."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from assets.ingest.deliveries import Entry
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet


def unexpired_records(
    data_root: DataRoot, connection: duckdb.DuckDBPyConnection, before: list[Entry]
) -> pa.Array:
    """Return the numbers of the records that earlier deliveries of the same bytes still have.

    In raw or, where its retention period is shorter, in staged.
    """
    files = [
        path
        for entry in before
        for path in data_root.files("raw", entry.source, entry.day, entry.delivery_id)
    ]
    files += [
        path
        for entry in before
        for path in data_root.files(
            "staged", entry.source, entry.day, f"{entry.delivery_id}/records"
        )
    ]
    if not files:
        return pa.array([], pa.int64())
    query = f"SELECT DISTINCT record_no FROM {parquet(*files, union_by_name=True)}"
    return connection.execute(query).to_arrow_table()["record_no"].combine_chunks()
