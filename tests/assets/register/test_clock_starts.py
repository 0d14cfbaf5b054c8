"""From which day the time of a registrant and of a contract counts; every date by hand.

One data root has the people of all tests, and is built on each of the nights that they speak of.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest

from assets.ingest import deliveries
from assets.retention import overdue_check
from assets.storage.data_root import DataRoot
from tests.support import population_register_messages as messages
from tests.support.data_roots import parquet_rows
from tests.support.dated_records import contact, contract, mark, order, visit
from tests.support.deliveries import basic_data, csv, put
from tests.support.registers import build, rows, take_in

DAY = "2026-11-10"
CODE, DEAD, UNDATED, MARKED = (
    messages.code(body) for body in ("010170-943", "010170-946", "010170-947", "010170-948")
)


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
    names = dict.fromkeys(name for person in people for name in person)
    whole = [{**dict.fromkeys(names, ""), **person} for person in people]
    put(data_root, "crm", day, "contacts", csv(whole), len(people))


def contracts(data_root: DataRoot, *agreed: dict[str, str], day: str = DAY) -> None:
    put(data_root, "crm", day, "contracts", csv(list(agreed)), len(agreed))


def ended(number: str, customer: str, ends_on: str, **fields: str) -> dict[str, str]:
    return {**contract(number, customer, ends_on), **fields}


class Night(NamedTuple):
    """What is left after the sweep of a night, and how much the register itself finds overdue."""

    names: set[str]
    contracts: set[str]
    visits: set[str]
    marks: set[str]
    ends: dict[str, date]
    open: set[str]
    overdue: set[int]


def night(data_root: DataRoot, day: str) -> Night:
    take_in(data_root, date.fromisoformat(day))
    build(data_root, date.fromisoformat(day))

    def column(name: str, table: str) -> set[str]:
        return {row[name] for row in rows(data_root, f"SELECT {name} FROM {table}")}

    return Night(
        column("given_names", "registrants"),
        column("contract_number", "contracts"),
        column("visit", "visits"),
        column("remark_id", "credit_marks"),
        {
            row["customer_number"]: row["relationship_ends_on"]
            for row in rows(data_root, "SELECT * FROM registrants WHERE NOT has_open_contract")
        },
        column("customer_number", "registrants WHERE has_open_contract"),
        set(overdue_check.overdue(data_root, date.fromisoformat(day)).values()),
    )


COMPANY_ACTIVE = ("2026-11-01 10:00", "2031-01-01 10:00")
ACTS = (
    "Recent Conversion Date",
    "Recent Sales Email Replied Date",
    "Last Marketing Email Reply Date",
    "Last Marketing Email Click Date",
)
LONG_AGO = "2020-01-01 10:00"
CONSENT = {
    "event_ts": "2024-06-30T21:10:00Z", "subject_key_type": "contact_id", "subject_key": "602",
    "purpose": "direct_marketing", "channel": "email", "status": "granted",
    "source": "web-form", "evidence": "", "text_version": "1", "language": "fi",
}  # fmt: skip
SIGNED_IN = {
    **visit(1, "b000000000000001", datetime(2024, 10, 21, 9, tzinfo=UTC)), "userId": "C607",
}  # fmt: skip


def deliver(data_root: DataRoot) -> None:
    """Everybody, by the tests in their order."""
    contacts(
        data_root,
        named("601", "Yötilaaja", LONG_AGO),
        named("602", "Yösuostuja", LONG_AGO),
        named("611", "Karkaus", LONG_AGO, Recent_Conversion_Date="2024-02-29 12:00"),
        named("612", "Ennen", LONG_AGO),
        named("613", "Kevät", LONG_AGO, Recent_Conversion_Date="2024-03-31 03:30"),
        named("614", "Syksy", LONG_AGO),
        *(
            named(f"62{nth}", f"Hiljainen{nth}", "2023-11-20 10:00", Last_Activity_Date=active)
            for nth, active in enumerate(COMPANY_ACTIVE)
        ),
        *(
            {**named(f"63{nth}", f"Aktiivinen{nth}", LONG_AGO), column: "2024-02-29 10:00"}
            for nth, column in enumerate(ACTS)
        ),
        named("605", "Ennustaja", "2023-11-20 10:00", Recent_Conversion_Date="2031-05-01 10:00"),
        named("606", "Tämänpäiväinen", LONG_AGO, Recent_Conversion_Date=f"{DAY} 23:59"),
        named("607", "Kävijä", "2021-01-01 10:00"),
        named("643", "Palaaja", "2019-01-01 10:00"),
        named("649", "Kaikki", "2019-01-01 10:00"),
    )
    ordered = [
        order("T-1", "C601", "2023-11-20T22:30:00Z"),
        order("T-11", "C612", "2024-02-28T21:59:59Z"),
        order("T-12", "C614", "2024-10-26T21:00:00Z"),
        order("T-2", "C643", "2024-05-05T10:00:00Z"),
    ]
    put(data_root, "crm", DAY, "orders", csv(ordered), len(ordered))
    put(data_root, "consents", DAY, "consent_log", csv([CONSENT]), 1)
    put(data_root, "website", DAY, "visits", json.dumps([SIGNED_IN]).encode(), 1)
    report = {
        "socialSecurityNumber": MARKED, "creditClass": 2, "purposeCode": "1",
        "remarks": [mark("undated", None, None)],
    }  # fmt: skip
    put(data_root, "credit_bureau", DAY, "credit_reports", json.dumps(report).encode(), 1)
    since = {"starts_on": "2012-03-01"}
    contracts(
        data_root,
        ended("K-10", "C652", "2026-11-08", identity_code=UNDATED),
        day="2026-11-01",
    )
    contracts(
        data_root,
        ended("K-old", "C641", "2020-01-31", identity_code=CODE),
        ended("K-open", "C642", "", identity_code=CODE, status="active"),
        ended("K-1", "C643", "2022-01-31"),
        ended("K-2", "C644", "", status="active", **since),
        ended("K-4", "C646", "", status="ended", **since),
        ended("K-5", "C647", "", **since),
        ended("K-11", "C649", "", **since),
        ended("K-9", "C651", "", status="cancelled", identity_code=DEAD),
    )
    contracts(
        data_root,
        ended("K-2", "C644", "", **since),
        ended("K-4", "C646", "", status="active", **since),
        ended("K-5", "C647", "2025-06-30", **since),
        day="2026-11-12",
    )
    contracts(
        data_root,
        ended("K-2", "C644", "", monthly_fee="13.00", **since),
        ended("K-4", "C646", "", status="cancelled", **since),
        day="2026-11-14",
    )
    dead = messages.person(DEAD, messages.name("Vainaja", "Testinen"),
        messages.death(dead=True, on="2023-11-20"))  # fmt: skip
    undated = messages.person(UNDATED, messages.name("Tuntematon", "Testinen"),
        messages.death(dead=True))  # fmt: skip
    basic_data(data_root, DAY, [dead, undated])
    basic_data(data_root, "2026-11-12", [{**undated, "lisatieto": "toistettu"}])


NIGHTS = (
    *("2026-11-19", "2026-11-20", "2026-11-21"),
    *("2027-02-27", "2027-02-28", "2027-03-30", "2027-03-31", "2027-05-04", "2027-05-05"),
    *("2027-06-30", "2027-07-01", "2027-10-20", "2027-10-21", "2027-10-26", "2027-10-27"),
    *("2029-11-09", "2029-11-10", "2029-11-11", "2029-11-12"),
)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Night]:
    data_root = DataRoot(tmp_path_factory.mktemp("nights") / "data")
    data_root.create()
    deliver(data_root)
    return {day: night(data_root, day) for day in NIGHTS}


def last_night(nights: dict[str, Night], name: str) -> tuple[str, str]:
    """The last of the nights after which the person was left, and the next; they stay away."""
    left = [name in night.names for night in nights.values()]
    assert left == sorted(left, reverse=True)
    days = list(nights)
    return days[left.index(False) - 1], days[left.index(False)]


# --- the calendar day in Helsinki ---------------------------------------------------------------


def test_an_order_between_midnight_and_three_counts_on_its_day_in_helsinki(
    nights: dict[str, Night],
) -> None:
    """22:30 UTC is half past midnight on 21 November; three years after it is 21 November 2026."""
    assert last_night(nights, "Yötilaaja") == ("2026-11-20", "2026-11-21")


def test_a_consent_between_midnight_and_three_counts_on_its_day_in_helsinki(
    nights: dict[str, Night],
) -> None:
    """In summer Helsinki is three hours ahead: 21:10 UTC on 30 June is 1 July."""
    assert last_night(nights, "Yösuostuja") == ("2027-06-30", "2027-07-01")


@pytest.mark.parametrize(
    ("name", "last", "first_without"),
    [
        ("Karkaus", "2027-02-27", "2027-02-28"),
        ("Ennen", "2027-02-27", "2027-02-28"),
        ("Kevät", "2027-03-30", "2027-03-31"),
        ("Syksy", "2027-10-26", "2027-10-27"),
    ],
)
def test_leap_days_and_the_hours_of_summer_time_count_by_the_calendar(
    nights: dict[str, Night], name: str, last: str, first_without: str
) -> None:
    """29 February is over on the 28th three years later; 21:00 UTC on the night in which summer
    time ends is the day after, and a clock that was put forward has no 03:30.
    """
    assert last_night(nights, name) == (last, first_without)


def test_an_undated_credit_mark_counts_from_the_day_of_its_report_in_helsinki(
    nights: dict[str, Night],
) -> None:
    """A report's time is the midnight in Helsinki at which its delivery's day begins."""
    assert nights["2029-11-09"].marks == {"undated"}
    assert nights["2029-11-10"].marks == set()


# --- contact of the registrant ------------------------------------------------------------------


@pytest.mark.parametrize("nth", range(len(COMPANY_ACTIVE)))
def test_the_companys_own_activity_is_no_contact_of_the_registrant(
    nights: dict[str, Night], nth: int
) -> None:
    """HubSpot's Last Activity Date also counts what the company sends."""
    assert last_night(nights, f"Hiljainen{nth}") == ("2026-11-19", "2026-11-20")


