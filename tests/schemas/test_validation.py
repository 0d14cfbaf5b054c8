"""Dates outside the years that everything behind can work with are found whatever a source does."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from schemas.staged import Contracts
from schemas.validation import failures

FAR = ["infinity", "-infinity", "99999-01-01", "0001-01-01", "2026-11-20 (BC)", "2200-01-01"]
CONTRACT = """0::BIGINT AS record_no, 'k' AS record_key, 0::BIGINT AS position, 'p' AS person_key,
    TIMESTAMPTZ '2026-11-20 00:00:00Z' AS stated_at,
    'K1' AS contract_number,
    NULL::VARCHAR AS customer_number,
    'phone' AS product, 'active' AS status, DATE '2026-01-01' AS starts_on, NULL::DATE AS ends_on,
    1.00::DECIMAL(18, 2) AS monthly_fee, 'EUR' AS currency"""


def codes(*rows: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        batch = connection.execute(" UNION ALL ".join(rows)).to_arrow_table()
    failed = failures(Contracts, batch)
    return sorted(zip(failed["row"].to_pylist(), failed["code"].to_pylist(), strict=True))


def contract(**columns: str) -> str:
    replaced = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"SELECT * {f'REPLACE ({replaced})' if columns else ''} FROM (SELECT {CONTRACT})"


@pytest.mark.parametrize("text", FAR)
def test_a_day_out_of_the_years_has_a_code_and_does_not_raise(text: str) -> None:
    assert codes(contract(), contract(ends_on=f"DATE '{text}'")) == [(1, "CONTRACTS-ENDS-ON-RANGE")]


@pytest.mark.parametrize("text", ["infinity", "-infinity", "200000-01-01 00:00:00+00"])
def test_so_has_a_moment(text: str) -> None:
    assert codes(contract(stated_at=f"TIMESTAMPTZ '{text}'")) == [(0, "CONTRACTS-STATED-AT-RANGE")]


def test_the_failures_of_other_rows_are_found_beside_it() -> None:
    failed = codes(
        contract(),
        contract(starts_on="DATE 'infinity'", ends_on="DATE '99999-01-01'"),
        contract(currency="'euro'"),
        contract(starts_on="NULL::DATE"),
    )
    assert failed == [
        (1, "CONTRACTS-ENDS-ON-RANGE"),
        (1, "CONTRACTS-STARTS-ON-RANGE"),
        (2, "CONTRACTS-CURRENCY-FORMAT"),
        (3, "CONTRACTS-STARTS-ON-MISSING"),
    ]
