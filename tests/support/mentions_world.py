"""The known registrants with odd records besides: of the one who leaves, and of others with texts
that mention her.

Each record has a marker, a word that stands nowhere else, by which a test says what became of it.
"""

from __future__ import annotations

import json

from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from tests.support.deliveries import csv, put
from tests.support.namesakes import LEAVES, SHARED, SPOUSES, STAYS, contact, visit

ODD_DAY = "2026-11-19"
CODE, PHONE, EMAIL = LEAVES.identity_code, LEAVES.phone, LEAVES.email
WRONG_CHECK = CODE[:-1] + ("A" if CODE[-1] != "A" else "B")

# Unreadable: JSON that does not end, by marker. All of the one who leaves.
THEIRS = {
    "theirs0capitals": EMAIL.upper(),
    "theirs0url": f"https://www.example.fi/?e={EMAIL.replace('@', '%40')}&x=1",
    "theirs0twice": f"https://www.example.fi/?e={EMAIL.replace('@', '%2540')}",
    "theirs0json": EMAIL.replace("@", "\\u0040"),
    "theirs0html": EMAIL.replace("@", "&#64;"),
    "theirs0mailto": f"mailto:{EMAIL}",
    "theirs0blanks": "040 999 01 11",
    "theirs0dashes": "(040) 999-0111",
    "theirs0tel": "tel:+358-40-9990111",
    "theirs0national": "0409990111",
    "theirs0zeros": "00358 40 9990111",
    "theirs0plain": PHONE.lstrip("+"),
    "theirs0lower": CODE.lower(),
    "theirs0blank": f"{CODE[:6]} {CODE[6:]}",
    "theirs0check": WRONG_CHECK,
    "theirs0contact": LEAVES.contact_id,
    "theirs0customer": LEAVES.customer_number,
    "theirs0case": LEAVES.customer_number.lower(),
    "theirs0cookie": LEAVES.visitor_id.upper(),
    "theirs0code": CODE,
}
# Unreadable, of others, or of unknown persons: they stay unchanged.
STAY_WHOLE = {
    "stays0longer": f"{LEAVES.contact_id}9",
    "stays0inside": f"1{PHONE.lstrip('+')}",
    "stays0amount": f"{PHONE.lstrip('+')}.50",
    "stays0century": f"{CODE[:6]}A{CODE[7:]}",
    "stays0mailbox": f"x{EMAIL}",
    "stays0number": f"{LEAVES.customer_number}-2",
}
# Unreadable, of somebody else who is known: they stay, without what mentions the one who leaves.
STAY_REDACTED = {
    "redacted0code": f"{STAYS.identity_code} {CODE}",
    "redacted0mail": f"{STAYS.identity_code} {EMAIL}",
    "redacted0contact": f"{STAYS.contact_id} 040 999 0111",
    "redacted0reach": f"{STAYS.email} {EMAIL}",
    "redacted0bare": PHONE.removeprefix("+358"),
}
NOTE = (
    f"note0kept asked for {EMAIL.upper()}, {LEAVES.customer_number}, 040 999 0111, {CODE.lower()} "
    "today"
)


def deliver_unreadable(data_root: DataRoot, day: str, texts: dict[str, str], **extra: str) -> None:
    """Each text in a line of JSON that does not end."""
    lines = [f'{{"note": "{marker} {text}", "creditClass": ' for marker, text in texts.items()]
    put(
        data_root,
        "credit_bureau",
        day,
        "credit_reports",
        "\n".join([*lines, *extra.values()]).encode(),
        len(lines) + len(extra),
    )