@pytest.mark.parametrize("nth", range(len(ACTS)))
def test_what_the_registrant_did_is_a_contact(nights: dict[str, Night], nth: int) -> None:
    """Three years after a leap day: 28 February."""
    assert last_night(nights, f"Aktiivinen{nth}") == ("2027-02-27", "2027-02-28")


def test_a_contact_that_lies_after_its_delivery_is_none(nights: dict[str, Night]) -> None:
    """What lies ahead is a fault of the export: the contact before it counts."""
    assert last_night(nights, "Ennustaja") == ("2026-11-19", "2026-11-20")


def test_a_contact_on_the_day_of_its_delivery_counts(nights: dict[str, Night]) -> None:
    assert last_night(nights, "Tämänpäiväinen") == ("2029-11-09", "2029-11-10")


def test_a_contact_known_by_a_signed_in_visit_alone_outlives_the_visit(
    nights: dict[str, Night],
) -> None:
    """The visit of 21 October 2024 goes on 21 November 2026 (25 months), who made it on 21 October
    2027 (3 years)."""
    assert (nights["2026-11-20"].visits, nights["2026-11-21"].visits) == ({"1|1"}, set())
    assert last_night(nights, "Kävijä") == ("2027-10-20", "2027-10-21")


def test_it_does_so_also_if_the_register_was_not_built_while_the_visit_was_there(
    data_root: DataRoot,
) -> None:
    contacts(data_root, named("607", "Kävijä", "2021-01-01 10:00"))
    put(data_root, "website", DAY, "visits", json.dumps([SIGNED_IN]).encode(), 1)
    assert [night(data_root, day).names
        for day in ("2026-11-21", "2027-10-20", "2027-10-21")
    ] == [{"Kävijä"}, {"Kävijä"}, set()]  # fmt: skip


