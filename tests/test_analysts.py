"""The examples for analysts that are marked as run by a test do run, on the mart's own tables."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from schemas.columns import duckdb_columns, table_name
from schemas.marts import MARTS, About

PAGE = Path(__file__).parents[1] / "docs" / "analysts.md"
RUN = re.compile(r"\*Run by a test\.\*\n\n```python\n(.*?)```", re.DOTALL)
EXAMPLES = RUN.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """A folder with the mart customer_care: its tables, and no rows."""
    with duckdb.connect(str(tmp_path / "customer_care.duckdb")) as connection:
        for model in (*MARTS["customer_care"], About):
            connection.execute(f"CREATE TABLE {table_name(model)} ({duckdb_columns(model)})")
    return tmp_path


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(
    example: str, marts: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(marts)
    exec(example, {})  # noqa: S102  (our own page)
    assert capsys.readouterr().out


def test_what_the_page_asks_a_mart_in_sql_can_be_asked(marts: Path) -> None:
    [block] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with duckdb.connect(str(marts / "customer_care.duckdb"), read_only=True) as connection:
        connection.execute(block)
