"""Sources that contradict each other about who somebody is stop nothing: it is decided, flagged by
id and counted.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from assets.register import building, contradictions, integrity_checks, registrant_state
from assets.storage.data_root import DataRoot
from schemas.register import CONTRADICTIONS
from tests.support.deliveries import basic_data, csv, put
from tests.support.population_register_messages import code, day, name, part, person
from tests.support.registers import TODAY, build, rows, take_in

VEIKKO, AINO = code("140870-941"), code("110967-917")
CONTACT = {
    "Record ID": "500001",
    "First Name": "Veikko",
    "Last Name": "Testi",
    "Email": "v.testi@example.fi",
    "Customer number": "C1000001",
}


def contract(number: str, customer: str, identity_code: str, **more: str) -> dict[str, str]:
    return {
        "contract_number": number, "contact_id": "500001", "customer_number": customer,
        "identity_code": identity_code, "product": "p",
        "status": "active", "starts_on": "2026-01-01", "ends_on": "", "monthly_fee": "10.00",
        "currency": "EUR",
        "updated_at": "2026-11-01T10:00:00Z", **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def spouses(tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    """One contact with two contracts that carry two people's codes."""
    data_root = DataRoot(tmp_path_factory.mktemp("spouses") / "data")
    data_root.create()
    people = [
        person(of, name(given, "Testi"), part("SYNTYMAPAIVA", syntymapv=day(born)))
        for of, given, born in (
            (VEIKKO, "Veikko Olavi", "1970-08-14"),
            (AINO, "Aino Maria", "1967-09-11"),
        )
    ]
    basic_data(data_root, "2026-11-10", people)
    put(data_root, "crm", "2026-11-10", "contacts", csv([CONTACT]), 1)
    signed = [contract("S1", "C1000001", VEIKKO), contract("S2", "C1000002", AINO)]
    put(data_root, "crm", "2026-11-10", "contracts", csv(signed), 2)
    take_in(data_root)
    build(data_root)
    return data_root


def test_each_contract_belongs_to_the_person_of_its_identity_code(spouses: DataRoot) -> None:
    contracts = rows(
        spouses,
        """SELECT contract_number, identity_code FROM contracts
        JOIN registrants USING (registrant_id) ORDER BY ALL""",
    )
    assert contracts == [
        {"contract_number": "S1", "identity_code": VEIKKO},
        {"contract_number": "S2", "identity_code": AINO},
    ]


def test_every_blocking_check_passes(spouses: DataRoot) -> None:
    assert not any(integrity_checks.check(spouses).values())


def test_a_contract_without_a_valid_code_is_of_its_contact(tmp_path: Path) -> None:
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    put(data_root, "crm", "2026-11-10", "contacts", csv([CONTACT]), 1)
    signed = [contract("S1", "C1000001", "140870-941Å"), contract("S2", "C1000001", "")]
    put(data_root, "crm", "2026-11-10", "contracts", csv(signed), 2)
    take_in(data_root)
    build(data_root)
    assert len(rows(data_root, "SELECT DISTINCT registrant_id FROM contracts")) == 1
    assert [row["family_name"] for row in rows(data_root, "SELECT * FROM registrants")] == ["Testi"]


def test_an_account_keeps_its_old_contracts_while_one_of_them_goes_on(tmp_path: Path) -> None:
    """Whichever person of the household each is with: the customer's account is the party."""
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    put(data_root, "crm", "2026-11-10", "contacts", csv([CONTACT]), 1)
    old = contract(
        "S1", "C1000001", VEIKKO, status="ended", starts_on="2010-01-01", ends_on="2011-01-01"
    )
    put(data_root, "crm", "2026-11-10", "contracts", csv([old, contract("S2", "C1000001", "")]), 2)
    take_in(data_root)
    build(data_root)
    assert len(rows(data_root, "SELECT * FROM contracts")) == 2


def resolved(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    registrant_state._registrant_codes(connection)
    return dict(connection.execute("FROM registrant_codes").fetchall())


@pytest.mark.parametrize(
    ("claims", "codes"),
    [
        ([("R1", "a", True, 1), ("R2", "a", False, 2)], {"R1": "a"}),
        ([("R1", "a", False, 1), ("R2", "a", False, 2)], {"R2": "a"}),
        ([("R1", "a", False, 1), ("R2", "a", False, 1)], {"R1": "a"}),
        ([("R1", "a", False, 1), ("R1", "b", False, 2)], {"R1": "b"}),
        ([("R1", "a", True, 1), ("R1", "b", False, 2), ("R2", "a", False, 3)], {"R1": "a"}),
    ],
)
def test_a_code_is_one_registrants_and_a_registrant_has_one_code(
    claims: list[tuple[str, str, bool, int]], codes: dict[str, str]
) -> None:
    """Who has the population register's own statement keeps it, else the latest statement
    decides.
    """
    with duckdb.connect() as connection:
        connection.execute(
            """CREATE TABLE membership (person_key VARCHAR, registrant_id VARCHAR);
            CREATE TABLE code_claims (person_key VARCHAR, code VARCHAR, own BOOLEAN,
                statement INTEGER)"""
        )
        for number, (registrant_id, claimed, own, statement) in enumerate(claims):
            connection.execute("INSERT INTO membership VALUES (?, ?)", [number, registrant_id])
            connection.execute(
                "INSERT INTO code_claims VALUES (?, ?, ?, ?)", [number, claimed, own, statement]
            )
        assert resolved(connection) == codes


def test_disputed_identifiers_are_flagged_by_id(spouses: DataRoot) -> None:
    """The other registrant is named, and the record and source that state it; no value is."""
    building.build(spouses, TODAY)
    disputes = contradictions.listed(spouses, 10)
    assert {(dispute.kind, dispute.identifier_type, dispute.source) for dispute in disputes} == {
        ("identifier-of-two-codes", "contact_id", "crm")
    }
    apart = {row["registrant_id"] for row in rows(spouses, "SELECT * FROM registrants")}
    assert all(dispute.registrant_id in apart for dispute in disputes)
    assert all(
        dispute.other_registrant_id in apart - {dispute.registrant_id} for dispute in disputes
    )
    assert "500001" not in repr(disputes)
    assert contradictions.counts(spouses) == {
        **dict.fromkeys(CONTRADICTIONS, 0),
        "identifier-of-two-codes": len(disputes),
    }
