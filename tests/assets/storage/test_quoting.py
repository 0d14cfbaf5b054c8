"""Any path can be read and written by SQL, and none of its characters is taken for something
else.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.storage import quoting

AWKWARD = ("it's", "a*b", "a[b]c", "[", "]", "a{b}", 'say "hi"', "50% #1", "öå ü", "a;b--c", "$x")


@pytest.mark.parametrize("name", AWKWARD)
def test_a_file_in_a_folder_of_any_name_is_read_alone(name: str, tmp_path: Path) -> None:
    folder, beside = tmp_path / name, tmp_path / "axb"
    for number, place in enumerate((folder, beside)):
        place.mkdir()
        duckdb.sql(f"COPY (SELECT {number} AS n) TO {quoting.literal(place / 'x.parquet')}")
    rows = duckdb.sql(
        f"SELECT n, filename FROM {quoting.parquet(folder / 'x.parquet', filename=True)}"
    )
    assert rows.fetchall() == [(0, str(folder / "x.parquet"))]


@pytest.mark.parametrize("name", AWKWARD)
def test_a_database_in_a_folder_of_any_name_can_be_attached(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH {quoting.literal(tmp_path / name / 'm.duckdb')} AS m")
        connection.execute("CREATE TABLE m.t AS SELECT 1 AS n")
    assert (tmp_path / name / "m.duckdb").exists()


def test_files_without_a_column_are_read_by_name(tmp_path: Path) -> None:
    for columns in ("1 AS a", "2 AS a, 3 AS b"):
        path = tmp_path / f"{len(columns)}.parquet"
        duckdb.sql(f"COPY (SELECT {columns}) TO {quoting.literal(path)}")
    files = sorted(tmp_path.iterdir())
    rows = duckdb.sql(f"SELECT a, b FROM {quoting.parquet(*files, union_by_name=True)} ORDER BY a")
    assert rows.fetchall() == [(1, None), (2, 3)]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_literal_is_the_text_and_a_name_is_the_column(text: str) -> None:
    rows = duckdb.sql(f"SELECT {quoting.literal(text)} AS {quoting.name(text)}")
    assert rows.fetchall() == [(text,)]