def deliver_odd(data_root: DataRoot, day: str = ODD_DAY) -> None:
    """Everything odd that is readable."""
    put(data_root, "crm", day, "contacts", csv(_contacts()), len(_contacts()))
    put(data_root, "website", day, "visits", json.dumps(_visits()).encode(), 2)
    put(data_root, "consents", day, "consent_log", csv(_consents()), len(_consents()))
    unsigned_contract = {
        "contract_number": "K-700099",
        "contact_id": "880006660001",
        "customer_number": "",
        "identity_code": CODE.replace("-", ""),
        "product": "contract0kept",
        "status": "active",
        "starts_on": "2024-01-01",
        "ends_on": "",
        "monthly_fee": "1.00",
        "currency": "EUR",
        "updated_at": "2026-10-01T10:00:00Z",
    }
    put(data_root, "crm", day, "contracts", csv([unsigned_contract]), 1)
    report = {
        "socialSecurityNumber": STAYS.identity_code,
        "creditClass": 4,
        "scale": "1-5, 1 best",
        "purposeCode": "1",
        "remarks": [
            {
                "remarkId": "R-1",
                "remarkType": "01",
                "remarkDate": "2026-01-05",
                "amount": "10.00",
                "remarkSource": f"remark0kept with {CODE}",
                "creditor": "Oy",
            },
        ],
    }
    unsigned = {
        **report,
        "socialSecurityNumber": CODE.replace("-", ""),
        "remarks": [],
        "creditorNote": "theirs0unsigned",
    }
    put(
        data_root,
        "credit_bureau",
        day,
        "credit_reports",
        "\n".join(map(json.dumps, (report, unsigned))).encode(),
        2,
    )


def _contacts() -> list[dict[str, str]]:
    both = [
        contact(
            person.contact_id,
            "Aino",
            "Kaima",
            person.email,
            "1985-02-14",
            **{
                "Customer number": person.customer_number,
                "Phone Number": person.phone,
                "Street Address": "Yhteiskatu 4",
                "Postal Code": "00100",
                "City": "Helsinki",
            },
        )
        for person in (LEAVES, STAYS)
    ]
    spouses = [
        contact(number, given, family, SHARED, birth) for number, given, family, birth in SPOUSES
    ]
    several = contact(
        "880007770001", "Veikko", "Kaksi", f"veikko.kaksi@example.fi or {EMAIL}", "1950-01-01"
    )
    several["Street Address"] = "several0kept"
    notes = {SPOUSES[0][0]: NOTE}
    return [
        {**contact, "Notes": notes.get(contact["Record ID"], "")}
        for contact in (*both, *spouses, several)
    ]


def _visits() -> list[dict[str, object]]:
    others = visit(7100, STAYS.visitor_id, STAYS.email, 7200)
    others["referrerUrl"] = f"https://mail.example.fi/?to={EMAIL.replace('@', '%40')}&k=visit0kept"
    others["actionDetails"] = [
        {"type": "search", "siteSearchKeyword": f"search0kept {EMAIL}", "timestamp": 1_794_807_300},
        {
            "type": "action",
            "url": f"https://www.example.fi/url0kept?c={CODE}",
            "timestamp": 1_794_807_301,
        },
    ]
    device = visit(7101, "c3c3c3c3c3c3c3c3", None, 7300)
    device["fingerprint"] = LEAVES.visitor_id
    return [others, device]


def _consents() -> list[dict[str, str]]:
    def event(kind: str, key: str, evidence: str) -> dict[str, str]:
        return {
            "event_ts": "2026-10-04T08:00:00Z",
            "subject_key_type": kind,
            "subject_key": key,
            "purpose": "direct_marketing",
            "channel": "sms",
            "status": "granted",
            "source": "call",
            "evidence": evidence,
            "text_version": "2025-03",
            "language": "fi",
        }

    return [
        event("mobile", "040-999 0111", "theirs0unknownkind"),
        event("sähköposti", EMAIL.upper(), "theirs0unknownmail"),
        event("phone", PHONE, "theirs0byphone"),
        event("phone", STAYS.phone, f"evidence0kept for {EMAIL}"),
    ]


def texts_in_lake(data_root: DataRoot) -> str:
    """Everything in raw and staged, as one text."""
    spellings = []
    with connect(data_root) as connection:
        for layer in ("raw", "staged", "quarantine"):
            for path in (data_root.lake / layer).rglob("*.parquet"):
                rows = connection.execute(
                    f"SELECT COLUMNS(*)::VARCHAR FROM {parquet(path)}"
                ).fetchall()
                spellings += [str(value) for row in rows for value in row]
    return "\n".join(spellings)
