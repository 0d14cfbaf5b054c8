"""Checksums of Parquet pages replace no record of a folder: DuckDB does not compare them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.storage.quoting import parquet


def test_duckdb_reads_a_page_with_a_wrong_checksum_without_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": [f"value-{number}" for number in range(1000)]}),
        path,
        compression="none",
        use_dictionary=False,
        write_page_checksum=True,
    )
    content = bytearray(path.read_bytes())
    content[content.find(b"value-500")] ^= 1
    path.write_bytes(content)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT text FROM {parquet(path)} WHERE text LIKE '%-500'")
        assert rows.fetchall() == [("walue-500",)]
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)
