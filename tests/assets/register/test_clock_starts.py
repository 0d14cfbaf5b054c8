"""From which day the time of a registrant and of a contract counts; every date by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingest import deliveries
from assets.retention import overdue_check
from assets.storage.data_root import DataRoot
from tests.support import population_register_messages as messages
from tests.support.dated_records import contact, contract, mark, order, visit
from tests.support.deliveries import basic_data, csv, put
from tests.support.examples import examples
from tests.support.registers import build, rows, take_in

DAY = "2026-11-10"
CODE = messages.code("010170-943")


def named(number: str, given: str, created: str, **fields: str) -> dict[str, str]:
    """A contact of the CRM's export that has been in contact on no later day than `created`."""
    return {
        **contact(number, given, "Testinen", ""),
        "Create Date": created,
        "Email": f"{given.lower()}@example.fi",
        "Customer number": f"C{number}",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }


def contacts(data_root: DataRoot, *people: dict[str, str], day: str = DAY) -> None:
    put(data_root, "crm", day, "contacts", csv(list(people)), len(people))


def contracts(data_root: DataRoot, *agreed: dict[str, str], day: str = DAY) -> None:
    put(data_root, "crm", day, "contracts", csv(list(agreed)), len(agreed))


def present(data_root: DataRoot, day: str) -> set[str]:
    """Given names of the registrants that are left on a day, after its sweep."""
    take_in(data_root, date.fromisoformat(day))
    build(data_root, date.fromisoformat(day))
    return {row["given_names"] for row in rows(data_root, "SELECT given_names FROM registrants")}


# --- the calendar day in Helsinki ---------------------------------------------------------------


def test_an_order_between_midnight_and_three_counts_on_its_day_in_helsinki(
    data_root: DataRoot,
) -> None:
    """22:30 UTC is half past midnight on 21 November; three years after it is 21 November 2026."""
    contacts(data_root, named("601", "Yötilaaja", "2020-01-01 10:00"))
    put(data_root, "crm", DAY, "orders", csv([order("T-1", "C601", "2023-11-20T22:30:00Z")]), 1)
    assert present(data_root, "2026-11-20") == {"Yötilaaja"}
    assert present(data_root, "2026-11-21") == set()


def test_a_consent_between_midnight_and_three_counts_on_its_day_in_helsinki(
    data_root: DataRoot,
) -> None:
    """In summer Helsinki is three hours ahead: 21:10 UTC on 30 June is 1 July."""
    contacts(data_root, named("602", "Yösuostuja", "2020-01-01 10:00"))
    event = {
        "event_ts": "2024-06-30T21:10:00Z", "subject_key_type": "contact_id", "subject_key": "602",
        "purpose": "direct_marketing", "channel": "email", "status": "granted",
        "source": "web-form", "evidence": "", "text_version": "1", "language": "fi",
    }  # fmt: skip
    put(data_root, "consents", DAY, "consent_log", csv([event]), 1)
    assert present(data_root, "2027-06-30") == {"Yösuostuja"}
    assert present(data_root, "2027-07-01") == set()


def test_leap_days_and_the_hours_of_summer_time_count_by_the_calendar(data_root: DataRoot) -> None:
    """29 February is over on the 28th three years later; 21:00 UTC on the night in which summer
    time ends is the day after, and a clock that was put forward has no 03:30.
    """
    contacts(
        data_root,
        named("611", "Karkaus", "2020-01-01 10:00", Recent_Conversion_Date="2024-02-29 12:00"),
        named("612", "Ennen", "2020-01-01 10:00"),
        named("613", "Kevät", "2020-01-01 10:00", Recent_Conversion_Date="2024-03-31 03:30"),
        named("614", "Syksy", "2020-01-01 10:00"),
    )
    ordered = [
        order("T-11", "C612", "2024-02-28T21:59:59Z"),
        order("T-12", "C614", "2024-10-26T21:00:00Z"),
    ]
    put(data_root, "crm", DAY, "orders", csv(ordered), 2)
    for day, left in (
        ("2027-02-27", {"Karkaus", "Ennen", "Kevät", "Syksy"}),
        ("2027-02-28", {"Kevät", "Syksy"}),
        ("2027-03-30", {"Kevät", "Syksy"}),
        ("2027-03-31", {"Syksy"}),
        ("2027-10-26", {"Syksy"}),
        ("2027-10-27", set()),
    ):
        assert present(data_root, day) == left


