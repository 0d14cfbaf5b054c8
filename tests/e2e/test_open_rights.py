"""What retention leaves of open rights: the commands, night after night."""

from __future__ import annotations

from pathlib import Path

from assets.storage.data_root import DataRoot
from tests.support import population_register_messages as messages
from tests.support.commands import register
from tests.support.data_roots import files_containing, ledger_entries
from tests.support.dated_records import contract
from tests.support.deliveries import basic_data, csv, put
from tests.support.known_registrants import registrant_of
from tests.support.marketing import contact as any_contact
from tests.support.marketing import event

ALONE = messages.code("010170-961")


def contact(number: str, **fields: str) -> dict[str, str]:
    """A contact who is of age; the number is too high for a birth year of its own."""
    return any_contact(number, Date_of_birth="1970-01-02", **fields)


def person(number: str, **fields: str) -> dict[str, str]:
    return {
        **contact(number, Phone_Number=f"+358401230{number}"), "Create Date": "2023-11-12 10:00",
        "Last Activity Date": "2031-01-01 10:00", "Recent Conversion Date": "",
        "Customer number": f"C{number}", **fields,
    }  # fmt: skip


def night(root: Path, day: str) -> None:
    ended = register(root, "refresh", "--as-of", day)
    assert ended.code == 0, ended.err


def test_rights_outlive_what_retention_removes(tmp_path: Path) -> None:
    """Of four people one objects and leaves, one is under a hold, one has a contract that ended
    without a date, and one is known from the population register alone."""
    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    root = data_root.root
    put(data_root, "crm", "2026-11-09", "contacts", csv([person("811"), person("812")]), 2)
    objected = event("811", "objected", "all", "2023-11-13T08:00:00Z")
    put(data_root, "consents", "2026-11-09", "consent_log", csv([objected]), 1)
    over = {**contract("K-813", "C813", ""), "starts_on": "2012-01-01"}
    put(data_root, "crm", "2026-11-09", "contracts", csv([over]), 1)
    basic_data(data_root, "2026-10-20",
        [messages.person(ALONE, messages.name("Yksin", "Rekisterissä"))])  # fmt: skip

    night(root, "2026-11-11")
    assert [entry.flagged for entry in ledger_entries(root) if entry.dataset == "contracts"] == [
        {"CONTRACT-NO-END": 1}
    ]
    added = register(root, "hold", "add", "--customer-number", "C812", "--ground", "HOLD-CLAIM",
        "--owner", "legal")  # fmt: skip
    assert added.code == 0, added.err
    hold_id = added.out.strip()

    # Their last contact is three years ago on the 12th; 30 days without a purpose end on the 19th.
    night(root, "2026-11-20")
    assert files_containing(root, ["n811@example.fi", "C811", ALONE]) == []
    why = register(root, "why", registrant_of(data_root, "C812"), "customer_care", "--json").data
    assert [hold["hold"] for hold in why["retention"]["holds"]] == [hold_id]
    assert registrant_of(data_root, "C813")

    back = person("811", **{"Recent Conversion Date": "2026-11-20 09:00"})
    put(data_root, "crm", "2026-11-21", "contacts", csv([back, person("812")]), 2)
    assert register(root, "hold", "end", hold_id).code == 0
    night(root, "2026-11-22")
    assert files_containing(root, ["n812@example.fi"]) == []
    channels = register(
        root, "why", registrant_of(data_root, "C811"), "direct_marketing", "--json"
    ).data["channels"]
    assert not any(channel["admitted"] for channel in channels)
    assert all(
        "ADM-OBJECTION" in [rule["code"] for rule in channel["rules"]] for channel in channels
    )
