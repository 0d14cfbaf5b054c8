"""Request files: valid ones become requests once, others are set aside without a value, and no
original stays.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.requests import ledger
from assets.rights import request_inbox
from assets.storage.data_root import DataRoot
from tests.support.request_files import NOW, every_byte

CONTENT = {
    "right": "objection", "channel": "other", "received": "2026-11-18",
    "identifiers": {"email": "Maija.Esimerkki@Example.fi"},
    "purpose": "legitimate_interest", "situation": "my neighbour reads my mail",
}  # fmt: skip


def drop(data_root: DataRoot, content: Any, name: str = "140285-912X.json") -> Path:
    folder = request_inbox.folder(data_root)
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_a_file_becomes_a_request_and_is_destroyed(data_root: DataRoot) -> None:
    path = drop(data_root, CONTENT)
    taken = request_inbox.take_in(data_root, NOW)
    assert (len(taken.received), taken.refused, path.exists()) == (1, (), False)
    request = ledger.load(data_root, taken.received[0])
    assert (request.right, request.purpose, request.given) == (
        "objection",
        "legitimate_interest",
        ("email:maija.esimerkki@example.fi",),
    )
    assert (str(request.received_on(data_root)), request.situation) == (
        "2026-11-18",
        "my neighbour reads my mail",
    )
    assert b"neighbour" not in every_byte(data_root)
    assert b"140285" not in b"".join(bytes(path) for path in data_root.requests.rglob("*"))


@pytest.mark.parametrize(
    ("content", "code", "fields"),
    [
        (b"\xff\xfe", "REQ-INBOX-JSON", []),
        (b"[" * 100_000, "REQ-INBOX-SIZE", []),
        (b"[" * 50_000, "REQ-INBOX-JSON", []),
        (b'{"right": "erasure", "right": "access"}', "REQ-INBOX-JSON", []),
        ([CONTENT], "REQ-INBOX-JSON", []),
        ({**CONTENT, "right": "maija.esimerkki"}, "REQ-INBOX-FIELDS", ["right"]),
        ({**CONTENT, "maija.esimerkki": "1"}, "REQ-INBOX-FIELDS", ["unknown"]),
        ({**CONTENT, "identifiers": {"business_id": "1"}}, "REQ-INBOX-FIELDS", ["identifiers"]),
        ({**CONTENT, "identifiers": {}}, "REQ-INBOX-FIELDS", ["identifiers"]),
        (
            {**CONTENT, "identifiers": {"identity_code": "maija.esimerkki"}},
            "REQ-INBOX-IDENTIFIER",
            ["identifiers"],
        ),
        ({**CONTENT, "received": "2026-11-21"}, "REQ-INBOX-RECEIVED", ["received"]),
        (
            {name: value for name, value in CONTENT.items() if name != "right"},
            "REQ-INBOX-FIELDS",
            ["right"],
        ),
    ],
)
def test_a_bad_file_is_set_aside_with_a_code_and_no_value(
    data_root: DataRoot, content: Any, code: str, fields: list[str]
) -> None:
    path = drop(data_root, content)
    taken = request_inbox.take_in(data_root, NOW)
    assert (taken.received, len(taken.refused), path.exists()) == ((), 1, False)
    [aside] = request_inbox.refused(data_root)
    assert (aside["code"], aside["fields"]) == (code, fields)
    assert b"maija.esimerkki" not in every_byte(data_root)
    assert ledger.every(data_root) == []


def test_what_was_set_aside_can_be_mended_and_goes_with_its_time(data_root: DataRoot) -> None:
    drop(data_root, {**CONTENT, "right": "maija.esimerkki"})
    [refused_id] = request_inbox.take_in(data_root, NOW).refused
    assert json.loads(request_inbox.opened(data_root, refused_id))["right"] == "maija.esimerkki"
    request_inbox.take_in(data_root, NOW + timedelta(days=29))
    assert len(request_inbox.refused(data_root)) == 1
    request_inbox.take_in(data_root, NOW + timedelta(days=31))
    assert request_inbox.refused(data_root) == []
    assert list((data_root.secrets / "request-keys").iterdir()) == []


def test_links_and_unfinished_files_are_not_followed(data_root: DataRoot, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(CONTENT))
    (request_inbox.folder(data_root) / "link.json").symlink_to(secret)
    drop(data_root, CONTENT, "unfinished.json.part")
    drop(data_root, CONTENT, ".hidden.json")
    taken = request_inbox.take_in(data_root, NOW)
    assert (taken.received, [refusal["code"] for refusal in request_inbox.refused(data_root)]) == (
        (),
        ["REQ-INBOX-NOT-A-FILE"],
    )
    assert secret.exists()
    assert len(list(request_inbox.folder(data_root).iterdir())) == 2


def test_a_folder_is_moved_aside_whole_and_stops_no_other_request(data_root: DataRoot) -> None:
    path = request_inbox.folder(data_root) / "0.json"
    path.mkdir()
    (path / "letter.txt").write_text("maija.esimerkki")
    drop(data_root, CONTENT)
    taken = request_inbox.take_in(data_root, NOW)
    assert (len(taken.received), len(taken.refused), path.exists()) == (1, 1, False)
    assert (request_inbox.refused_folder(data_root) / taken.refused[0] / "letter.txt").exists()
    with pytest.raises(ledger.RequestError, match="as it came"):
        request_inbox.opened(data_root, taken.refused[0])
    request_inbox.take_in(data_root, NOW + timedelta(days=31))
    assert not (request_inbox.refused_folder(data_root) / taken.refused[0]).exists()


def test_of_a_file_that_is_too_large_it_is_kept_how_it_begins(data_root: DataRoot) -> None:
    (request_inbox.folder(data_root) / "large.json").write_text(
        "maija.esimerkki asks" + " " * 2 * request_inbox.KEPT
    )
    [refused_id] = request_inbox.take_in(data_root, NOW).refused
    assert [refusal["code"] for refusal in request_inbox.refused(data_root)] == ["REQ-INBOX-SIZE"]
    assert request_inbox.opened(data_root, refused_id).startswith("maija.esimerkki asks")
    assert b"maija.esimerkki" not in every_byte(data_root)


def test_a_file_taken_in_just_before_a_kill_is_no_second_request(data_root: DataRoot) -> None:
    drop(data_root, CONTENT)
    request_inbox.take_in(data_root, NOW)
    drop(data_root, CONTENT)
    assert request_inbox.take_in(data_root, NOW).received == ()
    assert len(ledger.every(data_root)) == 1