# --- contracts ----------------------------------------------------------------------------------


def test_an_ended_contract_leaves_no_earlier_than_the_other_of_the_same_person(
    nights: dict[str, Night],
) -> None:
    """Two accounts of one person, by the identity code in both contracts. The accounts follow that
    person, also after more years than a prospect stays.
    """
    for day, after in nights.items():
        assert {"K-old", "K-open"} <= after.contracts, day
        assert len(after.open & {"C641", "C642"}) == 1, day


def test_the_sweep_leaves_a_contract_to_the_person_that_it_names(data_root: DataRoot) -> None:
    """The account is that of a spouse who expires: nothing of them is left in the contract."""
    contacts(data_root, {**named("661", "Lähtijä", "2019-01-01 10:00")})
    contracts(
        data_root,
        ended("K-his", "C661", "2020-01-31"),
        ended("K-hers", "C661", "2020-01-31", identity_code=CODE),
        ended("K-open", "C662", "", identity_code=CODE, status="active"),
    )
    for day in ("2026-11-19", "2026-11-20"):
        after = night(data_root, day)
        assert (after.names, after.contracts) == ({None}, {"K-hers", "K-open"})
        assert after.overdue == {0}
    spouse = hashlib.md5(b"customer_number:C661").hexdigest()  # noqa: S324  (the key of a person)
    for path in data_root.files("staged", name="*/*"):
        assert spouse not in str(parquet_rows(path)), path


