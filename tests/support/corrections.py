"""A contact with a corrected address."""

from __future__ import annotations

from datetime import date

from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.namesakes import contact
from tests.support.registers import rows

CONTACT, NUMBER, REQUEST = "880001112223", "C7000001", "Q0123456789ABCDEFG"
OLD_MAIL, NEW_MAIL = "vaara@example.fi", "oikea@example.fi"
FIRST, OVER = date(2026, 11, 10), date(2026, 12, 20)


def crm(data_root: DataRoot, on: date, **changed: str) -> None:
    own = contact(
        CONTACT,
        "Aino",
        "Vaaranimi",
        OLD_MAIL,
        "1985-02-14",
        **{"Customer number": NUMBER, "Street Address": "Vaarakatu 4", "City": "Espoo"},
    )
    own |= {
        "Postal Code": "02100",
        "Unsubscribed from all email": "true",
        "Day": str(on) if changed else "",
    }
    other = contact("880009990000", "Bertta", "Muu", "bertta@example.fi", "1970-01-01")
    put(
        data_root,
        "crm",
        str(on),
        "contacts",
        csv([{**own, **changed}, {**other, "Unsubscribed from all email": "", "Day": ""}]),
        2,
    )


def aino(data_root: DataRoot) -> dict[str, str]:
    return rows(data_root, f"SELECT * FROM registrants WHERE customer_number = '{NUMBER}'")[0]
