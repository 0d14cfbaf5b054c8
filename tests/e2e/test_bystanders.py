"""A quarantined record with somebody else's own contact stops the one erasure, and no other, until
a person has decided.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from tests.support.commands import register
from tests.support.data_roots import parquet_rows
from tests.support.deliveries import csv, put
from tests.support.erasing import cleared
from tests.support.namesakes import (
    AGAIN,
    FIRST_DAY,
    LEAVES,
    SECOND_DAY,
    SPOUSES,
    STAYS,
    contact,
    deliver,
)
from tests.support.registers import TODAY
from tests.support.registers import refresh as refreshed

MARKER = "Karanteenissa"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A contact without an id: the address of one who stays, the phone of one who leaves."""
    made = tmp_path_factory.mktemp("bystanders") / "data"
    deliver(made, FIRST_DAY, SECOND_DAY)
    odd = contact("", MARKER, "Kaima", STAYS.email, "1985-02-14", **{"Phone Number": LEAVES.phone})
    put(DataRoot(made), "crm", SECOND_DAY, "contacts", csv([odd]), 1)
    refreshed(DataRoot(made), TODAY, MARTS)
    return made


def asked(root: Path, *given: str) -> str:
    request_id = register(root, "request", "erasure", "--channel", "written", *given).out.strip()
    cleared(DataRoot(root), [request_id])
    return request_id


def quarantined(root: Path) -> bool:
    """Whether the record of the bystander is still in raw."""
    return any(
        MARKER in str(row)
        for path in (root / "lake" / "raw" / "crm").rglob("*.parquet")
        for row in parquet_rows(path)
    )


def test_it_waits_for_a_decision_and_the_record_of_the_bystander_stays(root: Path) -> None:
    waits = asked(root, "--identity-code", LEAVES.identity_code)
    clear = asked(root, "--contact-id", SPOUSES[0][0])
    register(root, "erase", "--as-of", AGAIN)
    listed = register(root, "request", "list", "--json").data
    states = {request["request_id"]: request["state"] for request in _listed(listed)}
    assert states == {waits: "unclear", clear: "closed"}
    assert quarantined(root)
    shown = register(root, "request", "show", waits).out
    assert "1 records that would go are somebody else's own" in shown
    assert STAYS.email not in shown

    corrected = register(root, "request", "correct", waits, "--not-theirs", f"phone:{LEAVES.phone}")
    assert (corrected.code, corrected.err) == (0, "")
    erased = register(root, "erase", waits, "--as-of", AGAIN)
    assert (erased.code, erased.err) == (0, "")
    assert quarantined(root)
    path = root / "requests" / "certificates" / f"{waits}.json"
    remains = json.loads(path.read_bytes())["certificate"]["remains"]
    assert sum(entry["count"] for entry in remains if entry["what"].startswith("identifiers")) >= 1
    assert register(root, "verify").code == 0


def _listed(listed: object) -> list[dict[str, str]]:
    if isinstance(listed, list):
        return listed
    return listed["requests"]  # type: ignore[index,no-any-return]
