"""DuckDB files: what is deleted in one can be read again; what is rebuilt without it cannot."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

MARKER = "AINO-LAHTIJA-MARKER"
HEADERS = (4096, 8192)
ROWS = 2_000

IN_PLACE = {
    "DELETE": f"DELETE FROM people WHERE name = '{MARKER}'",
    "UPDATE": f"UPDATE people SET name = 'Rectified' WHERE name = '{MARKER}'",
    "CREATE OR REPLACE": "CREATE OR REPLACE TABLE people AS "
    f"SELECT * FROM people WHERE name <> '{MARKER}'",
}
AFTERWARDS = {
    "CHECKPOINT": ["CHECKPOINT"],
    "four CHECKPOINTs": ["CHECKPOINT"] * 4,
    "FORCE CHECKPOINT": ["FORCE CHECKPOINT"],
    "VACUUM": ["CHECKPOINT", "VACUUM", "VACUUM ANALYZE", "CHECKPOINT"],
}


def people(path: Path) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"CREATE TABLE people AS SELECT i AS id, CASE WHEN i = 77 THEN '{MARKER}' ELSE "
            f"'Person ' || i END AS name FROM range({ROWS}) AS t(i)"
        )
    return path


def changed(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def query_file(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def with_older_header(path: Path) -> Path:
    """A copy of the file with its newer header overwritten by the older one."""
    content = bytearray(path.read_bytes())
    turns = [struct.unpack_from("<Q", content, at + 8)[0] for at in HEADERS]
    older, newer = HEADERS if turns[0] < turns[1] else HEADERS[::-1]
    content[newer : newer + 4096] = content[older : older + 4096]
    swapped = path.with_suffix(".swapped")
    swapped.write_bytes(content)
    return swapped


def rows_with_marker(path: Path) -> int:
    return int(str(query_file(path, f"SELECT count(*) FROM people WHERE name = '{MARKER}'")[0][0]))


@pytest.mark.parametrize("then", AFTERWARDS)
@pytest.mark.parametrize("how", IN_PLACE)
def test_what_was_changed_in_place_comes_back_with_the_older_header(
    how: str, then: str, tmp_path: Path
) -> None:
    path = people(tmp_path / "people.duckdb")
    changed(path, IN_PLACE[how], *AFTERWARDS[then])
    assert rows_with_marker(path) == 0
    assert rows_with_marker(with_older_header(path)) == 1


@pytest.mark.parametrize("how", ["COPY FROM DATABASE", "rebuilt"])
def test_a_fresh_file_has_nothing_under_its_older_header(how: str, tmp_path: Path) -> None:
    """The swap does not fail: the file opens, and is an empty database. "No table there" is what
    proves it.
    """
    path, fresh = people(tmp_path / "people.duckdb"), tmp_path / "fresh.duckdb"
    changed(path, IN_PLACE["DELETE"])
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{fresh}' AS fresh")
        connection.execute(
            "COPY FROM DATABASE old TO fresh"
            if how == "COPY FROM DATABASE"
            else "CREATE TABLE fresh.people AS SELECT * FROM old.people"
        )
    assert query_file(fresh, "SELECT count(*) FROM people") == [(ROWS - 1,)]
    assert query_file(with_older_header(fresh), "SELECT count(*) FROM duckdb_tables()") == [(0,)]
    assert MARKER.encode() not in fresh.read_bytes()


def stored(path: Path, table: str = "people") -> set[object]:
    """Rows that the file stores, by column: deleted ones too."""
    return {
        row[0]
        for row in query_file(
            path,
            (
                f"SELECT sum(count) FROM pragma_storage_info('{table}') WHERE segment_type <> "
                "'VALIDITY' GROUP BY column_id, column_path"
            ),
        )
    }


def test_stored_rows_show_a_delete_that_left_them_there(tmp_path: Path) -> None:
    path = people(tmp_path / "people.duckdb")
    changed(path, IN_PLACE["DELETE"])
    assert query_file(path, "SELECT count(*) FROM people") == [(ROWS - 1,)]
    assert stored(path) == {ROWS}


def test_free_blocks_show_a_replaced_table_and_not_a_small_delete(
    tmp_path: Path,
) -> None:
    deleted, replaced = people(tmp_path / "deleted.duckdb"), people(tmp_path / "replaced.duckdb")
    changed(deleted, IN_PLACE["DELETE"])
    changed(
        replaced,
        "CREATE TABLE other AS SELECT i, 'Other ' || i AS name FROM range(100_000) AS t(i)",
        "CHECKPOINT",
        "DROP TABLE other",
        "CHECKPOINT",
    )
    free = "SELECT free_blocks FROM pragma_database_size()"
    assert query_file(deleted, free) == [(0,)]
    assert int(str(query_file(replaced, free)[0][0])) > 0


@pytest.mark.parametrize(("storage", "hidden_by"), [("v1.0.0", "FSST"), ("latest", "DICT_FSST")])
def test_searching_the_bytes_of_a_file_as_it_is_finds_nothing_although_the_row_is_there(
    storage: str, hidden_by: str, tmp_path: Path
) -> None:
    """Our default is the storage of version 1.0, where FSST hides it; DICT_FSST and ZSTD come with
    the newer ones.
    """
    path, plain = tmp_path / "people.duckdb", tmp_path / "plain.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS people (STORAGE_VERSION '{storage}')")
        connection.execute(
            f"""CREATE TABLE people.people AS SELECT
            'Street of the ' || CASE WHEN i = 77 THEN '{MARKER}'
                ELSE 'person ' || i END || ' in Helsinki, Finland' AS name
                FROM range(60_000) AS t(i)"""
        )
    assert query_file(
        path,
        (
            "SELECT DISTINCT compression FROM pragma_storage_info('people') WHERE segment_type = "
            "'VARCHAR'"
        ),
    ) == [(hidden_by,)]
    assert MARKER.encode() not in path.read_bytes()
    with duckdb.connect() as connection:
        connection.execute("SET force_compression = 'uncompressed'")
        connection.execute(f"ATTACH '{path}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{plain}' AS plain")
        connection.execute("COPY FROM DATABASE old TO plain")
    assert MARKER.encode() in plain.read_bytes()


def test_an_enum_keeps_a_value_that_no_row_has(tmp_path: Path) -> None:
    path, fresh = tmp_path / "people.duckdb", tmp_path / "fresh.duckdb"
    frame = pd.DataFrame({"name": pd.Categorical([MARKER, "Person 1", "Person 2"])})
    remaining = frame[frame["name"] != MARKER]
    with duckdb.connect(str(path)) as connection:
        connection.register("remaining", remaining)
        connection.execute("CREATE TABLE people AS SELECT * FROM remaining")
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS old (READ_ONLY)")
        connection.execute(f"ATTACH '{fresh}' AS fresh")
        connection.execute("COPY FROM DATABASE old TO fresh")
    for file in (path, fresh):
        assert rows_with_marker(file) == 0
        assert MARKER in str(
            query_file(file, "SELECT data_type FROM duckdb_columns() WHERE table_name = 'people'")[
                0
            ][0]
        )
        assert MARKER.encode() in file.read_bytes()


def test_statistics_keep_the_first_bytes_of_the_least_and_greatest_value(tmp_path: Path) -> None:
    path = tmp_path / "people.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE people AS SELECT 'M' || i AS name FROM range(1000) AS t(i)"
        )
        connection.execute("INSERT INTO people VALUES ('ZZ-MARKER-OF-AINO')")
        connection.execute("CHECKPOINT")
        connection.execute("DELETE FROM people WHERE name LIKE 'ZZ%'")
        connection.execute("CHECKPOINT")
        statistics = str(connection.execute("SELECT stats(name) FROM people LIMIT 1").fetchall())
    assert "ZZ-MARKE" in statistics
    assert "ZZ-MARKER-OF-AINO" not in statistics


def killed(code: str, seen: Path, folder: Path) -> None:
    """Run the code in a process of its own and kill it as soon as the file is there that it makes
    when it is ready.
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=folder)
    end = time.monotonic() + 60
    while not seen.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert seen.exists()


