"""A count is a number, whatever the query returns."""

from __future__ import annotations

import duckdb
import pytest

from assets.storage.queries import count


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("SELECT count(*) FROM range(3)", 3),
        ("SELECT sum(range) FROM range(0)", 0),
        ("SELECT 1 WHERE false", 0),
        ("SELECT 4 UNION ALL SELECT 4", 4),
    ],
)
def test_the_first_value_is_the_count(query: str, number: int) -> None:
    with duckdb.connect() as connection:
        assert count(connection, query) == number


def test_parameters_are_bound_in_order_or_by_name() -> None:
    with duckdb.connect() as connection:
        assert count(connection, "SELECT count(*) FROM range(?)", [5]) == 5
        assert count(connection, "SELECT count(*) FROM range($n)", {"n": 2}) == 2
