"""Records of all ages, on both sides of every retention period."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.population_register_messages import code

# Boundaries as of 20 November 2026, by calendar: the first of each pair is over, the second is not.
CODES = {body: code(body) for body in ("010170-941", "010170-942")}


def visit(number: int, visitor: str, moment: datetime) -> dict[str, Any]:
    started = int(moment.timestamp())
    return {
        "idSite": 1,
        "idVisit": number,
        "visitorId": visitor,
        "firstActionTimestamp": started,
        "serverTimestamp": started + 60,
        "visitDuration": "60",
        "deviceType": "Desktop",
        "browserCode": "CM",
        "actionDetails": [],
    }


def mark(remark_id: str, dated: str | None, expires: str | None) -> dict[str, Any]:
    return {
        "remarkId": remark_id,
        "remarkType": "PaymentRemark",
        "remarkDate": dated,
        "remarkExpiresDate": expires,
        "amount": 10.5,
        "creditor": "Esimerkki Oy",
    }


def contract(number: str, customer: str, ends_on: str) -> dict[str, str]:
    return {
        "contract_number": number,
        "contact_id": "",
        "customer_number": customer,
        "identity_code": "",
        "product": "sähkö",
        "status": "ended",
        "starts_on": "2019-01-01",
        "ends_on": ends_on,
        "monthly_fee": "12.50",
        "currency": "EUR",
        "updated_at": "2025-10-01T10:00:00Z",
    }


def order(number: str, customer: str, ordered_at: str, amount: str = "20.00") -> dict[str, str]:
    return {
        "order_number": number,
        "contact_id": "",
        "customer_number": customer,
        "ordered_at": ordered_at,
        "status": "delivered",
        "amount": amount,
        "currency": "EUR",
        "items": "1",
    }


def contact(number: str, given: str, family: str, active: str) -> dict[str, str]:
    return {
        "Record ID": number,
        "First Name": given,
        "Last Name": family,
        "Create Date": "2020-01-01 10:00",
        "Recent Conversion Date": active,
    }


def deliver(data_root: DataRoot) -> None:
    visits = [
        visit(1, "a000000000000001", datetime(2024, 10, 20, 20, 59, 59, tzinfo=UTC)),
        visit(2, "a000000000000001", datetime(2024, 10, 20, 21, 0, 0, tzinfo=UTC)),
        visit(3, "a000000000000003", datetime(2025, 10, 20, 20, 59, 59, tzinfo=UTC)),
        visit(4, "a000000000000003", datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)),
        visit(5, "a000000000000005", datetime(2025, 10, 20, 21, 0, 0, tzinfo=UTC)),
    ]
    put(data_root, "website", "2026-11-10", "visits", json.dumps(visits).encode(), len(visits))
    reports = [
        {
            "socialSecurityNumber": CODES["010170-941"],
            "creditClass": 2,
            "purposeCode": "1",
            "remarks": [
                mark("expired", "2025-01-01", "2026-11-20"),
                mark("holds", "2020-01-01", "2026-11-21"),
                mark("three-years-old", "2023-11-20", None),
                mark("almost-three", "2023-11-21", None),
            ],
        }
    ]
    put(
        data_root,
        "credit_bureau",
        "2026-11-10",
        "credit_reports",
        json.dumps(reports[0]).encode(),
        1,
    )
    for day, body in (("2025-10-20", "010170-941"), ("2025-10-21", "010170-942")):
        old = {
            "socialSecurityNumber": CODES[body],
            "creditClass": 3,
            "purposeCode": "2",
            "remarks": [],
        }
        put(data_root, "credit_bureau", day, "credit_reports", json.dumps(old).encode(), 1)
    put(
        data_root,
        "crm",
        "2025-10-20",
        "contracts",
        csv([contract("K-over", "C0000001", "2023-11-20")]),
        1,
    )
    put(
        data_root,
        "crm",
        "2025-10-21",
        "contracts",
        csv([contract("K-holds", "C0000002", "2023-11-21")]),
        1,
    )
    orders = [
        order("T-2019", "C0000002", "2019-12-31T21:59:59Z"),
        order("T-2020", "C0000002", "2019-12-31T22:00:00Z"),
        order("T-gone-customer", "C0000001", "2021-06-01T10:00:00Z"),
    ]
    put(data_root, "crm", "2026-11-10", "orders", csv(orders), len(orders))
    for day in ("2026-10-21", "2026-10-22"):
        put(
            data_root,
            "crm",
            day,
            "orders",
            csv([order(f"T-odd-{day}", "C0000002", "2026-10-01T10:00:00Z", amount="paljon")]),
            1,
        )
    contacts = [
        contact("501", "Aatu", "Hiljainen", "2023-11-20 23:59"),
        contact("502", "Bertta", "Vilkas", "2023-11-21 00:00"),
    ]
    put(data_root, "crm", "2026-11-10", "contacts", csv(contacts), len(contacts))
