"""Parquet files and dataframes: where a row that was filtered out still is."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MARKER = "AINO-LAHTIJA-MARKER"


def test_a_filtered_category_column_keeps_the_category_in_pickle_and_in_parquet(
    tmp_path: Path,
) -> None:
    frame = pd.DataFrame({"name": pd.Categorical([MARKER, "Person 1", "Person 2"])})
    remaining = frame[frame["name"] != MARKER]
    assert MARKER.encode() in pickle.dumps(remaining)
    remaining.to_parquet(tmp_path / "remaining.parquet", compression="none")
    assert MARKER.encode() in (tmp_path / "remaining.parquet").read_bytes()
    remaining.assign(name=remaining["name"].cat.remove_unused_categories()).to_parquet(
        tmp_path / "clean.parquet", compression="none"
    )
    assert MARKER.encode() not in (tmp_path / "clean.parquet").read_bytes()


def test_a_slice_of_a_table_pickles_what_was_cut_off() -> None:
    table = pa.table({"name": [MARKER, "Person 1", "Person 2"]})
    assert MARKER.encode() in pickle.dumps(table.slice(1))
    assert MARKER.encode() not in pickle.dumps(table.take([1, 2]))


def test_a_slice_of_a_table_written_to_parquet_does_not_contain_what_was_cut_off(
    tmp_path: Path,
) -> None:
    pq.write_table(
        pa.table({"name": [MARKER, "Person 1", "Person 2"]}).slice(1),
        tmp_path / "slice.parquet",
        compression="none",
    )
    assert MARKER.encode() not in (tmp_path / "slice.parquet").read_bytes()


def test_a_slice_of_a_dictionary_column_writes_the_whole_dictionary(tmp_path: Path) -> None:
    column = pa.array([MARKER, "Person 1", "Person 2"]).dictionary_encode()
    pq.write_table(
        pa.table({"name": column.slice(1)}), tmp_path / "slice.parquet", compression="none"
    )
    assert MARKER.encode() in (tmp_path / "slice.parquet").read_bytes()


def test_attributes_of_a_frame_land_in_the_files_metadata(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1]})
    frame.attrs["asked_by"] = MARKER
    frame.to_parquet(tmp_path / "frame.parquet")
    assert MARKER.encode() in (tmp_path / "frame.parquet").read_bytes()


def test_compression_hides_a_value_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(
        pa.table({"name": [MARKER, *(f"Person {number}" for number in range(1000))]}),
        path,
        compression="zstd",
    )
    path_statistics_off = tmp_path / "without.parquet"
    pq.write_table(
        pq.read_table(path), path_statistics_off, compression="zstd", write_statistics=False
    )
    assert MARKER in pq.read_table(path_statistics_off)["name"].to_pylist()
    hidden = [MARKER.encode() not in file.read_bytes() for file in (path, path_statistics_off)]
    assert hidden == [False, True]


def test_rewriting_without_the_row_removes_it(tmp_path: Path) -> None:
    path, rewritten = tmp_path / "people.parquet", tmp_path / "rewritten.parquet"
    pq.write_table(pa.table({"name": [MARKER, "Person 1"]}), path)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM '{path}' WHERE name <> '{MARKER}') TO '{rewritten}' (FORMAT "
            "parquet, COMPRESSION uncompressed)"
        )
    assert MARKER.encode() not in rewritten.read_bytes()


def killed(code: str, seen: Path, folder: Path) -> None:
    """Run the code in a process of its own and kill it when the file is there and has begun to
    grow.
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=folder)
    end = time.monotonic() + 60
    while (
        process.poll() is None
        and time.monotonic() < end
        and not any(path.stat().st_size > 0 for path in folder.glob(seen.name))
    ):
        time.sleep(0.005)
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    ("there_before", "left"),
    [(False, ["people.parquet"]), (True, ["people.parquet", "tmp_people.parquet"])],
)
def test_a_killed_duckdb_write_leaves_an_unfinished_file(
    there_before: bool, left: list[str], tmp_path: Path
) -> None:
    """Under a temporary name only when it replaces one; a new file is written in its place, and is
    broken there.
    """
    if there_before:
        (tmp_path / "people.parquet").touch()
    code = """
        import duckdb
        connection = duckdb.connect(config={"threads": 1})
        rows = "SELECT i, sha256(i::VARCHAR) AS h FROM range(60_000_000) AS t(i)"
        options = "FORMAT parquet, ROW_GROUP_SIZE 10_000"
        connection.execute(f"COPY ({rows}) TO 'people.parquet' ({options})")
    """
    killed(code, tmp_path / "*.parquet", tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == left
    with pytest.raises(pa.ArrowInvalid):
        pq.read_metadata(tmp_path / left[-1])


def test_a_killed_pyarrow_write_leaves_a_broken_file_in_its_place(tmp_path: Path) -> None:
    code = """
        import pyarrow as pa, pyarrow.parquet as pq
        table = pa.table({"name": [str(number) * 20 for number in range(100_000)]})
        with pq.ParquetWriter("people.parquet", table.schema) as writer:
            while True:
                writer.write_table(table)
    """
    killed(code, tmp_path / "people.parquet", tmp_path)
    path = tmp_path / "people.parquet"
    assert path.exists()
    with pytest.raises(pa.ArrowInvalid):
        pq.read_metadata(path)