def test_an_undated_credit_mark_counts_from_the_day_of_its_report_in_helsinki(
    data_root: DataRoot,
) -> None:
    """A report's time is the midnight in Helsinki at which its delivery's day begins."""
    report = {
        "socialSecurityNumber": CODE, "creditClass": 2, "purposeCode": "1",
        "remarks": [mark("undated", None, None)],
    }  # fmt: skip
    put(data_root, "credit_bureau", "2026-11-10", "credit_reports", json.dumps(report).encode(), 1)
    take_in(data_root)
    build(data_root, date(2029, 11, 9))
    assert rows(data_root, "SELECT remark_id FROM credit_marks") == [{"remark_id": "undated"}]
    build(data_root, date(2029, 11, 10))
    assert rows(data_root, "SELECT remark_id FROM credit_marks") == []


# --- contact of the registrant ------------------------------------------------------------------


@pytest.mark.parametrize("active", ["2026-11-01 10:00", "2031-01-01 10:00"])
def test_the_companys_own_activity_is_no_contact_of_the_registrant(
    data_root: DataRoot, active: str
) -> None:
    """HubSpot's Last Activity Date also counts what the company sends."""
    person = {
        **named("603", "Hiljainen", "2023-11-20 10:00"), "Last Activity Date": active,
    }  # fmt: skip
    contacts(data_root, person)
    assert present(data_root, "2026-11-19") == {"Hiljainen"}
    assert present(data_root, "2026-11-20") == set()


@pytest.mark.parametrize(
    "column",
    [
        "Recent Conversion Date",
        "Recent Sales Email Replied Date",
        "Last Marketing Email Reply Date",
        "Last Marketing Email Click Date",
    ],
)
def test_what_the_registrant_did_is_a_contact(data_root: DataRoot, column: str) -> None:
    person = named("604", "Aktiivinen", "2020-01-01 10:00")
    contacts(data_root, {**person, column: "2024-02-29 10:00"})
    # Three years after a leap day: 28 February.
    assert present(data_root, "2027-02-27") == {"Aktiivinen"}
    assert present(data_root, "2027-02-28") == set()


def test_a_contact_that_lies_after_its_delivery_is_none(data_root: DataRoot) -> None:
    """What lies ahead is a fault of the export: the contact before it counts."""
    person = named("605", "Ennustaja", "2023-11-20 10:00")
    contacts(data_root, {**person, "Recent Conversion Date": "2031-05-01 10:00"})
    assert present(data_root, "2026-11-20") == set()


def test_a_contact_on_the_day_of_its_delivery_counts(data_root: DataRoot) -> None:
    person = named("606", "Tämänpäiväinen", "2020-01-01 10:00")
    contacts(data_root, {**person, "Recent Conversion Date": f"{DAY} 23:59"})
    assert present(data_root, "2029-11-09") == {"Tämänpäiväinen"}
    assert present(data_root, "2029-11-10") == set()


@pytest.mark.parametrize("nightly", [True, False])
def test_a_contact_known_by_a_signed_in_visit_alone_outlives_the_visit(
    data_root: DataRoot, nightly: bool
) -> None:
    """The visit of 21 October 2024 goes on 21 November 2026 (25 months), who made it on 21 October
    2027 (3 years), whether the register was built while the visit was there or not."""
    contacts(data_root, named("607", "Kävijä", "2021-01-01 10:00"))
    signed_in = {
        **visit(1, "b000000000000001", datetime(2024, 10, 21, 9, tzinfo=UTC)), "userId": "C607",
    }  # fmt: skip
    put(data_root, "website", DAY, "visits", json.dumps([signed_in]).encode(), 1)
    if nightly:
        assert present(data_root, "2026-11-20") == {"Kävijä"}
        assert rows(data_root, "SELECT visit FROM visits") == [{"visit": "1|1"}]
    assert present(data_root, "2026-11-21") == {"Kävijä"}
    assert rows(data_root, "SELECT visit FROM visits") == []
    assert present(data_root, "2027-10-20") == {"Kävijä"}
    assert present(data_root, "2027-10-21") == set()