def test_the_log_of_a_killed_process_contains_a_row_that_was_already_deleted(
    tmp_path: Path,
) -> None:
    code = f"""
        import duckdb, pathlib, time
        connection = duckdb.connect("people.duckdb")
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("CREATE TABLE people (name VARCHAR)")
        connection.execute("INSERT INTO people VALUES ('{MARKER}')")
        connection.execute("DELETE FROM people")
        pathlib.Path("ready").touch()
        time.sleep(60)
    """
    killed(code, tmp_path / "ready", tmp_path)
    assert MARKER.encode() in (tmp_path / "people.duckdb.wal").read_bytes()


def test_spilled_data_outlives_a_killed_process_in_plain_text(tmp_path: Path) -> None:
    code = f"""
        import duckdb, pathlib, time
        config = {{"temp_directory": "spill", "memory_limit": "60MB", "threads": 1}}
        connection = duckdb.connect(config=config)
        rows = "SELECT '{MARKER}' || i || repeat('x', 200) AS name FROM range(400_000) AS t(i)"
        connection.execute("CREATE TABLE people AS " + rows)
        pathlib.Path("ready").touch()
        time.sleep(60)
    """
    killed(code, tmp_path / "ready", tmp_path)
    spilled = [path for path in (tmp_path / "spill").rglob("*") if path.is_file()]
    assert spilled
    assert any(MARKER.encode() in path.read_bytes() for path in spilled)


def test_a_process_with_the_old_file_open_makes_a_second_connect_read_it_too(
    tmp_path: Path,
) -> None:
    path, fresh = people(tmp_path / "people.duckdb"), people(tmp_path / "fresh.duckdb")
    changed(fresh, IN_PLACE["DELETE"])
    with duckdb.connect(str(path), read_only=True) as holder:
        holder.execute("SELECT 1").fetchall()
        fresh.replace(path)
        assert rows_with_marker(path) == 1
    assert rows_with_marker(path) == 0
