"""Records of what people do with us: participants of events, messages, calls, social media."""

from __future__ import annotations

import json
from typing import Any

from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put


def attendee(number: int, given: str, family: str, **more: str) -> dict[str, str]:
    """A row of Eventbrite's export, of somebody with an address of their own."""
    return {
        "Order No.": str(900_000 + number),
        "Order Date": "2024-09-01 10:02:11+03:00",
        "First Name": given,
        "Last Name": family,
        "Email": f"{given}.{family}@example.fi".lower(),
        "Quantity": "1",
        "Ticket Type": "Perus",
        "Order Type": "Free Order",
        "Attendee Status": "Checked In",
        "Event Name": "Kevätseminaari",
        "Event Start Date": "",
        "Event End Date": "",
        "Erityisruokavalio": "",
        "Suostun erikoisruokavalioni tallentamiseen": "",
        **more,
    }


def participant(number: int, **more: Any) -> dict[str, Any]:
    """A row of Lyyti's export, or an element of its API."""
    return {
        "eid": "321",
        "participant_id": str(number),
        "firstname": "Liisa",
        "lastname": "Testi",
        "email": "liisa.testi@example.fi",
        "phone": "+358 40 1234567",
        "language": "fi",
        "status": "reactedyes",
        "participation type": "Osallistuja",
        **more,
    }


def message(
    number: int, sender: str, recipient: str, date: str = "Fri, 20 Nov 2026 10:02:11 +0200"
) -> dict[str, Any]:
    """A message as the reader of mail makes it."""
    return {
        "headers": {
            "message-id": f"<{number}@example.fi>",
            "date": date,
            "from": [sender],
            "to": [recipient],
            "subject": "Aihe jota ei tallenneta",
        },
        "body": {"sha256": "ab" * 32, "bytes": 12},
        "reports": [],
    }


def mail(number: int, sender: str, recipient: str, date: str) -> bytes:
    """A message as a file (EML)."""
    head = message(number, sender, recipient, date)["headers"]
    lines = [
        f"{name.title()}: {value if isinstance(value, str) else value[0]}"
        for name, value in head.items()
    ]
    return ("\r\n".join(lines) + "\r\n\r\nTeksti jota ei tallenneta\r\n").encode()


def call(uuid: str, tel: str, start: str, **more: Any) -> dict[str, Any]:
    """A vCon of a customer who has called."""
    return {
        "vcon": "0.4.0",
        "uuid": uuid,
        "created_at": start,
        "subject": "Aihe jota ei tallenneta",
        "parties": [
            {"tel": tel, "name": "Nimi jota ei tallenneta", "role": "customer"},
            {"mailto": "myynti@qvik.com", "role": "agent"},
        ],
        "dialog": [
            {
                "type": "recording",
                "start": start,
                "duration": 183.4,
                "parties": [0, 1],
                "originator": 0,
                "mediatype": "audio/x-wav",
                "url": "https://recordings.example.fi/1.wav",
                "content_hash": "sha512-abcdefgh",
            }
        ],
        "analysis": [{"type": "transcript", "body": "Puhe jota ei tallenneta"}],
        **more,
    }


def social_use(number: int, customer: str, used_at: str, **more: str) -> dict[str, str]:
    """A use of a social medium by a customer who has linked the account."""
    return {
        "use_id": f"S{number}",
        "network": "x",
        "handle": "@Liisa.T",
        "action": "mention",
        "used_at": used_at,
        "link": "https://x.example.com/1",
        "text": "Teksti jota ei tallenneta",
        "customer_number": customer,
        **more,
    }


def other_data(number: int, given_at: str, status: str = "granted", **more: str) -> dict[str, str]:
    """Other data that a customer has consented to, or the withdrawal."""
    return {
        "data_id": f"D{number}",
        "given_at": given_at,
        "subject_key_type": "email",
        "subject_key": "liisa.testi@example.fi",
        "topic": "harrastus",
        "value": f"purjehdus {number}",
        "status": status,
        "text_version": "2026-1",
        **more,
    }


def put_csv(data_root: DataRoot, day: str, rows: list[dict[str, str]]) -> None:
    """Deliver attendees of Eventbrite."""
    put(data_root, "events", day, "eventbrite_attendees", csv(rows), len(rows))


def put_lines(
    data_root: DataRoot, source: str, day: str, dataset: str, rows: list[dict[str, Any]]
) -> None:
    """Deliver JSON lines."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    put(data_root, source, day, dataset, text.encode(), len(rows))