# --- contracts ----------------------------------------------------------------------------------


def ended(number: str, customer: str, ends_on: str, **fields: str) -> dict[str, str]:
    return {**contract(number, customer, ends_on), **fields}


def kept_contracts(data_root: DataRoot) -> set[str]:
    return {row["contract_number"] for row in rows(data_root, "SELECT * FROM contracts")}


def test_an_ended_contract_leaves_no_earlier_than_the_other_of_the_same_person(
    data_root: DataRoot,
) -> None:
    """Two accounts of one person, by the identity code in both contracts."""
    contracts(
        data_root,
        ended("K-old", "C611", "2020-01-31", identity_code=CODE),
        ended("K-open", "C612", "", identity_code=CODE, status="active"),
    )
    take_in(data_root)
    build(data_root, date(2026, 11, 20))
    assert kept_contracts(data_root) == {"K-old", "K-open"}
    assert len(rows(data_root, "SELECT * FROM registrants WHERE has_open_contract")) == 1


def test_a_contract_stays_as_long_as_its_person_after_a_later_contact(
    data_root: DataRoot,
) -> None:
    """Ended on 31 January 2022, an order on 5 May 2024: both go on 5 May 2027."""
    contacts(data_root, named("613", "Palaaja", "2019-01-01 10:00"))
    contracts(data_root, ended("K-1", "C613", "2022-01-31"))
    put(data_root, "crm", DAY, "orders", csv([order("T-2", "C613", "2024-05-05T10:00:00Z")]), 1)
    assert present(data_root, "2027-05-04") == {"Palaaja"}
    assert kept_contracts(data_root) == {"K-1"}
    assert overdue_check.overdue(data_root, date(2027, 5, 4))["staged"] == 0
    assert present(data_root, "2027-05-05") == set()
    assert kept_contracts(data_root) == set()


def test_an_ended_contract_without_an_end_counts_from_the_day_it_was_first_stated_as_ended(
    data_root: DataRoot,
) -> None:
    """A customer since 2012; stated as ended in the deliveries of 12 and 14 November."""
    active = ended("K-2", "C614", "", status="active", starts_on="2012-03-01")
    over = ended("K-2", "C614", "", starts_on="2012-03-01")
    contracts(data_root, active, day="2026-11-10")
    contracts(data_root, over, day="2026-11-12")
    contracts(data_root, {**over, "monthly_fee": "13.00"}, day="2026-11-14")
    take_in(data_root)
    build(data_root, date(2026, 11, 20))
    [person] = rows(data_root, "SELECT relationship_ends_on, has_open_contract FROM registrants")
    assert person == {"relationship_ends_on": date(2026, 11, 12), "has_open_contract": False}
    # Nothing is made up in the contract itself.
    assert rows(data_root, "SELECT ends_on FROM contracts") == [{"ends_on": None}]
    build(data_root, date(2029, 11, 11))
    assert kept_contracts(data_root) == {"K-2"}
    build(data_root, date(2029, 11, 12))
    assert kept_contracts(data_root) == set()


@pytest.mark.parametrize("order_of_arrival", [("11", "13"), ("13", "11")])
def test_a_late_arrival_moves_the_day_back_and_a_repetition_does_not_move_it(
    data_root: DataRoot, order_of_arrival: tuple[str, str]
) -> None:
    over = ended("K-3", "C615", "", starts_on="2012-03-01")
    for day in order_of_arrival:
        contracts(data_root, over, day=f"2026-11-{day}")
        take_in(data_root)
        build(data_root, date(2026, 11, 20))
    assert rows(data_root, "SELECT relationship_ends_on AS day FROM registrants") == [
        {"day": date(2026, 11, 11)}
    ]


def test_a_contract_that_was_taken_up_again_ended_on_the_later_day(data_root: DataRoot) -> None:
    over = ended("K-4", "C616", "", starts_on="2012-03-01")
    for day, status in (("10", "ended"), ("12", "active"), ("14", "cancelled")):
        contracts(data_root, {**over, "status": status}, day=f"2026-11-{day}")
    take_in(data_root)
    build(data_root, date(2026, 11, 20))
    assert rows(data_root, "SELECT relationship_ends_on AS day FROM registrants") == [
        {"day": date(2026, 11, 14)}
    ]


