"""An opt-out of a contact stays in force until an export that has its column states otherwise, and
also when its record is quarantined."""

from __future__ import annotations

import pytest

from assets.ingest import deliveries
from assets.staging import staged
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.registers import build, rows, take_in

OPT_OUT, BOUNCE = "Unsubscribed from all email", "Global bounce"
DAYS = ("2026-11-16", "2026-11-17", "2026-11-18")


def export(data_root: DataRoot, day: str, given: str, **columns: str) -> None:
    contact = {"Record ID": "1", "Email": "aino@example.fi", "First Name": given}
    row = contact | {name.replace("_", " "): value for name, value in columns.items()}
    put(data_root, "crm", day, "contacts", csv([row]), 1)


def opted_out(data_root: DataRoot) -> list[str]:
    build(data_root)
    query = "SELECT origin FROM choice_log WHERE choice = 'prohibited' AND holds ORDER BY origin"
    return [row["origin"] for row in rows(data_root, query)]


def flagged(data_root: DataRoot) -> list[tuple[str, list[str]]]:
    lost = deliveries.columns_lost(data_root, "crm", set(DAYS))
    return [(entry.day, columns) for entry, columns in lost]


def test_an_export_without_the_column_lifts_nothing_and_its_day_is_flagged(
    data_root: DataRoot,
) -> None:
    export(data_root, DAYS[0], "Aino", Unsubscribed_from_all_email="true", Global_bounce="")
    export(data_root, DAYS[1], "Aila")
    take_in(data_root)
    assert opted_out(data_root) == ["crm:hs_email_optout"]
    assert flagged(data_root) == [(DAYS[1], [OPT_OUT, BOUNCE])]
    # All else is as the later export says.
    assert rows(data_root, "SELECT given_names FROM registrants") == [{"given_names": "Aila"}]


def test_the_column_back_and_empty_lifts_it(data_root: DataRoot) -> None:
    export(data_root, DAYS[0], "Aino", Unsubscribed_from_all_email="true")
    export(data_root, DAYS[1], "Aila")
    export(data_root, DAYS[2], "Aini", Unsubscribed_from_all_email="")
    take_in(data_root)
    assert opted_out(data_root) == []
    assert flagged(data_root) == [(DAYS[1], [OPT_OUT])]


def test_each_column_stands_for_itself(data_root: DataRoot) -> None:
    export(data_root, DAYS[0], "Aino", Unsubscribed_from_all_email="true", Global_bounce="yes")
    export(data_root, DAYS[1], "Aila", Unsubscribed_from_all_email="false")
    take_in(data_root)
    assert opted_out(data_root) == ["crm:global_bounce"]


def test_an_export_with_the_columns_lifts_as_before(data_root: DataRoot) -> None:
    export(data_root, DAYS[0], "Aino", Unsubscribed_from_all_email="true")
    export(data_root, DAYS[1], "Aila", Unsubscribed_from_all_email="")
    take_in(data_root)
    assert opted_out(data_root) == []
    assert flagged(data_root) == []


def test_a_column_that_never_was_is_not_missed(data_root: DataRoot) -> None:
    export(data_root, DAYS[0], "Aino")
    export(data_root, DAYS[1], "Aila")
    take_in(data_root)
    assert (opted_out(data_root), flagged(data_root)) == ([], [])


def by_email(data_root: DataRoot) -> list[str]:
    """The given names of those who may not be sent marketing by e-mail."""
    build(data_root)
    query = """SELECT DISTINCT given_names FROM choice_log JOIN registrants USING (registrant_id)
        WHERE choice = 'prohibited' AND holds ORDER BY ALL"""
    return [row["given_names"] for row in rows(data_root, query)]


def export_all(data_root: DataRoot, day: str, *contacts: dict[str, str]) -> None:
    put(data_root, "crm", day, "contacts", csv(list(contacts)), len(contacts))


def contact(number: str, given: str, opt_out: str = "", email: str = "") -> dict[str, str]:
    email = email or f"{given.lower()}@example.fi"
    return {
        "Record ID": number, "First Name": given, "Last Name": "Testi", "Email": email,
        OPT_OUT: opt_out,
    }  # fmt: skip


@pytest.mark.parametrize("number", ["", "1.24E+11", "N/A"])
def test_what_a_contact_without_an_id_opts_out_holds_for_its_address(
    data_root: DataRoot, number: str
) -> None:
    export_all(data_root, DAYS[0], contact("1", "Aino"), contact("2", "Bea"))
    export_all(data_root, DAYS[1], contact(number, "Aino", "true"), contact("2", "Bea"))
    take_in(data_root)
    assert by_email(data_root) == ["Aino"]


def test_both_of_two_contacts_with_one_id_are_opted_out(data_root: DataRoot) -> None:
    export_all(data_root, DAYS[0], contact("1", "Aino"), contact("2", "Bea"), contact("3", "Cia"))
    shared = contact("7", "Aino", "true"), contact("7", "Bea", "true"), contact("3", "Cia")
    export_all(data_root, DAYS[1], *shared)
    take_in(data_root)
    assert by_email(data_root) == ["Aino", "Bea"]
    entries = deliveries.ledger(data_root)
    assert all(entry.conserved for entry in entries)
    assert staged.lost_by_key(data_root, entries) == 0


def test_a_later_version_of_the_quarantined_record_lifts_it(data_root: DataRoot) -> None:
    export_all(data_root, DAYS[0], contact("1", "Aino"), contact("2", "Bea"))
    export_all(
        data_root, DAYS[1], contact("2", "Aino", "true", "aino@example.fi"), contact("2", "Bea")
    )
    take_in(data_root)
    assert by_email(data_root) == ["Aino"]
    export_all(data_root, DAYS[2], contact("1", "Aino"), contact("2", "Bea"))
    take_in(data_root)
    assert by_email(data_root) == []


def test_nothing_else_of_a_quarantined_record_is_used(data_root: DataRoot) -> None:
    export_all(data_root, DAYS[0], contact("1", "Aino"), contact("N/A", "Bea", "true"))
    take_in(data_root)
    assert by_email(data_root) == []
    assert rows(data_root, "SELECT given_names FROM registrants") == [{"given_names": "Aino"}]
