"""The files of a delivery's canonical frames: written to a folder that replaces the old one."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.storage import recorded_files
from assets.storage.atomic_files import UNFINISHED, sync
from schemas.columns import TableModel, arrow_schema, table_name


class FrameWriters:
    """One open Parquet file per table that got rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, pq.ParquetWriter] = {}

    def write(self, model: type[TableModel], rows: pa.Table) -> None:
        name, schema = table_name(model), arrow_schema(model)
        if rows.num_rows == 0:
            return
        if name not in self._open:
            self._open[name] = pq.ParquetWriter(
                self._folder / f"{name}.parquet", schema, compression="zstd", compression_level=1
            )
        self._open[name].write_table(rows.select(schema.names).cast(schema))

    def close(self) -> None:
        for writer in self._open.values():
            writer.close()


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; on success sync it and replace `folder` by it.

    There is none between moving the old folder away and the new one in; the ledger's entry counts
    as unstaged all that time.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder.with_name(f"{UNFINISHED}{secrets.token_hex(4)}")
    unfinished.mkdir(mode=0o700)
    try:
        yield unfinished
        recorded_files.record(unfinished)
        for path in unfinished.iterdir():
            os.chmod(path, 0o600)
            sync(path)
        sync(unfinished)
        if folder.exists():
            old = folder.with_name(f"{UNFINISHED}{secrets.token_hex(4)}")
            folder.rename(old)
            shutil.rmtree(old)
        unfinished.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
