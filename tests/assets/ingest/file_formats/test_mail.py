"""Of mail the headers and the fields of reports are read, and never the body."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from assets.ingest.file_formats import batches, mail, mail_headers, reading
from assets.sources.formats import Mail
from schemas.delivery import RefusedDeliveryError

EML = b"""From: =?utf-8?Q?Aino_M=C3=A4kinen?= <aino@example.fi>\r
To: info@example.fi\r
Received: by a\r
Received: by b\r
Subject: =?iso-8859-1?q?P=E4iv=E4?=\r
 =?iso-8859-1?q?=E4?= jatkuu =?nonsense?q?x?=\r
\r
Salainen viesti.\r
\r
From here on.\r
"""
BODY = EML.partition(b"\r\n\r\n")[2]
BEGINNING = b"From a@b Mon Nov 30 10:00:00 2026\n"
COMPLAINT = b"""From: <complaints@example.com>
Content-Type: multipart/report; report-type=feedback-report;
 boundary="part=="

--part==
Content-Type: text/plain

Secret words
--part==
Content-Type: message/feedback-report

Feedback-Type: abuse
Original-Rcpt-To: aino@example.fi
Reported-Domain: a.example.fi
Reported-Domain: b.example.fi

--part==
Content-Type: message/rfc822

From: news@example.com
Subject: Uutiset

Secret body
--part==--
"""


def read(
    tmp_path: Path, data: bytes, declared: Mail | None = None, codec: str = "utf-8-sig"
) -> list[tuple[dict[str, Any], list[str]]]:
    path = tmp_path / "file"
    path.write_bytes(data)
    rows = [
        row
        for batch in reading.records(path, codec, declared or Mail())
        for row in batch.to_pylist()
    ]
    return [(json.loads(row["payload"]), row["faults"]) for row in rows]


def test_a_message_is_its_headers_decoded_and_a_hash_of_its_body(tmp_path: Path) -> None:
    assert read(tmp_path, EML, Mail(repeating=("to",))) == [
        (
            {
                "headers": {
                    "from": "Aino Mäkinen <aino@example.fi>",
                    "to": ["info@example.fi"],
                    "received": ["by a", "by b"],
                    "subject": "Päivää jatkuu =?nonsense?q?x?=",
                },
                "body": {"sha256": hashlib.sha256(BODY).hexdigest(), "bytes": len(BODY)},
                "reports": [],
            },
            [],
        )
    ]


def test_a_message_of_a_mailbox_begins_behind_a_blank_line(tmp_path: Path) -> None:
    unix = EML.replace(b"\r\n", b"\n")
    data = (
        b"From a@b Mon Nov 30 10:00:00 2026\n"
        + unix
        + b"\nFrom c@d Mon Nov 30 10:00:00 +0200 2026\n"
        + unix
    )
    for file in (data, data.replace(b"\n", b"\r\n")):
        first, second = read(tmp_path, file, Mail(mailbox=True))
        assert first == second
        assert first[0]["headers"]["to"] == "info@example.fi"
        assert first[0]["body"]["bytes"] in {len(BODY), len(BODY.replace(b"\r\n", b"\n"))}


def test_a_file_that_is_no_mailbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedDeliveryError, match="DEL-STRUCTURE"):
        read(tmp_path, EML.removeprefix(b"From: ").replace(b"From ", b""), Mail(mailbox=True))
    assert read(tmp_path, b"", Mail(mailbox=True)) == read(tmp_path, b"\n\n") == []


def test_the_fields_of_a_complaint_are_kept_and_no_words(tmp_path: Path) -> None:
    ((made, faults),) = read(tmp_path, COMPLAINT)
    assert faults == []
    assert made["reports"] == [
        {
            "type": "message/feedback-report",
            "fields": {
                "feedback-type": "abuse",
                "original-rcpt-to": "aino@example.fi",
                "reported-domain": ["a.example.fi", "b.example.fi"],
            },
        },
        {
            "type": "message/rfc822",
            "fields": {"from": "news@example.com", "subject": "Uutiset"},
        },
    ]
    assert "Secret" not in json.dumps(made)


def test_each_recipient_of_a_delivery_report_has_a_group_of_fields(tmp_path: Path) -> None:
    status = b"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@example.fi\nStatus: 5.1.1\n"
    data = COMPLAINT.replace(b"message/feedback-report", b"message/delivery-status")
    data = data.replace(b"Feedback-Type: abuse\n", status)
    ((made, _),) = read(tmp_path, data)
    assert [report["fields"] for report in made["reports"]][:2] == [
        {"reporting-mta": "dns; mx"},
        {
            "final-recipient": "rfc822; a@example.fi",
            "status": "5.1.1",
            "original-rcpt-to": "aino@example.fi",
            "reported-domain": ["a.example.fi", "b.example.fi"],
        },
    ]


@pytest.mark.parametrize(
    "head", [b"no header\nTo: x\n\n", b"\x00\xff\x01" * 50, b" folded\n\nbody"]
)
def test_lines_that_are_no_headers_are_a_fault(tmp_path: Path, head: bytes) -> None:
    ((_, faults),) = read(tmp_path, head)
    assert faults == ["REC-HEADERS"]


def test_letters_that_the_encoding_does_not_have_become_replacements(tmp_path: Path) -> None:
    ((made, _),) = read(tmp_path, "Subject: Päivä\n\n".encode("iso-8859-1"))
    assert "\ufffd" in made["headers"]["subject"]
    ((made, _),) = read(tmp_path, "Subject: Päivä\n\n".encode("iso-8859-1"), codec="iso-8859-1")
    assert made["headers"]["subject"] == "Päivä"


def test_a_head_without_an_end_counts_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LARGEST_RECORD", 1000)
    monkeypatch.setattr(mail, "LONGEST_LINE", 100)
    data = BEGINNING + b"X: " + b"y" * 5000 + b"\n\nbody\n\n" + BEGINNING + b"To: c@example.fi\n\n"
    first, second = read(tmp_path, data, Mail(mailbox=True))
    assert first[1] == ["REC-TOO-LARGE"]
    assert first[0].keys() == {"sha256", "body"}
    assert second[0]["headers"] == {"to": "c@example.fi"}


@pytest.mark.parametrize(
    "text", ["=?a?q?" * 200_000, "=?utf-8?b?" + "A" * 2_000_000, "=?" * 500_000]
)
def test_decoding_takes_time_in_proportion(text: str) -> None:
    before = time.process_time()
    mail_headers.decoded_words(text)
    assert time.process_time() - before < 3
