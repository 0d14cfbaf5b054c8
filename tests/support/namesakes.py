"""Two namesakes in every source, and two spouses with one mailbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.storage.data_root import DataRoot
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.population_register_messages import (
    code,
    day,
    home_address,
    message,
    municipality,
    name,
    part,
    person,
)

FIRST_DAY, SECOND_DAY, AGAIN = "2026-11-17", "2026-11-18", "2026-11-20"


@dataclass(frozen=True)
class Known:
    """One person, by everything that any source knows them by."""

    identity_code: str
    contact_id: str
    customer_number: str
    email: str
    phone: str
    visitor_id: str
    contract_number: str
    order_number: str
    visit: int

    @property
    def identifiers(self) -> list[str]:
        return [
            self.identity_code,
            self.contact_id,
            self.customer_number,
            self.email,
            self.phone,
            self.phone.lstrip("+"),
            self.visitor_id,
        ]


LEAVES = Known(
    code("140285-912"),
    "880001112223",
    "C7000001",
    "aino.lahtija@example.fi",
    "+358409990111",
    "a1a1a1a1a1a1a1a1",
    "K-700001",
    "T-700001",
    7001,
)


STAYS = Known(
    code("140285-914"),
    "880009998887",
    "C7000002",
    "a.jaava@example.fi",
    "+358409990222",
    "b2b2b2b2b2b2b2b2",
    "K-700002",
    "T-700002",
    7002,
)


# Two more registrants with one mailbox between them.
SHARED = "perhe@example.fi"
SPOUSES = (
    ("880005550001", "Kaarlo", "Jakaja", "1960-02-02"),
    ("880005550002", "Lempi", "Jakaja", "1962-03-03"),
)


STARTED = 1_794_800_000


def described(known: Known) -> dict[str, Any]:
    return person(
        known.identity_code,
        name("Aino", "Kaima"),
        part("SYNTYMAPAIVA", syntymapv=day("1985-02-14")),
        home_address("Yhteiskatu", "4", "00100", "HELSINKI", "2015-05-01"),
        municipality("091", "2015-05-01"),
    )


def contact(
    contact_id: str, given: str, family: str, email: str, birth: str, **more: str
) -> dict[str, str]:
    return {
        "Record ID": contact_id,
        "First Name": given,
        "Last Name": family,
        "Email": email,
        "Phone Number": "",
        "Create Date": "2025-03-12 09:14",
        "Last Activity Date": "2026-10-01 12:00",
        "Street Address": "",
        "Postal Code": "",
        "City": "",
        "Date of birth": birth,
        "Customer number": "",
        **more,
    }


def visit(number: int, visitor: str, user: str | None, seen: int) -> dict[str, Any]:
    return {
        "idSite": 1,
        "idVisit": number,
        "visitIp": "198.51.100.7",
        "visitorId": visitor,
        "firstActionTimestamp": STARTED + seen,
        "serverTimestamp": STARTED + seen + 60,
        "visitDuration": "61",
        "deviceType": "Smartphone",
        "browserCode": "CM",
        "actionDetails": [],
        **({"userId": user} if user else {}),
    }


def deliver(root: Path, first: str, second: str) -> None:
    """What every source says of both namesakes and of the spouses, on two days."""
    data_root = DataRoot(root)
    data_root.create()
    both = (LEAVES, STAYS)
    basic_data(data_root, first, [described(person) for person in both])
    moved = [
        message(
            person.identity_code,
            second,
            part("SAHKOPOSTIOSOITE", "LISATTY", sahkopostiosoite=person.email, alkupv=day(second)),
        )
        for person in both
    ]
    changes(data_root, second, moved)
    address = {"Street Address": "Yhteiskatu 4", "Postal Code": "00100", "City": "Helsinki"}
    contacts = [
        contact(
            person.contact_id,
            "Aino",
            "Kaima",
            person.email,
            "1985-02-14",
            **address,
            **{"Customer number": person.customer_number, "Phone Number": person.phone},
        )
        for person in both
    ] + [contact(number, given, family, SHARED, birth) for number, given, family, birth in SPOUSES]
    put(data_root, "crm", first, "contacts", csv(contacts), len(contacts))
    contracts = [
        {
            "contract_number": person.contract_number,
            "contact_id": person.contact_id,
            "customer_number": person.customer_number,
            "identity_code": person.identity_code,
            "product": "sähkö",
            "status": "active",
            "starts_on": "2024-01-01",
            "ends_on": "",
            "monthly_fee": "12.50",
            "currency": "EUR",
            "updated_at": "2026-10-01T10:00:00Z",
        }
        for person in both
    ]
    put(data_root, "crm", first, "contracts", csv(contracts), len(contracts))
    orders = [
        {
            "order_number": person.order_number,
            "contact_id": person.contact_id,
            "customer_number": person.customer_number,
            "ordered_at": "2026-09-01T10:00:00Z",
            "status": "delivered",
            "amount": "20.00",
            "currency": "EUR",
            "items": "2",
        }
        for person in both
    ]
    put(data_root, "crm", first, "orders", csv(orders), len(orders))
    visits = [visit(person.visit, person.visitor_id, person.email, 0) for person in both]
    visits += [visit(person.visit + 10, person.visitor_id, None, 3600) for person in both]
    put(data_root, "website", second, "visits", json.dumps(visits).encode(), len(visits))
    events = [
        {
            "event_ts": "2026-10-03T08:00:00Z",
            "subject_key_type": "email",
            "subject_key": person.email,
            "purpose": "direct_marketing",
            "channel": "email",
            "status": "granted",
            "source": "web-form",
            "evidence": "",
            "text_version": "2025-03",
            "language": "fi",
        }
        for person in both
    ]
    put(data_root, "consents", second, "consent_log", csv(events), len(events))
    reports = [
        {
            "socialSecurityNumber": person.identity_code,
            "dateOfBirth": "1985-02-14T00:00:00Z",
            "creditClass": 4,
            "scale": "1-5, 1 best",
            "purposeCode": "1",
            "remarks": [],
        }
        for person in both
    ]
    put(
        data_root,
        "credit_bureau",
        second,
        "credit_reports",
        "\n".join(map(json.dumps, reports)).encode(),
        len(reports),
    )
