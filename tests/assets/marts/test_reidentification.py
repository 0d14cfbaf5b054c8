"""Re-identification: whatever columns two marts share, equal or computed from each other, is found
and named where it matches one person, and nothing is found where nobody is alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.marts import building, reidentification
from assets.marts.building import MartCheckError, candidate_path
from assets.marts.queries import QUERIES
from assets.storage.data_root import DataRoot
from assets.storage.secrets import pepper
from schemas import marts
from schemas.columns import (
    Amount,
    Count,
    Day,
    Moment,
    TableModel,
    Text,
    column,
    duckdb_columns,
    table_name,
)
from schemas.marts import MARTS
from schemas.policy.legal_constraints import PSEUDONYMOUS
from tests.assets.marts.random_register import random_world
from tests.support.registers import evaluate_eligibility

pytestmark = pytest.mark.clause("P4.1", "P4.4")

TODAY = date(2026, 11, 20)


class Named(TableModel):
    """Orders with their registrant."""

    registrant_id: Text = column("registrant_id", required=True)
    ordered_at: Moment = column("order", required=True)
    amount: Amount = column("order", required=True)
    items: Count = column("order")

    class Config:
        name = "orders"


class NamedPeople(TableModel):
    """Registrants."""

    registrant_id: Text = column("registrant_id", required=True, unique=True)
    language: Text = column("language")
    birth_date: Day = column("birth_date")

    class Config:
        name = "registrants"


class ByDay(TableModel):
    """Orders by day."""

    pseudonym: Text = column("pseudonym", required=True)
    ordered_on: Day = column("order", required=True)
    items: Count = column("order")

    class Config:
        name = "orders"


class ByClass(TableModel):
    """What somebody has bought in total, in classes."""

    spent: Text = column("consumption", classes=({0: "little", 100: "much"},))
    language: Text = column("language")

    class Config:
        name = "orders"


class InText(TableModel):
    """What somebody has bought, inside a text."""

    pseudonym: Text = column("pseudonym", required=True)
    inputs: Text = column("consumption", required=True)

    class Config:
        name = "consumption"


class Bands(TableModel):
    """Months of birth."""

    born_in: Text = column("age_band")

    class Config:
        name = "bands"


def order(who: str, day: str, amount: str, items: int) -> tuple[Any, ...]:
    return who, datetime.fromisoformat(f"{day}T10:00:00+00:00"), Decimal(amount), items


PEOPLE = [("R1", "fi", date(1980, 1, 5)), ("R2", "fi", date(1980, 1, 9)), ("R3", "sv", None)]
ORDERS = [
    order("R1", "2026-07-01", "10.00", 1),
    order("R1", "2026-07-03", "20.00", 2),
    order("R2", "2026-07-01", "90.00", 1),
    order("R2", "2026-08-03", "20.00", 2),
    order("R3", "2026-09-09", "30.00", 2),
]


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Measure a table of a pseudonymous mart against one with names."""

    def measure(model: type[TableModel], rows: list[tuple[Any, ...]]) -> set[tuple[str, ...]]:
        monkeypatch.setitem(MARTS, "analytics", (model,))
        monkeypatch.setitem(MARTS, "customer_care", (Named, NamedPeople))
        files = {}
        for mart, tables in {
            "analytics": {model: rows},
            "customer_care": {Named: ORDERS, NamedPeople: PEOPLE},
        }.items():
            files[mart] = tmp_path / f"{mart}.duckdb"
            files[mart].unlink(missing_ok=True)
            with duckdb.connect(str(files[mart])) as connection:
                for each, content in tables.items():
                    name = table_name(each)
                    connection.execute(f"CREATE TABLE {name} ({duckdb_columns(each)})")
                    places = ", ".join("?" * len(content[0]))
                    connection.executemany(f"INSERT INTO {name} VALUES ({places})", content)
        data_root = DataRoot(tmp_path)
        data_root.create()
        return {match.columns for match in reidentification.matches(data_root, "analytics", files)}

    return measure


def test_a_day_that_one_registrant_has_alone_matches(measured: Any) -> None:
    found = measured(ByDay, [("p", date(2026, 9, 9), None), ("q", date(2026, 7, 1), None)])
    assert ("ordered_on = ordered_at by day",) in found


def test_two_columns_match_where_neither_does_alone(measured: Any) -> None:
    rows = [
        ("p", date(2026, 7, 15), 2),
        ("q", date(2026, 7, 16), 1),
        ("r", date(2026, 8, 17), 1),
        ("s", date(2026, 8, 18), 3),
    ]
    found = measured(ByDay, rows)
    assert found
    assert all(len(columns) == 1 or "items = items" in columns for columns in found)


