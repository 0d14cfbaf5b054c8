"""What is past its time on a day goes from every layer, and the register is the same before and
after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from assets.ingest import deliveries, raw_files
from assets.register import building
from assets.retention import sweep
from assets.sources.all_sources import SOURCES
from assets.staging import staged
from assets.storage.data_root import DataRoot
from tests.support.dated_records import contact, contract, deliver
from tests.support.deliveries import csv, put
from tests.support.registers import TODAY, rows, take_in

Table = list[dict[str, Any]]


def register_of(data_root: DataRoot) -> dict[str, Table]:
    """Every table of the register but the decisions, which go with the sweep."""
    tables = [table for table in building.TABLES if table not in ("expired", "departed")]
    return {table: sorted(rows(data_root, f"SELECT * FROM {table}"), key=repr) for table in tables}


def layer(data_root: DataRoot, name: str, table: str = "*") -> Table:
    """Rows of every staged or quarantined file of a table, and the day of their delivery."""
    files = [
        str(path)
        for path in data_root.files(name, name=f"*/{table}" if name == "staged" else table)
    ]
    if not files:
        return []
    depth = len(str(data_root.lake / name).split("/")) + 2
    return rows(
        data_root,
        f"SELECT * EXCLUDE (filename), split_part(filename, '/', {depth}) AS day FROM "
        f"read_parquet({files!r}, filename = true)",
    )


@dataclass(frozen=True)
class Swept:
    data_root: DataRoot
    before: dict[str, Table]
    removed: list[sweep.Removal]
    after: dict[str, Table]
    raw_before: set[str]


def raw_days(data_root: DataRoot, dataset: str) -> set[str]:
    return {
        entry.day
        for entry in deliveries.ledger(data_root)
        if entry.dataset == dataset
        and raw_files.raw_path(data_root, entry.source, entry.day, entry.delivery_id).exists()
    }


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    data_root = DataRoot(tmp_path_factory.mktemp("swept") / "data")
    data_root.create()
    deliver(data_root)
    take_in(data_root)
    raw_before = raw_days(data_root, "contracts")
    building.build(data_root, TODAY)
    before = register_of(data_root)
    removed = sweep.sweep(data_root, TODAY)
    return Swept(data_root, before, removed, register_of(data_root), raw_before)


def values(table: Table, column: str) -> set[Any]:
    return {row[column] for row in table}


@pytest.mark.clause("P8.2", "P5.8")
def test_visits_go_after_25_months_by_the_calendar_in_helsinki(swept: Swept) -> None:
    assert values(swept.after["visits"], "visit") == {"1|2", "1|3", "1|4", "1|5"}
    assert values(layer(swept.data_root, "staged", "visits"), "visit") == {
        "1|2",
        "1|3",
        "1|4",
        "1|5",
    }


def test_a_cookie_goes_13_months_after_it_was_first_seen_and_its_visits_stay_without_it(
    swept: Swept,
) -> None:
    visitors = {
        row["visit"]: (row["visitor_id"], row["person_key"] is not None)
        for row in layer(swept.data_root, "staged", "visits")
    }
    assert visitors == {
        "1|2": (None, False),
        "1|3": (None, False),
        "1|4": (None, False),
        "1|5": ("a000000000000005", True),
    }
    assert {row["visit"] for row in swept.after["visits"] if row["registrant_id"]} == {"1|5"}
    assert "a000000000000003" not in values(
        layer(swept.data_root, "staged", "identifiers"), "value"
    )


@pytest.mark.clause("P6.4", "P8.2")
def test_credit_marks_go_when_they_expire_or_after_three_years_without_a_date(swept: Swept) -> None:
    assert values(swept.after["credit_marks"], "remark_id") == {"holds", "almost-three"}
    assert values(layer(swept.data_root, "staged", "credit_marks"), "remark_id") == {
        "holds",
        "almost-three",
    }


def test_credit_reports_go_after_13_months(swept: Swept) -> None:
    assert values(layer(swept.data_root, "staged", "credit_reports"), "day") == {
        "2025-10-21",
        "2026-11-10",
    }


@pytest.mark.clause("P8.2", "P5.6")
def test_orders_go_six_years_after_the_end_of_their_year(swept: Swept) -> None:
    assert values(swept.after["orders"], "order_number") | values(
        swept.after["segregated_orders"], "order_number"
    ) == {"T-2020", "T-gone-customer"}
    assert values(layer(swept.data_root, "staged", "orders"), "order_number") == {
        "T-2020",
        "T-gone-customer",
    }


def test_an_order_outlives_its_customer_without_saying_who_it_was(swept: Swept) -> None:
    assert values(swept.after["orders"], "order_number") == {"T-2020"}
    [apart] = swept.after["segregated_orders"]
    assert (apart["order_number"], apart["held_under"], apart["held_until"]) == (
        "T-gone-customer",
        "RET-VOUCHER-6Y",
        date(2028, 1, 1),
    )
    [kept] = [
        row
        for row in layer(swept.data_root, "staged", "orders")
        if row["order_number"] == "T-gone-customer"
    ]
    assert (kept["customer_number"], kept["person_key"], kept["amount"]) == (
        None,
        None,
        Decimal("20.00"),
    )
    assert "C0000001" not in values(layer(swept.data_root, "staged", "identifiers"), "value")
    payloads = [
        row
        for path in swept.data_root.files("raw", "crm")
        for row in rows(swept.data_root, f"SELECT payload FROM read_parquet('{path}')")
    ]
    assert not [row for row in payloads if "C0000001" in row["payload"]]


@pytest.mark.clause("P8.2", "P5.6")
def test_a_customer_goes_three_years_after_the_last_contract(swept: Swept) -> None:
    assert values(swept.after["registrants"], "customer_number") >= {"C0000002"}
    assert "C0000001" not in values(swept.after["registrants"], "customer_number")
    assert values(layer(swept.data_root, "staged", "contracts"), "contract_number") == {"K-holds"}


@pytest.mark.clause("P8.2", "P5.1", "P5.2")
def test_a_prospect_goes_three_years_after_the_last_contact(swept: Swept) -> None:
    assert {"Bertta"} == values(swept.after["registrants"], "given_names") - {None}
    assert values(layer(swept.data_root, "staged", "names"), "given_names") == {"Bertta"}


@pytest.mark.clause("P8.3")
def test_quarantine_goes_after_30_days(swept: Swept) -> None:
    assert values(layer(swept.data_root, "quarantine"), "day") == {"2026-10-22"}
    assert {
        row["day"]
        for row in layer(swept.data_root, "staged", "records")
        if row["outcome"] == "quarantined"
    } == {"2026-10-22"}


def test_raw_goes_after_13_months_and_what_was_staged_from_it_stays(tmp_path: Any) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    put(
        data_root,
        "crm",
        "2025-10-20",
        "contracts",
        csv([contract("K-1", "C0000003", "2026-06-01")]),
        1,
    )
    put(
        data_root,
        "crm",
        "2025-10-21",
        "contracts",
        csv([contract("K-2", "C0000004", "2026-06-01")]),
        1,
    )
    take_in(data_root)
    building.build(data_root, TODAY)
    before = register_of(data_root)
    assert sweep.per_rule(sweep.sweep(data_root, TODAY)) == {"RET-RAW-13M": 1}
    assert raw_days(data_root, "contracts") == {"2025-10-21"}
    for source in SOURCES:
        staged.stage(data_root, source, {"2025-10-20", "2025-10-21"}, again=True)
    building.build(data_root, TODAY)
    assert register_of(data_root) == before
    assert values(layer(data_root, "staged", "contracts"), "contract_number") == {"K-1", "K-2"}
    assert_accounted_for(data_root)


def test_deleted_data_stays_deleted_when_its_file_is_delivered_again(tmp_path: Any) -> None:
    """A prospect of long ago and one who holds, in one file, sent once more on a later day."""
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    file = csv(
        [
            contact("501", "Aatu", "Hiljainen", "2023-11-20 23:59"),
            contact("502", "Bertta", "Vilkas", "2023-11-21 00:00"),
        ]
    )
    for day in ("2026-11-10", "2026-11-12"):
        put(data_root, "crm", day, "contacts", file, 2)
        take_in(data_root)
        building.build(data_root, TODAY)
        sweep.sweep(data_root, TODAY)
        assert values(register_of(data_root)["names"], "family_name") == {"Vilkas"}
    assert [
        (entry.day, entry.expired, entry.staged, entry.duplicates)
        for entry in deliveries.ledger(data_root)
    ] == [("2026-11-10", 1, 1, 0), ("2026-11-12", 1, 0, 1)]
    assert all(entry.conserved for entry in deliveries.ledger(data_root))
    assert staged.lost_by_key(data_root, deliveries.ledger(data_root)) == 0


def test_every_rule_is_counted(swept: Swept) -> None:
    assert set(sweep.per_rule(swept.removed)) >= {
        "RET-PROSPECT-3Y", "RET-CUSTOMER-3Y", "RET-VOUCHER-6Y", "RET-VISITS-25M", "RET-COOKIE-13M",
        "RET-CREDIT-EXPIRY", "RET-CREDIT-REPORT-13M",
        "RET-QUARANTINE-30D", "RET-RAW-13M",
    }  # fmt: skip
    in_register, in_raw = (
        sweep.per_rule(swept.removed, "register"),
        sweep.per_rule(swept.removed, "raw"),
    )
    assert (
        in_register["RET-VISITS-25M"],
        in_register["RET-PROSPECT-3Y"],
        in_raw["RET-QUARANTINE-30D"],
    ) == (1, 1, 1)


def test_the_register_is_the_same_before_and_after(swept: Swept) -> None:
    assert [table for table in swept.before if swept.before[table] != swept.after[table]] == []


def assert_accounted_for(data_root: DataRoot) -> None:
    entries = deliveries.ledger(data_root)
    assert all(entry.conserved and not entry.removing for entry in entries)
    assert staged.lost_by_key(data_root, entries) == 0


def test_every_record_stays_accounted_for(swept: Swept) -> None:
    assert_accounted_for(swept.data_root)


def test_built_and_swept_and_staged_again_nothing_changes(swept: Swept) -> None:
    building.build(swept.data_root, TODAY)
    assert [
        table for table, was in register_of(swept.data_root).items() if was != swept.before[table]
    ] == []
    assert sweep.sweep(swept.data_root, TODAY) == []
    for source in SOURCES:
        staged.stage(
            swept.data_root,
            source,
            {entry.day for entry in deliveries.ledger(swept.data_root)},
            again=True,
        )
    building.build(swept.data_root, TODAY)
    assert [
        table for table, was in register_of(swept.data_root).items() if was != swept.before[table]
    ] == []
    assert_accounted_for(swept.data_root)


def test_a_day_earlier_nothing_that_is_at_its_boundary_goes(tmp_path: Any) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    deliver(data_root)
    take_in(data_root)
    building.build(data_root, date(2026, 11, 19))
    removed = sweep.per_rule(sweep.sweep(data_root, date(2026, 11, 19)))
    assert set(removed) == {
        "RET-VOUCHER-6Y",
        "RET-COOKIE-13M",
    }  # of the year 2019, and of a cookie two years old
