"""An erasure leaves what the accounts need, without its person, and nothing else; a preview says so
beforehand and changes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from assets.backup import generations, restoring
from assets.erasure import erasing, legal_holds
from assets.erasure.preview import preview
from assets.erasure.proof import certificates
from assets.ingest import raw
from assets.requests import ledger
from assets.rights import lookup
from assets.sources.crm import crm
from assets.storage import recorded_files
from assets.storage.data_root import DataRoot
from tests.support.data_roots import copied, files_containing, ledger_entries, parquet_rows
from tests.support.deliveries import csv, put
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, STAYS, TODAY
from tests.support.namesakes import Known
from tests.support.registers import build, rows, take_in


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def asked(data_root: DataRoot) -> str:
    request_id = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    lookup.record(data_root, [request_id], NOW)
    return request_id


def erased(data_root: DataRoot) -> certificates.Issued:
    request_id = asked(data_root)
    legal_holds.take_in(data_root, TODAY)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    [certificate] = erasing.close(data_root, [request_id], NOW).certificates
    return certificate


@pytest.fixture(scope="module")
def closed(
    known_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[DataRoot, certificates.Issued]:
    data_root = DataRoot(copied(known_root, tmp_path_factory.mktemp("closed") / "data"))
    return data_root, erased(data_root)


def state_of(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("lake", "marts")
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


def test_a_preview_counts_layers_legal_holds_and_bystanders_and_changes_nothing(
    data_root: DataRoot,
) -> None:
    request_id = asked(data_root)
    before = state_of(data_root.root)
    seen = preview(data_root, ledger.load(data_root, request_id), TODAY)
    assert state_of(data_root.root) == before
    assert (seen.registrants, seen.bystanders) == (1, 0)
    assert (
        seen.layers["raw"],
        seen.layers["register.registrants"],
        seen.layers["marts.contracts.registrants"],
    ) == (9, 1, 1)
    assert "staged.orders" not in seen.layers
    assert seen.holds == {
        "RET-VOUCHER-6Y": {
            "rows": 1,
            "until": "2033-01-01",
            "ground": "1336/1997 2:10, GDPR 17(3)(b)",
        }
    }
    assert seen.recipients == ["it_operations", "marketing_automation"]


def test_a_contact_with_an_order_in_another_customers_number_is_a_bystander_of_that_customer(
    data_root: DataRoot,
) -> None:
    """An order of one registrant's contact with another's customer number, slipped into raw.

    It is the contact's own: the erasure of the contact takes it, and that of the other must not.
    """
    raw = next(
        path
        for path in data_root.files("raw", "crm")
        if any(LEAVES.order_number in str(row) for row in parquet_rows(path))
    )
    with duckdb.connect() as connection:
        named = f"list_append(identifiers, 'customer_number:{STAYS.customer_number}')"
        theirs = (
            f"CASE WHEN contains(payload, '{LEAVES.contact_id}') THEN {named} ELSE identifiers END"
        )
        connection.execute(
            f"CREATE TABLE mixed AS SELECT * REPLACE ({theirs} AS identifiers) FROM '{raw}'"
        )
        connection.execute(f"COPY mixed TO '{raw}' (FORMAT parquet)")
    recorded_files.record(raw.parent, [raw.name])
    assert preview(data_root, ledger.load(data_root, asked(data_root)), TODAY).bystanders == 0
    other = ledger.receive(
        data_root, "erasure", "written", [f"identity_code:{STAYS.identity_code}"], NOW
    )
    request = lookup.record(data_root, [other], NOW)[other]
    assert f"customer_number:{STAYS.customer_number}" in request.left_out
    assert preview(data_root, request, TODAY).bystanders == 0
    shared = replace(
        request, own=(), resolved=(*request.resolved, f"customer_number:{STAYS.customer_number}")
    )
    assert preview(data_root, shared, TODAY).bystanders == 1


@pytest.mark.clause("P9.1")
def test_an_order_stays_for_the_accounts_without_its_person(
    closed: tuple[DataRoot, certificates.Issued],
) -> None:
    data_root, certificate = closed
    assert certificate.decisions["order"] == "held"
    orders = rows(data_root, "SELECT * FROM segregated_orders")
    assert [
        (order["order_number"], order["held_under"], str(order["held_until"])) for order in orders
    ] == [(LEAVES.order_number, "RET-VOUCHER-6Y", "2033-01-01")]
    places = {
        "/".join(Path(path).parts[:2]) + "/" + Path(path).stem
        for path in files_containing(data_root.root, [LEAVES.order_number])
    }
    assert places == {"lake/staged/orders", "lake/register/segregated_orders"}
    assert files_containing(data_root.root, [*LEAVES.identifiers, LEAVES.contract_number]) == []
    assert all(entry.conserved for entry in ledger_entries(data_root.root))


def test_the_certificate_and_the_ledger_name_the_statute_and_the_end(
    closed: tuple[DataRoot, certificates.Issued],
) -> None:
    data_root, certificate = closed
    text = certificates.path_of(data_root, certificate.request_id).read_text()
    assert (
        '"order":{"decision":"held","ground":"RET-VOUCHER-6Y (1336/1997 2:10), GDPR 17(3)(b)",'
        '"rows":1,"until":"2033-01-01"}' in text
    )
    assert ledger.load(data_root, certificate.request_id).decisions["order"] == {
        "decision": "held",
        "ground": "REQ-LEGAL-OBLIGATION",
    }


def test_an_order_beyond_its_retention_period_is_not_kept(data_root: DataRoot) -> None:
    request_id = asked(data_root)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY.replace(year=2033))
    build(data_root, TODAY)
    assert files_containing(data_root.root, [LEAVES.order_number]) == []


def test_a_killed_removal_certifies_the_same_legal_holds(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = asked(data_root)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    real = legal_holds.remove_unless_retained

    def killed(*given: object) -> int:
        real(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as patched:
            patched.setattr(legal_holds, "remove_unless_retained", killed)
            with pytest.raises(KeyboardInterrupt):
                erasing.remove(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    [certificate] = erasing.close(data_root, [request_id], NOW).certificates
    assert certificate.decisions["order"] == "held"
    assert certificate.rows["raw"] == 9


LATE, LATE_ORDER = "2026-11-19", "T-790001"


def order(person: Known, number: str) -> dict[str, str]:
    return {
        "order_number": number, "contact_id": person.contact_id,
        "customer_number": person.customer_number, "ordered_at": "2026-11-18T10:00:00Z",
        "status": "delivered", "amount": "35.00", "currency": "EUR", "items": "1",
    }  # fmt: skip


def order_late(data_root: DataRoot) -> None:
    """An order of the leaving and one of the staying namesake wait in the inbox, and a contract
    that no statute holds.
    """
    put(
        data_root,
        "crm",
        LATE,
        "orders",
        csv([order(LEAVES, LATE_ORDER), order(STAYS, "T-790002")]),
        2,
    )
    contract = {
        "contract_number": "K-790001",
        "customer_number": LEAVES.customer_number,
        "product": "sähkö",
        "status": "active",
        "starts_on": "2026-11-01",
    }
    put(data_root, "crm", LATE, "contracts", csv([contract]), 1)


def segregated_orders(data_root: DataRoot) -> list[str]:
    return [
        order["order_number"]
        for order in rows(data_root, "FROM segregated_orders ORDER BY order_number")
    ]


def test_an_order_waiting_in_the_inbox_is_kept_like_a_staged_order(
    data_root: DataRoot,
) -> None:
    """1336/1997, 2:10: what the accounts need does not hang on which night it came."""
    order_late(data_root)
    certificate = erased(data_root)
    assert segregated_orders(data_root) == [LEAVES.order_number, LATE_ORDER]
    assert (
        '"order":{"decision":"held","ground":"RET-VOUCHER-6Y (1336/1997 2:10), GDPR 17(3)(b)",'
        '"rows":2' in (certificates.path_of(data_root, certificate.request_id).read_text())
    )
    assert files_containing(data_root.root, [*LEAVES.identifiers, LEAVES.contract_number]) == []
    assert [
        order["order_number"] for order in rows(data_root, "FROM orders ORDER BY order_number")
    ] == [
        STAYS.order_number,
        "T-790002",
    ]


def test_an_order_in_raw_that_was_never_staged_is_kept_too(data_root: DataRoot) -> None:
    """A refresh was killed between the two."""
    order_late(data_root)
    raw.ingest(data_root, crm.SOURCE, None, TODAY)
    erased(data_root)
    assert segregated_orders(data_root) == [LEAVES.order_number, LATE_ORDER]
    assert all(entry.conserved for entry in ledger_entries(data_root.root))


def test_only_orders_are_taken_in_and_what_waits_besides_is_left_out_when_it_is(
    data_root: DataRoot,
) -> None:
    order_late(data_root)
    erased(data_root)
    assert {path.name.split("-")[0] for path in (data_root.inbox / "crm" / LATE).iterdir()} == {
        "contracts"
    }
    take_in(data_root)
    build(data_root, TODAY)
    assert files_containing(data_root.root, [*LEAVES.identifiers, "K-790001"]) == []
    assert segregated_orders(data_root) == [LEAVES.order_number, LATE_ORDER]


def test_an_order_that_only_raw_of_a_backup_has_is_kept(data_root: DataRoot) -> None:
    order_late(data_root)
    raw.ingest(data_root, crm.SOURCE, None, TODAY)
    generation = generations.make(data_root, None, NOW).name
    erased(data_root)
    restoring.restore(data_root, None, generation, TODAY)
    assert segregated_orders(data_root) == [LEAVES.order_number, LATE_ORDER]
    assert files_containing(data_root.root, [*LEAVES.identifiers, LEAVES.contract_number]) == []
