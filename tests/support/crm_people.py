"""A customer list of a few people, for tests of who is who."""

from __future__ import annotations

from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put

AINO = {
    "First Name": "Aino",
    "Last Name": "Bergman",
    "Street Address": "Koivukuja 5",
    "Postal Code": "33100",
    "City": "TAMPERE",
}
# Same name, and nothing else is known: only a person can tell.
NAMESAKE = {"First Name": "Aino", "Last Name": "Bergman"}
OTHERS = ("Eero Korpi", "Saga Lampi", "Ilmari Niemi", "Kerttu Salo", "Onni Harju")


def deliver(data_root: DataRoot, day: str, until: str = "", **people: dict[str, str]) -> None:
    """A full export of the contacts named by number (`n7`), and of five others, as of the end of a
    period (default: the day).
    """
    contacts = {number.removeprefix("n"): fields for number, fields in people.items()}
    for number, name in enumerate(OTHERS, 901):
        first, last = name.split()
        contacts[str(number)] = {
            "First Name": first,
            "Last Name": last,
            "Email": f"{first}.{last}@example.fi".lower(),
        }
    usual = {
        "Create Date": "2026-01-01 10:00",
        "Last Activity Date": "2026-10-01 10:00",
        "Email": "",
        "Date of birth": "",
        "Street Address": "",
    }
    rows = [
        {"Record ID": number, **usual, "Postal Code": "", "City": "", **fields}
        for number, fields in contacts.items()
    ]
    put(
        data_root,
        "crm",
        day,
        "contacts",
        csv(rows),
        len(rows),
        period={"from": day, "to": until or day},
    )


def key(number: str) -> str:
    """The source person of a contact's number."""
    import hashlib

    return hashlib.md5(f"contact_id:{number}".encode(), usedforsecurity=False).hexdigest()
