"""Coarsened rows: nobody is alone with one, in any of the columns together, and none is lost."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import duckdb
import pytest

from assets.marts.coarsening import coarsened

pytestmark = pytest.mark.clause("P4.1", "P4.4")

COLUMNS = ("product", "year", "month")
Row = tuple[str | None, str | None, str | None, str | None]


def coarse(rows: list[Row], floor: int) -> list[tuple[str | None, ...]]:
    """The published rows of (registrant, product, year, month)."""
    with duckdb.connect() as connection:
        connection.execute(f"SET VARIABLE segment_floor = {floor}")
        connection.execute(
            "CREATE TABLE sold (registrant_id VARCHAR, product VARCHAR, year VARCHAR, "
            "month VARCHAR)"
        )
        if rows:
            connection.executemany("INSERT INTO sold VALUES (?, ?, ?, ?)", rows)
        return connection.execute(coarsened("SELECT * FROM sold", COLUMNS)).fetchall()


def test_what_enough_people_share_is_published_whole() -> None:
    rows: list[Row] = [(f"R{number}", "gas", "2026", "2026-07") for number in range(3)]
    assert coarse(rows, floor=3) == [("gas", "2026", "2026-07")] * 3


def test_with_fewer_people_than_the_floor_there_is_nothing() -> None:
    rows: list[Row] = [(f"R{number % 2}", "gas", "2026", "2026-07") for number in range(50)]
    assert coarse(rows, floor=3) == []


def test_one_persons_many_rows_are_one_person() -> None:
    many: list[Row] = [("heavy", "oil", "2026", "2026-07")] * 50
    others: list[Row] = [(f"R{number}", "gas", "2026", "2026-07") for number in range(6)]
    assert {product for product, *_ in coarse([*many, *others], floor=3)} == {None}


def test_a_rare_value_takes_the_next_smallest_with_it_so_that_subtraction_tells_nothing() -> None:
    rows: list[Row] = [
        ("R0", "oil", "2026", None),
        *((f"S{number}", "gas", "2026", None) for number in range(3)),
        *((f"T{number}", "power", "2026", None) for number in range(5)),
    ]
    assert Counter(product for product, *_ in coarse(rows, floor=3)) == {None: 4, "power": 5}


def test_a_row_without_a_registrant_is_kept_and_counts_for_nobody() -> None:
    nobody: list[Row] = [(None, "oil", "2026", None)] * 9
    known: list[Row] = [(f"R{number}", "gas", "2026", None) for number in range(3)]
    assert coarse([*nobody, *known], floor=3) == [(None, "2026", None)] * 12


@pytest.mark.parametrize("seed", range(20))
def test_of_random_rows_none_is_lost_and_no_selection_of_columns_shows_fewer_than_the_floor(
    seed: int,
) -> None:
    rng = random.Random(seed)
    floor = rng.choice((2, 3, 5))
    rows: list[Row] = [
        (
            f"R{int(rng.paretovariate(0.7)) % 40}",
            rng.choice(("gas", "gas", "power", "oil", None)),
            rng.choice(("2024", "2025", "2026", "2026")),
            rng.choice(("-01", "-02", "-03", "-04")),
        )
        for _ in range(rng.randint(0, 200))
    ]
    people = {registrant for registrant, *_ in rows}
    published = coarse(rows, floor)
    assert len(published) == (len(rows) if len(people) >= floor else 0)
    # Who may be behind a published row: everybody with a row that agrees where it says something.
    behind = defaultdict(set)
    for row in set(published):
        for registrant, *stored in rows:
            if all(shown in (None, value) for shown, value in zip(row, stored, strict=True)):
                behind[row].add(registrant)
    assert all(len(group) >= floor for group in behind.values())
    assert all(number >= floor for number in Counter(published).values())


def test_the_same_rows_in_another_order_give_the_same() -> None:
    rng = random.Random(3)
    rows: list[Row] = [
        (f"R{rng.randint(0, 30)}", rng.choice("abc"), rng.choice("xyz"), rng.choice("12"))
        for _ in range(100)
    ]
    again = rng.sample(rows, len(rows))
    assert Counter(coarse(rows, 4)) == Counter(coarse(again, 4))
