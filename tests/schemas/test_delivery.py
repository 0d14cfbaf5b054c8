"""A manifest is read in the forms that people write, and refused with what is wrong, never with a
value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.delivery import Manifest, RefusedDeliveryError
from schemas.policy.loader import load_policy

PURPOSES = load_policy().purposes
GOOD: dict[str, Any] = {
    "dataset": "contacts",
    "schema_version": "1",
    "encoding": "utf-8",
    "sha256": "0123456789abcdef" * 4,
    "bytes": 5,
    "records": 1,
    "period": {"from": "2026-11-01", "to": "2026-11-02"},
    "purpose": "customer_care",
}
WORD = "Salainen"


def parsed(text: bytes) -> Manifest:
    return Manifest.parse(text, PURPOSES)


def refusal(text: bytes) -> str:
    with pytest.raises(RefusedDeliveryError) as refused:
        parsed(text)
    return str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_manifest_is_read_with_and_without_a_byte_order_mark(encoding: str) -> None:
    assert parsed(json.dumps(GOOD).encode(encoding)).records == 1


def test_a_hash_is_the_same_in_either_case() -> None:
    upper = {**GOOD, "sha256": GOOD["sha256"].upper()}
    assert parsed(json.dumps(upper).encode()) == parsed(json.dumps(GOOD).encode())


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("purpose", WORD, "purpose is none of the policy's: "),
        ("purpose", 7, "purpose must be text"),
        ("period", {"from": "2026-12-31", "to": "2020-01-01"}, "period runs backwards"),
        ("period", {"from": 1_700_000_000, "to": "2030-01-01"}, "period.from must be a date"),
        ("period", {"from": "2026-11-01T00:00:00", "to": "2026-11-02"}, "period.from must be"),
        ("period", {"from": "2026-02-30", "to": "2026-11-02"}, "period.from must be a date"),
        ("period", {"from": "2026-11-01"}, "period.to is missing"),
        ("period", WORD, "period must be an object"),
        ("records", True, "records must be a whole number"),
        ("records", "1", "records must be a whole number"),
        ("records", 1.0, "records must be a whole number"),
        ("bytes", -1, "bytes must be a whole number"),
        ("sha256", WORD, "sha256 must be 64 hexadecimal digits"),
        ("sha256", GOOD["sha256"] + "\n", "sha256 must be 64 hexadecimal digits"),
        ("dataset", None, "dataset must be text"),
        ("schema_version", "2", "schema_version must be"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_must_be(field: str, value: Any, why: str) -> None:
    message = refusal(json.dumps({**GOOD, field: value}).encode())
    assert message.startswith("DEL-MANIFEST: ")
    assert why in message
    assert WORD not in message


def test_all_missing_fields_are_named_at_once() -> None:
    message = refusal(b"{}")
    assert "records is missing" in message
    assert "sha256 is missing" in message


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD)[:-1] + ', "records": 2}',
        json.dumps(GOOD)[:-1] + ', "\\u0072ecords": 2}',
    ],
)
def test_a_key_that_comes_twice_is_refused(text: str) -> None:
    assert "a key comes twice" in refusal(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b"[" * 100_000,
        b'{"bytes": ' + b"1" * 5000 + b"}",
        b'{"note": NaN}',
        b"\xff\xfe\xff",
        b'{"dataset": "\\ud800"}',
    ],
)
def test_what_is_not_one_json_object_is_refused(text: bytes) -> None:
    assert "file must be one JSON object" in refusal(text)
