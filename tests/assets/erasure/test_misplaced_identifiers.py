"""An identifier of the erased in somebody else's field for another identifier: nothing that was
made of it is left, in raw or staged, and what is left of the field ties nobody together.
"""

from __future__ import annotations

import re
from hashlib import md5
from pathlib import Path

import pytest

from assets.erasure import erasing
from assets.ingest import deliveries
from assets.requests import ledger
from assets.staging import lake_rewrite, staged
from assets.storage.data_root import DataRoot
from assets.storage.quoting import parquet
from assets.storage.sessions import connect
from tests.support.data_roots import copied
from tests.support.deliveries import csv, put
from tests.support.erasing import NOW, TODAY, find_cleared
from tests.support.known_registrants import registrant_of
from tests.support.namesakes import LEAVES, contact
from tests.support.registers import build, refresh

DAY = "2026-11-19"
ADDRESS = LEAVES.email.upper()
FIRST, SECOND, THIRD, FOURTH = (f"88000667000{number}" for number in (1, 2, 3, 4))
AS_SPREADSHEETS_WRITE_IT = {"id": "8.80001112223E+11", "phone": "+3.58409990111E+11"}


def squeezed(text: str) -> str:
    return re.sub("[^0-9a-z]", "", text.lower())


def deliver(data_root: DataRoot, day: str = DAY) -> None:
    contacts = [
        contact(FIRST, "Eka", "Muu", "", "1970-01-01", **{"Customer number": ADDRESS}),
        contact(SECOND, "Toka", "Outo", "", "1980-02-02", **{"Customer number": ADDRESS}),
        contact(
            THIRD, "Kolmas", "Vieras", "kolmas@example.fi", "1990-03-03",
            **{"Phone Number": AS_SPREADSHEETS_WRITE_IT["phone"]},
        ),
        contact(FOURTH, "Neljäs", "Toinen", f"ks. {ADDRESS}", "1991-04-04"),
    ]  # fmt: skip
    put(data_root, "crm", day, "contacts", csv(contacts), len(contacts))
    contract = {
        "contract_number": "K-700098", "contact_id": FIRST, "customer_number": "",
        "identity_code": f"ks. {ADDRESS}", "product": "p", "status": "active",
        "starts_on": "2024-01-01", "ends_on": "", "monthly_fee": "1.00", "currency": "EUR",
        "updated_at": "2026-10-01T10:00:00Z",
    }  # fmt: skip
    put(data_root, "crm", day, "contracts", csv([contract]), 1)
    consent = {
        "event_ts": "2026-10-01T10:00:00Z", "subject_key_type": "contact_id",
        "subject_key": AS_SPREADSHEETS_WRITE_IT["id"], "purpose": "direct_marketing",
        "channel": "email", "status": "granted", "source": "web-form",
        "evidence": "theirs0spreadsheet", "text_version": "v1", "language": "fi",
    }  # fmt: skip
    put(data_root, "consents", day, "consent_log", csv([consent]), 1)


def in_lake(data_root: DataRoot, day: str = DAY) -> str:
    """All values of raw, quarantine and staged of the day, each on a line."""
    lines = []
    with connect(data_root) as connection:
        for path in sorted(data_root.lake.glob(f"*/*/{day}/**/*.parquet")):
            for row in connection.execute(
                f"SELECT COLUMNS(*)::VARCHAR FROM {parquet(path)}"
            ).fetchall():
                lines += [value for value in row if value]
    return "\n".join(lines)


def suppressed(data_root: DataRoot) -> str:
    """Erase as far as the suppression list; return the request's id."""
    given = [f"identity_code:{LEAVES.identity_code}"]
    request_id = ledger.receive(data_root, "erasure", "written", given, NOW)
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    return request_id


@pytest.fixture(scope="module")
def misplaced_root(known_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copied(known_root, tmp_path_factory.mktemp("misplaced") / "data")
    data_root = DataRoot(root)
    deliver(data_root)
    refresh(data_root, TODAY)
    assert squeezed(ADDRESS) in squeezed(in_lake(data_root))
    return root


@pytest.fixture(scope="module")
def after(misplaced_root: Path, tmp_path_factory: pytest.TempPathFactory) -> DataRoot:
    data_root = DataRoot(copied(misplaced_root, tmp_path_factory.mktemp("erased") / "data"))
    request_id = suppressed(data_root)
    erasing.remove(data_root, [request_id], TODAY)
    build(data_root, TODAY)
    closing = erasing.close(data_root, [request_id], NOW)
    assert (len(closing.certificates), closing.unproven) == (1, []), closing.message()
    return data_root


def test_no_layer_has_it_in_any_spelling(after: DataRoot) -> None:
    content = squeezed(in_lake(after))
    assert squeezed(ADDRESS) not in content
    assert LEAVES.phone[1:] not in content
    assert LEAVES.contact_id not in content


@pytest.mark.parametrize(
    "identifier",
    [f"customer_number:{ADDRESS}", f"identity_code:KS.{ADDRESS}", f"email:{ADDRESS.lower()}"],
)
def test_no_hash_of_the_old_field_is_left(after: DataRoot, identifier: str) -> None:
    assert md5(identifier.encode(), usedforsecurity=False).hexdigest() not in in_lake(after)


def test_others_with_redacted_fields_are_not_tied_together(after: DataRoot) -> None:
    assert registrant_of(after, FIRST) != registrant_of(after, SECOND)
    assert registrant_of(after, THIRD) != registrant_of(after, FOURTH)


def test_a_record_by_a_number_as_spreadsheets_write_it_is_theirs(after: DataRoot) -> None:
    assert "theirs0spreadsheet" not in in_lake(after)


def test_every_record_has_one_outcome(after: DataRoot) -> None:
    entries = deliveries.ledger(after)
    assert all(entry.staged_with and entry.conserved for entry in entries)
    assert staged.lost_by_key(after, entries) == 0


def test_delivered_again_it_is_the_same_record_without_it(after: DataRoot, tmp_path: Path) -> None:
    again = DataRoot(copied(after.root, tmp_path / "again"))
    deliver(again, "2026-11-20")
    refresh(again, TODAY)
    content = in_lake(again, "2026-11-20")
    assert squeezed(ADDRESS) not in squeezed(content)
    assert "theirs0spreadsheet" not in content
    assert registrant_of(again, FIRST) != registrant_of(again, SECOND)


def test_staging_that_was_killed_is_done_by_the_next_removal(
    misplaced_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_root = DataRoot(copied(misplaced_root, tmp_path / "killed"))
    request_id = suppressed(data_root)
    with monkeypatch.context() as patched:
        patched.setattr(
            lake_rewrite, "stage_again", lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            erasing.remove(data_root, [request_id], TODAY)
    assert not all(entry.staged_with for entry in deliveries.ledger(data_root))
    erasing.remove(data_root, [request_id], TODAY)
    assert all(entry.staged_with for entry in deliveries.ledger(data_root))
    assert squeezed(ADDRESS) not in squeezed(in_lake(data_root))
