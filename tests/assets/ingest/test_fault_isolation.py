"""A record that our own code fails on is set aside with the place where it did; no other record
goes with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ingest import fault_isolation, raw
from assets.ingest.fault_isolation import isolate
from assets.sources.crm import crm
from assets.sources.source import Dataset, Source
from assets.staging import staged
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.registers import TODAY

DAY = "2026-11-17"
ORDERS = crm.SOURCE.datasets[2]
BAD = {0, 7, 8, 1234, 2999}
RECORDS = 3000
FAILS = "CASE WHEN contains(payload, 'B-AD') THEN error('personal data') END"


def source(orders: Dataset) -> Source:
    return replace(crm.SOURCE, datasets=(*crm.SOURCE.datasets[:2], orders))


FAILS_WHEN_STAGED = source(
    replace(
        ORDERS,
        prepare=(*ORDERS.prepare, f"CREATE OR REPLACE TEMP TABLE x AS SELECT {FAILS} FROM records"),
    )
)
FAILS_WHEN_IDENTIFIED = source(
    replace(
        ORDERS,
        identify=ORDERS.identify.replace(
            "FROM raw_records", f"FROM (FROM raw_records WHERE {FAILS} IS NULL)"
        ),
    )
)
FAILS_WHEN_MINIMISED = source(replace(ORDERS, minimise=f"coalesce({FAILS}, payload)"))
CANNOT_BE_DATED = source(replace(ORDERS, given=f"coalesce({FAILS}, '2026-11-01')"))


def order(number: int) -> dict[str, str]:
    return {
        "order_number": f"B-AD{number}" if number in BAD else f"O{number}",
        "customer_number": f"C{number:07}",
        "ordered_at": "2026-11-01T12:00:00Z",
        "status": "placed",
        "amount": "10.00",
        "currency": "EUR",
        "items": "1",
    }


def run(data_root: DataRoot, made: Source, numbers: list[int]) -> Any:
    put(data_root, "crm", DAY, "orders", csv([order(number) for number in numbers]), len(numbers))
    (entry,) = raw.ingest(data_root, made, None, TODAY).entries
    (entry,) = staged.stage(data_root, made, {DAY})
    return entry


def table(data_root: DataRoot, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query.replace("LAKE", str(data_root.lake))).fetchall()


ORDERS_IN_THE_LAKE = "SELECT * EXCLUDE (record_no) FROM 'LAKE/staged/crm/*/*/orders.parquet'"
QUARANTINE = (
    "SELECT record_no, code, scope, in_table, place, person_key FROM "
    "'LAKE/quarantine/crm/*/*.parquet' ORDER BY ALL"
)


@pytest.mark.parametrize(
    ("made", "where"),
    [
        (FAILS_WHEN_STAGED, "assets/staging/staged.py:"),
        (FAILS_WHEN_IDENTIFIED, "assets/ingest/intake.py:"),
        (FAILS_WHEN_MINIMISED, "assets/ingest/intake.py:"),
        (CANNOT_BE_DATED, "assets/ingest/intake.py:"),
    ],
    ids=["staged", "identified", "minimised", "dated"],
)
def test_just_the_records_that_fail_are_quarantined(
    data_root: DataRoot, made: Source, where: str
) -> None:
    entry = run(data_root, made, list(range(RECORDS)))
    assert (entry.staged, entry.quarantined, entry.codes) == (
        RECORDS - len(BAD),
        len(BAD),
        {"REC-UNEXPECTED": len(BAD)},
    )
    assert entry.conserved
    assert staged.lost_by_key(data_root, [entry]) == 0
    quarantined = table(data_root, QUARANTINE)
    assert {row[0] for row in quarantined} == BAD
    assert {row[1:4] for row in quarantined} == {("REC-UNEXPECTED", "record", None)}
    assert all(where in row[4] and "personal" not in row[4] for row in quarantined)
    assert sum(staged.unexpected(data_root, [entry]).values()) == len(BAD)


def test_the_others_are_staged_as_they_are_without_them(data_root: DataRoot, tmp_path: Any) -> None:
    run(data_root, FAILS_WHEN_STAGED, list(range(RECORDS)))
    other = DataRoot(tmp_path / "other")
    other.create()
    run(other, crm.SOURCE, [number for number in range(RECORDS) if number not in BAD])
    assert table(data_root, ORDERS_IN_THE_LAKE) == table(other, ORDERS_IN_THE_LAKE)


def test_the_subject_of_a_record_is_known_though_it_cannot_be_staged(data_root: DataRoot) -> None:
    run(data_root, FAILS_WHEN_STAGED, [6, 7])
    ((_, _, _, _, _, key),) = table(data_root, QUARANTINE)
    assert [(key,)] == table(data_root, "SELECT md5('customer_number:C0000007')")


def test_a_record_that_cannot_be_identified_keeps_its_text_without_identifiers(
    data_root: DataRoot,
) -> None:
    run(data_root, FAILS_WHEN_IDENTIFIED, [7])
    ((payload, identifiers),) = table(
        data_root, "SELECT payload, identifiers FROM 'LAKE/raw/crm/*/*.parquet'"
    )
    assert "B-AD7" in payload
    assert identifiers == []


def test_a_record_that_cannot_be_dated_keeps_its_identifiers_too(data_root: DataRoot) -> None:
    run(data_root, CANNOT_BE_DATED, [7])
    assert table(
        data_root, "SELECT given_on, len(identifiers) FROM 'LAKE/raw/crm/*/*.parquet'"
    ) == [(None, 2)]


def test_of_a_record_that_cannot_be_minimised_no_text_is_stored(data_root: DataRoot) -> None:
    """It may hold what the register must not; it is counted, and known again by its hash."""
    run(data_root, FAILS_WHEN_MINIMISED, [7, 8])
    stored = table(data_root, "SELECT payload, faults, content FROM 'LAKE/raw/crm/*/*.parquet'")
    assert [row[:2] for row in stored] == [("{}", ["REC-UNEXPECTED"])] * 2
    assert stored[0][2] != stored[1][2]


def test_an_error_over_no_record_at_all_is_raised(data_root: DataRoot) -> None:
    """A wrong statement is a fault of the code: it stops the run, and quarantines nobody."""
    wrong = source(replace(ORDERS, prepare=("SELECT no_such_column FROM records",)))
    with pytest.raises(duckdb.BinderException):
        run(data_root, wrong, [1, 2])
    assert list((data_root.lake / "quarantine").rglob("*.parquet")) == []


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(28, "disk full"), duckdb.OutOfMemoryException()]
)
def test_an_error_is_machine_error_is_raised(error: Exception) -> None:
    def step(batch: pa.Table) -> pa.Table:
        if batch.num_rows:
            raise error
        return batch

    with pytest.raises(type(error)):
        isolate(step, lambda rows, _: rows, pa.table({"n": [1, 2, 3]}))


def numbers(batch: pa.Table) -> list[int]:
    return batch["n"].to_pylist()


@given(st.sets(st.integers(0, 60)), st.integers(1, 61))
def test_the_order_of_the_records_stays(bad: set[int], count: int) -> None:
    def step(batch: pa.Table) -> list[tuple[int, str]]:
        if bad & set(numbers(batch)):
            raise ValueError
        return [(number, "passed") for number in numbers(batch)]

    pieces = isolate(
        step,
        lambda rows, _: [(number, "aside") for number in numbers(rows)],
        pa.table({"n": list(range(count))}),
    )
    assert [record for piece in pieces for record in piece] == [
        (number, "aside" if number in bad else "passed") for number in range(count)
    ]


def test_records_that_fail_together_only_all_pass() -> None:
    def step(batch: pa.Table) -> list[int]:
        if {3, 9} <= set(numbers(batch)):
            raise ValueError
        return numbers(batch)

    pieces = isolate(step, lambda *_: pytest.fail("set aside"), pa.table({"n": list(range(10))}))
    assert [number for piece in pieces for number in piece] == list(range(10))


def test_where_nearly_every_record_fails_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_isolation, "MOST_SEARCHES", 5)
    runs = 0

    def step(batch: pa.Table) -> list[int]:
        nonlocal runs
        runs += 1
        if batch.num_rows:
            raise ValueError
        return []

    pieces = isolate(step, lambda rows, _: numbers(rows), pa.table({"n": list(range(10_000))}))
    assert [number for piece in pieces for number in piece] == list(range(10_000))
    assert runs < 100
