"""Contacts and what they say about marketing."""

from __future__ import annotations

from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.registers import rows

# Unlike enough that nobody is taken for another.
FAMILIES = (
    "Aaltonen",
    "Bergström",
    "Cederberg",
    "Dahl",
    "Eerola",
    "Forsman",
    "Grönroos",
    "Hakala",
    "Iivonen",
    "Jokinen",
    "Karppi",
    "Lund",
    "Mäkelä",
    "Niemi",
)


Event = dict[str, str]


def contact(number: str, **fields: str) -> Event:
    nth = int(number)
    return {
        "Record ID": number,
        "First Name": f"Nimi{number}",
        "Last Name": FAMILIES[nth % len(FAMILIES)],
        "Email": f"n{number}@example.fi",
        "Phone Number": "",
        "Create Date": "2026-01-01 10:00",
        "Last Activity Date": "2026-10-01 10:00",
        "Date of birth": f"{1940 + nth}-{nth % 12 + 1:02}-0{nth % 9 + 1}",
        "Associated Company": "",
        "Job Title": "",
        "Unsubscribed from all email": "",
        "Global bounce": "",
        "Street Address": "",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }


def event(
    number: str,
    status: str = "granted",
    channel: str = "email",
    at: str = "2026-10-03T08:00:00Z",
    **fields: str,
) -> Event:
    return {
        "event_ts": at,
        "subject_key_type": "contact_id",
        "subject_key": number,
        "purpose": "direct_marketing",
        "channel": channel,
        "status": status,
        "source": "web-form",
        "evidence": "",
        "text_version": "1",
        "language": "fi",
        **fields,
    }


def deliver_all(
    data_root: DataRoot, contacts: list[Event], events: list[Event], day: str = "2026-11-18"
) -> None:
    put(data_root, "crm", day, "contacts", csv(contacts), len(contacts))
    if events:
        put(data_root, "consents", day, "consent_log", csv(events), len(events))


def of(data_root: DataRoot, given_names: str) -> str:
    return str(
        rows(
            data_root, f"SELECT registrant_id FROM registrants WHERE given_names = '{given_names}'"
        )[0]["registrant_id"]
    )