def test_a_class_of_a_sum_over_the_key_matches(measured: Any) -> None:
    found = measured(ByClass, [("much", "fi"), ("little", "fi")])
    assert any("spent = sum of amount by class" in columns for columns in found)


def test_an_exact_sum_inside_a_text_matches(measured: Any) -> None:
    found = measured(InText, [("p", "amount=110.00 currency=EUR"), ("q", "amount=30.00")])
    assert ("inputs = sum of amount as number 1 of the text",) in found


def test_a_day_inside_a_text_matches_the_last_one_of_the_key(measured: Any) -> None:
    found = measured(InText, [("p", "last=2026-08-03"), ("q", "last=2026-07-03")])
    assert ("inputs = last ordered_at as day 1 of the text",) in found


def test_a_month_matches_the_day_that_it_is_derived_from(measured: Any) -> None:
    assert measured(Bands, [("1980-01",), ("1980-02",)]) == set()
    assert ("born_in = birth_date by day",) in measured(Bands, [("1980-01-05",), ("1980-02",)])


def test_what_more_share_than_any_one_registrant_has_rows_matches_nobody(measured: Any) -> None:
    assert measured(ByDay, [(f"p{number}", date(2026, 9, 9), 2) for number in range(3)]) == set()


def test_rows_that_may_all_be_one_registrants_match(measured: Any) -> None:
    assert measured(InText, [("p", "amount=30.00"), ("p", "amount=30.00")])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """Every mart of a register of random people, in which hardly anybody is like another."""
    data_root = DataRoot(tmp_path_factory.mktemp("home"))
    data_root.create()
    assert pepper(data_root)
    world = random_world(5, TODAY, 600)
    for nth, row in enumerate(world.tables["orders"]):
        row["amount"] = Decimal(nth * 33) / 100
        row["ordered_at"] = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(hours=17 * nth)
    for nth, row in enumerate(world.tables["contracts"]):
        row["monthly_fee"] = Decimal(nth * 14) / 100
    world.write(data_root)
    evaluate_eligibility(data_root, TODAY)
    for purpose in MARTS:
        building.build(data_root, purpose, TODAY)
    return data_root


@pytest.mark.parametrize("purpose", PSEUDONYMOUS)
def test_the_marts_without_names_match_nobody_and_hold_something(
    built: DataRoot, purpose: str
) -> None:
    assert building.reidentified(built, purpose) == []
    with duckdb.connect(str(candidate_path(built, purpose)), read_only=True) as connection:
        for model in MARTS[purpose]:
            rows = connection.execute(f"FROM {table_name(model)}").fetchall()
            if table_name(model) in ("contracts", "orders", "customers", "combinations"):
                assert rows, table_name(model)
                assert any(value is not None for row in rows for value in row)


def test_no_key_joins_two_tables_of_a_mart_without_names(built: DataRoot) -> None:
    with duckdb.connect(str(candidate_path(built, "analytics")), read_only=True) as connection:
        owners = connection.execute(
            """SELECT max(attributes)
            FROM (
                SELECT count(DISTINCT attribute) AS attributes
                FROM (FROM age_bands UNION ALL BY NAME FROM consumption)
                GROUP BY pseudonym)"""
        ).fetchone()
    assert owners == (1,)
    assert not [
        model
        for model in MARTS["products_and_services"]
        if {"pseudonym", "registrant_id"} & set(model.to_schema().columns)
    ]


def test_a_mart_that_matches_somebody_is_not_published(
    built: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ExactOrders(TableModel):
        """Orders by day, as they must not be."""

        pseudonym: Text = column("pseudonym", required=True)
        ordered_on: Day = column("order", required=True)
        amount: Amount = column("order", required=True)

        class Config:
            name = "orders"

    kept = [model for model in MARTS["products_and_services"] if table_name(model) != "orders"]
    monkeypatch.setitem(marts.MARTS, "products_and_services", (*kept, ExactOrders))
    monkeypatch.setitem(
        QUERIES["products_and_services"],
        "orders",
        """SELECT keyed_hash(registrant_id) AS pseudonym, ordered_at::DATE AS ordered_on, amount
        FROM orders SEMI JOIN eligible_products_and_services USING (registrant_id)""",
    )
    building.build(built, "products_and_services", TODAY)
    found = building.reidentified(built, "products_and_services")
    assert {match.other for match in found} >= {"customer_care.orders", "legal_claims.orders"}
    assert any("amount = amount" in match.columns for match in found)
    with pytest.raises(MartCheckError, match="MART-REIDENTIFIES"):
        building.publish(built, "products_and_services")
