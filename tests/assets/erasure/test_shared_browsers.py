"""A computer that two people share: after the erasure of one, what nobody signed in for does not
become the other's.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from assets.backup import generations, restoring
from assets.erasure.proof.verification import verify
from assets.requests import ledger
from assets.storage.backup_generations import every
from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, erased
from tests.support.known_registrants import registrant_of
from tests.support.namesakes import contact, visit
from tests.support.registers import build, refresh, rows, take_in

SHARED, HERS = "c0c0c0c0c0c0c0c0", "d1d1d1d1d1d1d1d1"
LATER = date(2026, 11, 21)


def deliver_visits(data_root: DataRoot, day: str, *visits: dict[str, object]) -> None:
    put(data_root, "website", day, "visits", json.dumps(visits).encode(), len(visits))


@pytest.fixture(scope="module")
def shared_root(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(copied(known_root, tmp_path_factory.mktemp("shared") / "data"))
    people = [
        contact("77001", "Aune", "Pari", "aune@example.fi", "1950-02-14",
            **{"Customer number": "C8800001"}),
        contact("77002", "Bruno", "Pari", "bruno@example.fi", "1951-03-15",
            **{"Customer number": "C8800002"}),
    ]  # fmt: skip
    put(data_root, "crm", "2026-11-19", "contacts", csv(people), 2)
    deliver_visits(
        data_root,
        "2026-11-19",
        visit(8001, SHARED, "C8800001", 0),
        visit(8002, SHARED, "C8800002", 50),
        visit(8003, SHARED, None, 100),
        visit(8004, HERS, None, 150),
        visit(8005, HERS, "C8800001", 200),
    )
    refresh(data_root, TODAY)
    return data_root.root


@pytest.fixture
def shared(shared_root: Path, tmp_path: Path) -> DataRoot:
    return DataRoot(copied(shared_root, tmp_path / "data"))


def in_register(data_root: DataRoot) -> dict[str, str]:
    """The visits, with the registrant to whom each is attributed, if any."""
    return {
        row["visit"].rpartition("/")[2]: row["registrant_id"]
        for row in rows(data_root, "SELECT visit, registrant_id FROM visits")
        if row["visit"].rpartition("/")[2].startswith("8")
    }


def test_a_visit_without_an_account_on_a_shared_computer_is_nobodys_before(
    shared: DataRoot,
) -> None:
    attributed = in_register(shared)
    assert attributed["8001"] == registrant_of(shared, "C8800001") == attributed["8004"]
    assert attributed["8002"] == registrant_of(shared, "C8800002")
    assert attributed["8003"] not in {attributed["8001"], attributed["8002"]}


def test_it_goes_with_the_erasure_and_the_others_own_visits_stay(shared: DataRoot) -> None:
    bruno = registrant_of(shared, "C8800002")
    erased(shared, "customer_number:C8800001")
    assert in_register(shared) == {"8002": bruno}
    assert verify(shared).failures() == []


def test_what_nobody_signed_in_for_there_stays_out_also_later(shared: DataRoot) -> None:
    bruno = registrant_of(shared, "C8800002")
    erased(shared, "customer_number:C8800001")
    deliver_visits(
        shared,
        str(LATER),
        visit(8003, SHARED, None, 100),
        visit(8006, SHARED, None, 86_400),
        visit(8007, SHARED, "C8800002", 86_450),
    )
    taken = [entry for done in take_in(shared, LATER) for entry in done.entries]
    assert [entry.suppressed for entry in taken] == [2]
    build(shared, LATER)
    assert in_register(shared) == {"8002": bruno, "8007": bruno}


def test_visits_that_only_staged_still_has_go_too(shared: DataRoot) -> None:
    for path in shared.files("raw", "website"):
        path.unlink()
    bruno = registrant_of(shared, "C8800002")
    erased(shared, "customer_number:C8800001")
    assert "8003" not in in_register(shared)
    assert in_register(shared)["8002"] == bruno


def test_a_backup_from_before_does_not_bring_it_back(shared: DataRoot, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    generation = generations.make(shared, elsewhere, NOW).name
    assert [each.name for each in every(shared, elsewhere)] == [generation]
    bruno = registrant_of(shared, "C8800002")
    erased(shared, "customer_number:C8800001")
    restoring.restore(shared, elsewhere, generation, TODAY)
    assert in_register(shared) == {"8002": bruno}


def test_when_the_other_is_erased_as_well_the_browser_is_theirs(shared: DataRoot) -> None:
    erased(shared, "customer_number:C8800001")
    second = erased(shared, "customer_number:C8800002")
    assert ledger.load(shared, second).state == "closed"
    assert in_register(shared) == {}
