"""One id that two people or parties have in one delivery: neither is used, and a record that is
repeated is nothing of the kind.
"""

from __future__ import annotations

import json

import pytest

from assets.ingest import deliveries
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.registers import build, rows, take_in

DAY = "2026-11-19"
AINO = {"Record ID": "7", "First Name": "Aino", "Last Name": "Testi", "Email": "aino@example.fi"}
BERTTA = {"Record ID": "7", "First Name": "Bertta", "Last Name": "Koe", "Email": "b@example.fi"}
CECILIA = {"Record ID": "8", "First Name": "Cecilia", "Last Name": "Malli", "Email": ""}


def outcomes(
    data_root: DataRoot, dataset: str, *records: dict[str, str]
) -> tuple[dict[str, int], int]:
    """Codes of what was quarantined of one delivery, and how many of its records were staged."""
    names = list(dict.fromkeys(name for record in records for name in record))
    lines = [{name: record.get(name, "") for name in names} for record in records]
    put(data_root, "crm", DAY, dataset, csv(lines), len(lines))
    take_in(data_root)
    (entry,) = deliveries.ledger(data_root, "crm")
    return dict(entry.codes), entry.staged


def test_two_people_under_one_record_id_are_both_quarantined_and_others_go_on(
    data_root: DataRoot,
) -> None:
    assert outcomes(data_root, "contacts", AINO, BERTTA, CECILIA) == ({"REC-SHARED-ID": 2}, 1)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Email": "new@example.fi"},
        {"Last Name": "Koe"},
        {"First Name": "", "Last Name": ""},
        {"First Name": "", "Last Name": "", "Email": ""},
    ],
)
def test_the_same_person_twice_is_no_shared_id(
    data_root: DataRoot, changed: dict[str, str]
) -> None:
    codes, _ = outcomes(data_root, "contacts", AINO, AINO | changed)
    assert codes == {}


def test_a_record_that_has_the_id_alone_in_a_later_export_is_staged(data_root: DataRoot) -> None:
    for day, records in (
        ("2026-11-17", [BERTTA]),
        ("2026-11-18", [AINO, BERTTA, BERTTA]),
        ("2026-11-19", [BERTTA]),
    ):
        put(data_root, "crm", day, "contacts", csv(records), len(records))
        take_in(data_root)
    counts = [
        (entry.staged, entry.quarantined, entry.duplicates)
        for entry in deliveries.ledger(data_root)
    ]
    assert counts == [(1, 0, 0), (0, 2, 1), (1, 0, 0)]


def test_an_order_number_of_two_parties_is_quarantined(data_root: DataRoot) -> None:
    order = {
        "order_number": "T1", "contact_id": "1", "customer_number": "C1",
        "ordered_at": "2026-11-01T10:00:00Z", "status": "placed", "amount": "1.00",
        "currency": "EUR", "items": "1",
    }  # fmt: skip
    other = order | {"contact_id": "2", "customer_number": "C2"}
    paid = order | {"order_number": "T2", "status": "delivered"}
    placed = order | {"order_number": "T2"}
    assert outcomes(data_root, "orders", order, other, placed, paid) == ({"REC-SHARED-ID": 2}, 2)


def test_ids_that_a_spreadsheet_cut_short_are_quarantined(data_root: DataRoot) -> None:
    damaged = {"Record ID": "1.24E+11"}
    assert outcomes(data_root, "contacts", AINO | damaged, BERTTA | damaged, CECILIA) == (
        {"CRM-RECORD-ID": 2},
        1,
    )


def test_a_contact_with_a_damaged_customer_number_is_used_without_it(data_root: DataRoot) -> None:
    codes, staged = outcomes(data_root, "contacts", AINO | {"Customer number": "1,24E+11"})
    build(data_root)
    assert (codes, staged) == ({"IDENTIFIER-DAMAGED": 1}, 1)
    assert [row["type"] for row in rows(data_root, "FROM identifiers")] == ["contact_id"]


def test_placeholders_as_customer_number_are_absent(data_root: DataRoot) -> None:
    people = [
        AINO | {"Record ID": str(number), "Customer number": placeholder}
        for number, placeholder in enumerate(("N/A", "-", "0", "ei ole", "(not set)"), 1)
    ]
    codes, staged = outcomes(data_root, "contacts", *people)
    build(data_root)
    assert (codes, staged) == ({}, 5)
    assert {row["type"] for row in rows(data_root, "FROM identifiers")} == {"contact_id"}
    assert "customer_number" not in json.dumps(
        rows(
            data_root,
            f"SELECT identifiers FROM read_parquet('{data_root.lake}/raw/crm/*/*.parquet')",
        )
    )


def test_a_postcode_without_its_noughts_is_mended_or_the_address_is_refused(
    data_root: DataRoot,
) -> None:
    address = {"Street Address": "Katu 1", "City": "Helsinki"}
    codes, _ = outcomes(
        data_root,
        "contacts",
        AINO | address | {"Record ID": "1", "Postal Code": "100", "Country/Region": "Finland"},
        BERTTA | address | {"Record ID": "2", "Postal Code": "1OO"},
        CECILIA | address | {"Record ID": "3", "Postal Code": "111 22", "Country/Region": "Sweden"},
    )
    build(data_root)
    assert codes == {"ADDRESS-POSTCODE": 1}
    assert [
        row["postcode"] for row in rows(data_root, "FROM registrants ORDER BY given_names")
    ] == [
        "00100",
        None,
        "111 22",
    ]
