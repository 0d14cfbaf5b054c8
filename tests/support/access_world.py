"""Two people who share all that people share, and a third; all others have markers in all
fields.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied
from tests.support.deliveries import basic_data, changes, csv, put
from tests.support.made_once import made_once
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
from tests.support.registers import refresh

DAY, NEXT = "2026-11-17", "2026-11-18"
# In every field of anybody else that has no form of its own.
MARK = "Qzannex"
SELF_CODE, SPOUSE_CODE, CHILD_CODE = code("140285-912"), code("150386-914"), code("160310A915")
SELF_CONTACT, SPOUSE_CONTACT = "880001112223", "880009998887"
SELF_NUMBER, SPOUSE_NUMBER = "C7000001", "C7000002"
OWN_MAIL, SHARED_MAIL, SPOUSE_MAIL = (
    "aino.oma@example.fi",
    "perhe@example.fi",
    f"{MARK}.mail@example.fi",
)
OWN_PHONE, SPOUSE_PHONE = "+358409990111", "+358409990222"
SPOUSE_GIVEN, SPOUSE_FAMILY = "Veikko", "Kumppani"
# Values with a form of their own that identify somebody else.
OTHERS = [
    MARK.lower(),
    SPOUSE_CODE,
    CHILD_CODE,
    SPOUSE_CONTACT,
    SPOUSE_NUMBER,
    SPOUSE_PHONE,
    SPOUSE_PHONE[4:],
    "Veikko Kumppani",
    "Kumppani Veikko",
    "c2c2c2c2c2c2c2c2",
]
# What is the registrant's own and must be there.
OWN = [
    SELF_CODE,
    SELF_CONTACT,
    SELF_NUMBER,
    OWN_MAIL,
    SHARED_MAIL,
    OWN_PHONE,
    "a1a1a1a1a1a1a1a1",
    "K-700001",
    "T-700001",
    "ownsearch",
    "Yhteiskatu 4",
    "own-proof",
]


def register_of_them(temporary: pytest.TempPathFactory) -> DataRoot:
    """A data root in which all of it is taken in and built, for the tests of one module."""

    def make(folder: Path) -> None:
        data_root = DataRoot(folder / "data")
        data_root.create()
        deliver(data_root)
        refresh(data_root, marts=["analytics"])

    made = made_once(temporary, "access", make) / "data"
    return DataRoot(copied(made, temporary.mktemp("access") / "data"))


def deliver(data_root: DataRoot) -> None:
    """What every source says of the registrant, the spouse and the child, on two days."""
    _population_register(data_root)
    _crm(data_root)
    _website(data_root)
    _consents(data_root)
    _credit(data_root)


def _population_register(data_root: DataRoot) -> None:
    address = home_address("Yhteiskatu", "4", "00100", "HELSINKI", "2015-05-01")
    guardian = part("HUOLTAJUUS_X", etunimi=f"{MARK}guardian", henkilotunnus=CHILD_CODE)
    dependant = part("ASUU_SAMASSA", sukunimi=f"{MARK}dependant")
    own_name = name("Aino", "Asiakas")
    own_name["puoliso"] = {"etunimi": f"{MARK}nested"}
    persons = [
        person(
            SELF_CODE,
            own_name,
            part("SYNTYMAPAIVA", syntymapv=day("1985-02-14")),
            address,
            municipality("091", "2015-05-01"),
            guardian,
            dependant,
        ),
        person(
            SPOUSE_CODE,
            name(SPOUSE_GIVEN, SPOUSE_FAMILY),
            part("SYNTYMAPAIVA", syntymapv=day("1986-03-15")),
            address,
            municipality("091", "2015-05-01"),
        ),
        person(
            CHILD_CODE,
            name(f"{MARK}child", f"{MARK}family"),
            part("SYNTYMAPAIVA", syntymapv=day("2010-03-16")),
            address,
        ),
    ]
    for delivered in persons:
        delivered["perhe"] = [{"etunimi": f"{MARK}toplevel"}]
    basic_data(data_root, DAY, persons)
    changes(
        data_root,
        NEXT,
        [
            message(
                SELF_CODE,
                NEXT,
                part("SAHKOPOSTIOSOITE", "LISATTY", sahkopostiosoite=OWN_MAIL, alkupv=day(NEXT)),
            )
        ],
    )


def contact(number: str, given: str, family: str, **more: str) -> dict[str, str]:
    return {
        "Record ID": number,
        "First Name": given,
        "Last Name": family,
        "Create Date": "2025-03-12 09:14",
        "Last Activity Date": "2026-10-01 12:00",
        "Email": SHARED_MAIL,
        "Phone Number": "",
        "Street Address": "Yhteiskatu 4",
        "Postal Code": "00100",
        "City": "Helsinki",
        "Date of birth": "",
        "Customer number": "",
        "Job Title": "",
        "Associated Company": "",
        "Preferred language": "",
        "Unsubscribed from all email": "",
        "Notes": "",
        **more,
    }


def _crm(data_root: DataRoot) -> None:
    own = contact(
        SELF_CONTACT,
        "Aino",
        "Asiakas",
        **{
            "Customer number": SELF_NUMBER,
            "Phone Number": OWN_PHONE,
            "Date of birth": "1985-02-14",
            "Preferred language": "svenska",
            "Job Title": f"assistentti, sijainen {SPOUSE_GIVEN} {SPOUSE_FAMILY}, "
            f"puoliso {SPOUSE_GIVEN}, lapsi {MARK}child, {SPOUSE_MAIL}, "
            f"{SPOUSE_CODE} tai {SPOUSE_PHONE}",
            "Notes": f"puhuttu: {MARK}notes {SPOUSE_PHONE}",
        },
    )
    spouse = contact(
        SPOUSE_CONTACT,
        SPOUSE_GIVEN,
        SPOUSE_FAMILY,
        **{
            "Customer number": SPOUSE_NUMBER,
            "Phone Number": SPOUSE_PHONE,
            "Date of birth": "1986-03-15",
            "Job Title": f"{MARK}job",
            "Notes": f"{MARK}notes",
            "Unsubscribed from all email": "true",
        },
    )
    put(data_root, "crm", DAY, "contacts", csv([own, spouse]), 2)
    contract = {
        "contract_number": "K-700001",
        "contact_id": SELF_CONTACT,
        "customer_number": SELF_NUMBER,
        "identity_code": SELF_CODE,
        "product": "sähkö",
        "status": "active",
        "starts_on": "2024-01-01",
        "ends_on": "",
        "monthly_fee": "12.50",
        "currency": "EUR",
        "updated_at": "2026-10-01T10:00:00Z",
    }
    other = {
        **contract,
        "contract_number": f"{MARK}-K",
        "contact_id": SPOUSE_CONTACT,
        "customer_number": SPOUSE_NUMBER,
    }
    other |= {"identity_code": SPOUSE_CODE, "product": f"{MARK}product"}
    put(data_root, "crm", DAY, "contracts", csv([contract, other]), 2)
    order = {
        "order_number": "T-700001",
        "contact_id": SELF_CONTACT,
        "customer_number": SELF_NUMBER,
        "ordered_at": "2026-09-01T10:00:00Z",
        "status": "delivered",
        "amount": "-20.00",
        "currency": "EUR",
        "items": "2",
    }
    other = {
        **order,
        "order_number": f"{MARK}-T",
        "contact_id": SPOUSE_CONTACT,
        "customer_number": SPOUSE_NUMBER,
        "amount": "31337.77",
    }
    put(data_root, "crm", DAY, "orders", csv([order, other]), 2)


def _website(data_root: DataRoot) -> None:
    def visit(
        number: int, visitor: str, user: str | None, action: dict[str, str]
    ) -> dict[str, Any]:
        seen = {
            "idSite": 1,
            "idVisit": number,
            "visitIp": "198.51.100.7",
            "visitorId": visitor,
            "firstActionTimestamp": 1_794_800_000 + number,
            "visitDuration": "61",
            "deviceType": "Smartphone",
            "browserCode": "CM",
            "actionDetails": [action],
        }
        return {**seen, **({"userId": user} if user else {})}

    own = {
        "type": "search",
        "siteSearchKeyword": "ownsearch",
        "url": f"https://example.fi/?m={SPOUSE_MAIL}&n={SPOUSE_GIVEN}+{SPOUSE_FAMILY}",
    }
    other = {
        "type": "search",
        "siteSearchKeyword": f"{MARK}search",
        "url": f"https://example.fi/{MARK}url",
    }
    first = visit(7001, "a1a1a1a1a1a1a1a1", SELF_NUMBER, own)
    first["customVariables"] = {"1": f"{MARK}custom"}
    first["actionDetails"][0]["goalName"] = f"{MARK}title"
    visits = [first, visit(7002, "c2c2c2c2c2c2c2c2", SPOUSE_NUMBER, other)]
    put(data_root, "website", NEXT, "visits", json.dumps(visits).encode(), len(visits))


def _consents(data_root: DataRoot) -> None:
    def event(kind: str, key: str, evidence: str, **more: str) -> dict[str, str]:
        return {
            "event_ts": "2026-10-03T08:00:00Z",
            "subject_key_type": kind,
            "subject_key": key,
            "purpose": "direct_marketing",
            "channel": "email",
            "status": "granted",
            "source": "web-form",
            "evidence": evidence,
            "text_version": "2025-03",
            "language": "fi",
            **more,
        }

    events = [
        event("customer_number", SELF_NUMBER, "own-proof"),
        event("customer_number", SPOUSE_NUMBER, f"{MARK}proof"),
        # About the address that reaches both: that a statement exists concerns both, its source
        # does not.
        event("email", SHARED_MAIL, f"{MARK}signed", status="prohibited"),
    ]
    put(data_root, "consents", NEXT, "consent_log", csv(events), len(events))


def _credit(data_root: DataRoot) -> None:
    def report(identity_code: str, **mark: str) -> dict[str, Any]:
        remark = {
            "remarkId": "1",
            "remarkDate": "2026-01-01",
            "remarkExpiresDate": "2028-01-01",
            "amount": "10.00",
            "creditor": "Velkoja Oy",
            **mark,
        }
        return {
            "socialSecurityNumber": identity_code,
            "creditClass": "4",
            "scale": "1-5, 1 best",
            "purposeCode": "1",
            "remarks": [remark],
        }

    reports = [
        report(SELF_CODE),
        report(SPOUSE_CODE, remarkId=f"{MARK}remark", creditor=f"{MARK}creditor"),
        {**report(CHILD_CODE), "note": f"{MARK}note"},
    ]
    put(
        data_root,
        "credit_bureau",
        NEXT,
        "credit_reports",
        "\n".join(map(json.dumps, reports)).encode(),
        len(reports),
    )
