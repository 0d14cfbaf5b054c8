"""An opt-out of a contact stands until an export that has its column says otherwise."""

from __future__ import annotations

from assets import deliveries
from assets.home import Home
from tests.conftest import csv, put, rows, settle, take_in

OPT_OUT, BOUNCE = "Unsubscribed from all email", "Global bounce"
DAYS = ("2026-11-16", "2026-11-17", "2026-11-18")


def export(home: Home, day: str, given: str, **columns: str) -> None:
    contact = {"Record ID": "1", "Email": "aino@example.fi", "First Name": given}
    row = contact | {name.replace("_", " "): value for name, value in columns.items()}
    put(home, "crm", day, "contacts", csv([row]), 1)


def opted_out(home: Home) -> list[str]:
    settle(home)
    query = "SELECT origin FROM choice_log WHERE choice = 'prohibited' AND holds ORDER BY origin"
    return [row["origin"] for row in rows(home, query)]


def flagged(home: Home) -> list[tuple[str, list[str]]]:
    lost = deliveries.columns_lost(home, "crm", set(DAYS))
    return [(entry.day, columns) for entry, columns in lost]


def test_an_export_without_the_column_lifts_nothing_and_its_day_is_flagged(home: Home) -> None:
    export(home, DAYS[0], "Aino", Unsubscribed_from_all_email="true", Global_bounce="")
    export(home, DAYS[1], "Aila")
    take_in(home)
    assert opted_out(home) == ["crm:hs_email_optout"]
    assert flagged(home) == [(DAYS[1], [OPT_OUT, BOUNCE])]
    # All else is as the later export says.
    assert rows(home, "SELECT given_names FROM registrants") == [{"given_names": "Aila"}]


def test_the_column_back_and_empty_lifts_it(home: Home) -> None:
    export(home, DAYS[0], "Aino", Unsubscribed_from_all_email="true")
    export(home, DAYS[1], "Aila")
    export(home, DAYS[2], "Aini", Unsubscribed_from_all_email="")
    take_in(home)
    assert opted_out(home) == []
    assert flagged(home) == [(DAYS[1], [OPT_OUT])]


def test_each_column_stands_for_itself(home: Home) -> None:
    export(home, DAYS[0], "Aino", Unsubscribed_from_all_email="true", Global_bounce="yes")
    export(home, DAYS[1], "Aila", Unsubscribed_from_all_email="false")
    take_in(home)
    assert opted_out(home) == ["crm:global_bounce"]


def test_an_export_with_the_columns_lifts_as_before(home: Home) -> None:
    export(home, DAYS[0], "Aino", Unsubscribed_from_all_email="true")
    export(home, DAYS[1], "Aila", Unsubscribed_from_all_email="")
    take_in(home)
    assert opted_out(home) == []
    assert flagged(home) == []


def test_a_column_that_never_was_is_not_missed(home: Home) -> None:
    export(home, DAYS[0], "Aino")
    export(home, DAYS[1], "Aila")
    take_in(home)
    assert (opted_out(home), flagged(home)) == ([], [])
