"""Records with a registrant's name and birth date or address, and no identifier, are found for a
person to decide.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from assets.erasure import erasing
from assets.erasure.proof import near_matches
from assets.requests import ledger
from assets.requests.ledger import RequestError
from assets.rights import lookup
from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, find_cleared
from tests.support.namesakes import FIRST_DAY, LEAVES, SECOND_DAY, STAYS, contact, deliver
from tests.support.registers import refresh

ADDRESS = {"Street Address": "Yhteiskatu 4", "Postal Code": "00100", "City": "Helsinki"}
NEAR = {
    "birth date": contact("880001110001", "Aino", "Kaima", "", "1985-02-14"),
    "address": contact("880001110002", "AINO", "KAIMA", "", "", **ADDRESS),
    "both": contact("880001110003", "Kaima", "Aino", "", "1985-02-14", **ADDRESS),
}
NOT_NEAR = {
    "name alone": contact("880001110011", "Aino", "Kaima", "", ""),
    "address alone": contact("880001110012", "Someone", "Else", "", "1970-01-01", **ADDRESS),
    "birth date alone": contact("880001110013", "Someone", "Other", "", "1985-02-14"),
    "another name": contact("880001110014", "Aina", "Kaima", "", "1985-02-14"),
}
UNREADABLE = '"x","Aino Kaima, s. 14.2.1985"' + ',"x"' * 30 + "\n"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("near") / "data")
    deliver(data_root.root, FIRST_DAY, SECOND_DAY)
    rows = csv([*NEAR.values(), *NOT_NEAR.values()])
    put(
        data_root,
        "crm",
        SECOND_DAY,
        "contacts",
        rows + UNREADABLE.encode(),
        len(NEAR) + len(NOT_NEAR) + 1,
    )
    refresh(data_root, TODAY)
    return data_root.root


@pytest.fixture
def data_root(known: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(known, tmp_path / "data"))


def asked(data_root: DataRoot) -> str:
    given = [f"identity_code:{LEAVES.identity_code}"]
    request_id = ledger.receive(data_root, "erasure", "written", given, NOW)
    lookup.record(data_root, [request_id], NOW)
    near_matches.record(data_root, [request_id], NOW)
    return request_id


def near(data_root: DataRoot, request_id: str) -> tuple[dict[str, Any], ...]:
    return ledger.load(data_root, request_id).near


def payloads(data_root: DataRoot, request_id: str) -> str:
    return "\n".join(near_matches.texts(data_root, ledger.load(data_root, request_id)).values())


def test_records_near_by_birth_date_or_address_are_found_unreadable_records_included(
    data_root: DataRoot,
) -> None:
    request_id = asked(data_root)
    texts = payloads(data_root, request_id)
    assert [name for name, row in NEAR.items() if row["Record ID"] not in texts] == []
    assert "14.2.1985" in texts
    assert [name for name, row in NOT_NEAR.items() if row["Record ID"] in texts] == []
    assert len(near(data_root, request_id)) == len(NEAR) + 1


def test_a_namesake_with_another_identity_code_is_not_near(data_root: DataRoot) -> None:
    assert STAYS.contact_id not in payloads(data_root, asked(data_root))


def test_near_matches_are_written_encrypted(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    written = (data_root.requests / f"{request_id}.json").read_text()
    assert not [
        match["reference"] for match in near(data_root, request_id) if match["reference"] in written
    ]


def test_only_what_was_decided_is_removed_and_the_rest_is_counted(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    first, second, *others = (match["reference"] for match in near(data_root, request_id))
    near_matches.decide(data_root, request_id, [first], "remove", NOW)
    near_matches.decide(data_root, request_id, [second], "keep", NOW)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    request = ledger.load(data_root, request_id)
    assert set(near_matches.texts(data_root, request)) == {second, *others}
    assert near_matches.left(data_root, request) == {"keep": 1, "": len(others)}


def test_a_reference_of_another_record_is_refused_without_an_echo(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    with pytest.raises(RequestError) as refused:
        near_matches.decide(data_root, request_id, ["crm/2026-11-18/x/7"], "remove", NOW)
    assert "x/7" not in str(refused.value)


def test_it_is_forgotten_when_the_request_is_closed(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    ledger.close(data_root, ledger.load(data_root, request_id), datetime.now(data_root.policy.zone))
    assert near(data_root, request_id) == ()


def test_without_a_registrant_nothing_is_near(data_root: DataRoot) -> None:
    request = ledger.load(data_root, asked(data_root))
    assert near_matches.gather(data_root, [replace(request, registrants=())]) == {}
