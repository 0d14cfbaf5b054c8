"""What the publications of two days tell about a few, by subtraction."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from assets.marts import differencing
from assets.storage.data_root import DataRoot
from schemas import marts
from schemas.columns import Count, Day, TableModel, Text, column, duckdb_columns, table_name

pytestmark = pytest.mark.clause("P4.4")

FLOOR = 20


class Rows(TableModel):
    """Orders without a key."""

    ordered_in: Text = column("order")

    class Config:
        name = "orders"


class Values(TableModel):
    """A value of each pseudonym, with its day."""

    pseudonym: Text = column("pseudonym", required=True)
    value: Text = column("age_band")
    as_of: Day = column("technical", required=True)

    class Config:
        name = "age_bands"


class Groups(TableModel):
    """Registrants per value."""

    value: Text = column("segment")
    registrants: Count = column("segment", required=True)

    class Config:
        name = "segments"


def published(path: Path, orders: int, bands: int, segment: int, day: str = "2026-11-20") -> Path:
    with duckdb.connect(str(path)) as connection:
        for model in (Rows, Values, Groups):
            connection.execute(f"CREATE TABLE {table_name(model)} ({duckdb_columns(model)})")
        connection.execute(f"INSERT INTO orders SELECT NULL FROM range({orders})")
        connection.execute(
            f"INSERT INTO age_bands SELECT 'p' || range, '18-24', DATE '{day}' FROM range({bands})"
        )
        connection.execute(f"INSERT INTO segments SELECT '18-24', {segment} WHERE {segment} > 0")
    return path


@pytest.mark.parametrize(
    ("orders", "bands", "segment", "expected"),
    [
        (40, 40, 40, {}),
        (41, 40, 40, {"orders": 1}),
        (40, 39, 40, {"age_bands": 1}),
        (40, 40, 59, {"segments": 1}),
        (40 + FLOOR, 40 + FLOOR, 40 - FLOOR, {}),
        (40, 40, 0, {}),
    ],
    ids=["none", "one-more", "one-less", "nineteen", "the-floor", "a-group-less"],
)
def test_groups_that_differ_in_fewer_than_the_floor_are_counted(
    orders: int,
    bands: int,
    segment: int,
    expected: dict[str, int],
    data_root: DataRoot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another day of computation is no difference."""
    monkeypatch.setitem(marts.MARTS, "analytics", (Rows, Values, Groups))
    earlier = published(tmp_path / "earlier.duckdb", 40, 40, 40)
    later = published(tmp_path / "later.duckdb", orders, bands, segment, "2026-11-21")
    assert data_root.policy.profiles.segment_floor == FLOOR
    differing = differencing.small_differences(data_root, "analytics", earlier, later)
    assert differing == expected