def test_an_end_that_is_stated_later_counts(data_root: DataRoot) -> None:
    over = ended("K-5", "C617", "", starts_on="2012-03-01")
    contracts(data_root, over, day="2026-11-10")
    contracts(data_root, {**over, "ends_on": "2025-06-30"}, day="2026-11-12")
    take_in(data_root)
    build(data_root, date(2026, 11, 20))
    assert rows(data_root, "SELECT relationship_ends_on AS day FROM registrants") == [
        {"day": date(2025, 6, 30)}
    ]


def test_its_delivery_is_flagged_and_nothing_is_quarantined(data_root: DataRoot) -> None:
    contracts(
        data_root,
        ended("K-6", "C618", "", starts_on="2012-03-01"),
        ended("K-7", "C619", "2025-01-31"),
    )
    take_in(data_root)
    [entry] = deliveries.ledger(data_root, "crm")
    assert (entry.staged, entry.quarantined) == (2, 0)
    assert entry.flagged == {"CONTRACT-NO-END": 1}


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(st.sampled_from(["active", "ended", "cancelled"]), min_size=1, max_size=6))
def test_the_day_is_that_of_the_first_statement_since_it_was_last_active(
    tmp_path_factory: pytest.TempPathFactory, stated: list[str]
) -> None:
    """Against a plain reading of the deliveries in their order."""
    data_root = DataRoot(tmp_path_factory.mktemp("stated") / "data")
    data_root.create()
    ended_on: date | None = None
    for number, status in enumerate(stated):
        day = date(2026, 11, 1) + timedelta(days=number)
        row = ended("K-8", "C620", "", starts_on="2012-03-01", status=status)
        contracts(data_root, {**row, "monthly_fee": f"{number}.00"}, day=str(day))
        ended_on = None if status == "active" else ended_on or day
    take_in(data_root)
    build(data_root, date(2026, 11, 20))
    [person] = rows(data_root, "SELECT * FROM registrants")
    assert (person["relationship_ends_on"], person["has_open_contract"]) == (
        ended_on,
        ended_on is None,
    )


# --- death --------------------------------------------------------------------------------------


def test_after_a_death_the_time_counts_from_it_even_if_we_heard_of_the_person_later(
    data_root: DataRoot,
) -> None:
    """Died on 20 November 2023, and known to the register from November 2026."""
    contracts(data_root, ended("K-9", "C621", "", status="cancelled", identity_code=CODE))
    person = messages.person(CODE, messages.name("Vainaja", "Testinen"),
        messages.death(dead=True, on="2023-11-20"))  # fmt: skip
    basic_data(data_root, DAY, [person])
    assert present(data_root, "2026-11-19") == {"Vainaja"}
    assert present(data_root, "2026-11-20") == set()


def test_a_death_without_a_date_counts_from_the_day_it_was_first_stated(
    data_root: DataRoot,
) -> None:
    """Stated on 10 November 2026, and again on the 12th; known by an order since 2026-11-01."""
    contracts(data_root, ended("K-10", "C622", "2026-11-08", identity_code=CODE), day="2026-11-01")
    person = messages.person(CODE, messages.name("Tuntematon", "Testinen"),
        messages.death(dead=True))  # fmt: skip
    basic_data(data_root, DAY, [person])
    basic_data(data_root, "2026-11-12", [{**person, "lisatieto": "toistettu"}])
    assert present(data_root, "2029-11-09") == {"Tuntematon"}
    assert present(data_root, "2029-11-10") == set()


def test_the_marts_are_built_after_each_of_these_nights(data_root: DataRoot) -> None:
    """The register's own check of what is overdue agrees on the day before and on the day."""
    contracts(data_root, ended("K-11", "C623", "", starts_on="2012-03-01"))
    contacts(data_root, named("623", "Kaikki", "2019-01-01 10:00"))
    take_in(data_root)
    for day in (date(2029, 11, 9), date(2029, 11, 10)):
        build(data_root, day)
        assert set(overdue_check.overdue(data_root, day).values()) == {0}