def test_a_contract_stays_as_long_as_its_person_after_a_later_contact(
    nights: dict[str, Night],
) -> None:
    """Ended on 31 January 2022, an order on 5 May 2024: both go on 5 May 2027."""
    assert last_night(nights, "Palaaja") == ("2027-05-04", "2027-05-05")
    assert "K-1" in nights["2027-05-04"].contracts
    assert "K-1" not in nights["2027-05-05"].contracts


def test_an_ended_contract_without_an_end_counts_from_the_day_it_was_first_stated_as_ended(
    nights: dict[str, Night],
) -> None:
    """A customer since 2012; stated as ended in the deliveries of 12 and 14 November."""
    assert nights["2026-11-20"].ends["C644"] == date(2026, 11, 12)
    assert "K-2" in nights["2029-11-11"].contracts
    assert "K-2" not in nights["2029-11-12"].contracts


def test_nothing_is_made_up_in_the_contract_itself(data_root: DataRoot) -> None:
    contracts(data_root, ended("K-2", "C614", "", starts_on="2012-03-01"))
    night(data_root, "2026-11-20")
    assert rows(data_root, "SELECT ends_on FROM contracts") == [{"ends_on": None}]


def test_a_late_arrival_moves_the_day_back_and_a_repetition_does_not_move_it(
    data_root: DataRoot,
) -> None:
    """Of the one the later delivery comes first, of the other the earlier."""
    for days in (("11", "13"), ("13", "11")):
        for number, day in enumerate(days):
            over = ended(f"K-{number}", f"C{number}", "", starts_on="2012-03-01")
            contracts(data_root, over, day=f"2026-11-{day}")
        assert night(data_root, "2026-11-20").ends
    assert night(data_root, "2026-11-20").ends == dict.fromkeys(("C0", "C1"), date(2026, 11, 11))


def test_a_contract_that_was_taken_up_again_ended_on_the_later_day(
    nights: dict[str, Night],
) -> None:
    assert nights["2026-11-20"].ends["C646"] == date(2026, 11, 14)


def test_an_end_that_is_stated_later_counts(nights: dict[str, Night]) -> None:
    assert nights["2026-11-20"].ends["C647"] == date(2025, 6, 30)


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


def histories() -> Iterator[tuple[str, ...]]:
    """Every sequence of up to four statements."""
    for length in range(1, 5):
        yield from itertools.product(("active", "ended", "cancelled"), repeat=length)


def test_the_day_is_that_of_the_first_statement_since_it_was_last_active(
    data_root: DataRoot,
) -> None:
    """Of a contract with each history, against a plain reading of the deliveries in their order."""
    expected: dict[str, date | None] = {}
    for number in range(4):
        day = date(2026, 11, 1) + timedelta(days=number)
        stated = []
        for nth, history in enumerate(histories()):
            if number < len(history):
                customer = f"C{10000 + nth}"
                row = ended(f"K-{nth}", customer, "", starts_on="2012-03-01",
                    status=history[number])  # fmt: skip
                stated.append({**row, "monthly_fee": f"{number}.00"})
                before = expected.get(customer)
                expected[customer] = None if history[number] == "active" else before or day
        contracts(data_root, *stated, day=str(day))
    left = night(data_root, "2026-11-20")
    assert left.ends == {customer: day for customer, day in expected.items() if day}
    assert left.open == {customer for customer, day in expected.items() if not day}


# --- death --------------------------------------------------------------------------------------


def test_after_a_death_the_time_counts_from_it_even_if_we_heard_of_the_person_later(
    nights: dict[str, Night],
) -> None:
    """Died on 20 November 2023, and known to the register from November 2026."""
    assert last_night(nights, "Vainaja") == ("2026-11-19", "2026-11-20")


def test_a_death_without_a_date_counts_from_the_day_it_was_first_stated(
    nights: dict[str, Night],
) -> None:
    """Stated on 10 November 2026, and again on the 12th; known by an order since 2026-11-01."""
    assert last_night(nights, "Tuntematon") == ("2029-11-09", "2029-11-10")


def test_the_registers_own_check_of_what_is_overdue_agrees_on_every_night(
    nights: dict[str, Night],
) -> None:
    assert last_night(nights, "Kaikki") == ("2029-11-09", "2029-11-10")
    assert {day: night.overdue for day, night in nights.items() if night.overdue != {0}} == {}
