"""A registrant who asks to be erased is gone from every file and mart, and stays gone; a namesake is not touched."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assets.home import Home
from tests.assets.sources.population_register_messages import (
    code,
    day,
    home_address,
    message,
    municipality,
    name,
    part,
    person,
)
from tests.conftest import basic_data, changes, csv, put
from tests.e2e.homes import (
    Ended,
    book,
    contents,
    copied,
    mart_tables,
    parquet_rows,
    refresh,
    register,
    texts_of_parquet,
)

FIRST_DAY, SECOND_DAY, AGAIN = "2026-11-17", "2026-11-18", "2026-11-20"


@dataclass(frozen=True)
class Known:
    """One person, by everything that any source knows them by."""

    identity_code: str
    contact_id: str
    customer_number: str
    email: str
    phone: str
    visitor_id: str
    contract_number: str
    order_number: str
    visit: int

    @property
    def identifiers(self) -> list[str]:
        return [
            self.identity_code,
            self.contact_id,
            self.customer_number,
            self.email,
            self.phone,
            self.phone.lstrip("+"),
            self.visitor_id,
        ]


LEAVES = Known(
    code("140285-912"),
    "880001112223",
    "C7000001",
    "aino.lahtija@example.fi",
    "+358409990111",
    "a1a1a1a1a1a1a1a1",
    "K-700001",
    "T-700001",
    7001,
)
STAYS = Known(
    code("140285-914"),
    "880009998887",
    "C7000002",
    "a.jaava@example.fi",
    "+358409990222",
    "b2b2b2b2b2b2b2b2",
    "K-700002",
    "T-700002",
    7002,
)
# Two more registrants with one mailbox between them.
SHARED = "perhe@example.fi"
SPOUSES = (
    ("880005550001", "Kaarlo", "Jakaja", "1960-02-02"),
    ("880005550002", "Lempi", "Jakaja", "1962-03-03"),
)
STARTED = 1_794_800_000


def described(one: Known) -> dict[str, Any]:
    return person(
        one.identity_code,
        name("Aino", "Kaima"),
        part("SYNTYMAPAIVA", syntymapv=day("1985-02-14")),
        home_address("Yhteiskatu", "4", "00100", "HELSINKI", "2015-05-01"),
        municipality("091", "2015-05-01"),
    )


def contact(
    contact_id: str, given: str, family: str, email: str, birth: str, **more: str
) -> dict[str, str]:
    return {
        "Record ID": contact_id,
        "First Name": given,
        "Last Name": family,
        "Email": email,
        "Phone Number": "",
        "Create Date": "2025-03-12 09:14",
        "Last Activity Date": "2026-10-01 12:00",
        "Street Address": "",
        "Postal Code": "",
        "City": "",
        "Date of birth": birth,
        "Customer number": "",
        **more,
    }


def visit(number: int, visitor: str, user: str | None, seen: int) -> dict[str, Any]:
    return {
        "idSite": 1,
        "idVisit": number,
        "visitIp": "198.51.100.7",
        "visitorId": visitor,
        "firstActionTimestamp": STARTED + seen,
        "serverTimestamp": STARTED + seen + 60,
        "visitDuration": "61",
        "deviceType": "Smartphone",
        "browserCode": "CM",
        "actionDetails": [],
        **({"userId": user} if user else {}),
    }


def deliver(root: Path, first: str, second: str) -> None:
    """What every source says of both namesakes and of the spouses, on two days."""
    home = Home(root)
    home.create()
    both = (LEAVES, STAYS)
    basic_data(home, first, [described(one) for one in both])
    moved = [
        message(
            one.identity_code,
            second,
            part("SAHKOPOSTIOSOITE", "LISATTY", sahkopostiosoite=one.email, alkupv=day(second)),
        )
        for one in both
    ]
    changes(home, second, moved)
    address = {"Street Address": "Yhteiskatu 4", "Postal Code": "00100", "City": "Helsinki"}
    contacts = [
        contact(
            one.contact_id,
            "Aino",
            "Kaima",
            one.email,
            "1985-02-14",
            **address,
            **{"Customer number": one.customer_number, "Phone Number": one.phone},
        )
        for one in both
    ] + [contact(number, given, family, SHARED, birth) for number, given, family, birth in SPOUSES]
    put(home, "crm", first, "contacts", csv(contacts), len(contacts))
    contracts = [
        {
            "contract_number": one.contract_number,
            "contact_id": one.contact_id,
            "customer_number": one.customer_number,
            "identity_code": one.identity_code,
            "product": "sähkö",
            "status": "active",
            "starts_on": "2024-01-01",
            "ends_on": "",
            "monthly_fee": "12.50",
            "currency": "EUR",
            "updated_at": "2026-10-01T10:00:00Z",
        }
        for one in both
    ]
    put(home, "crm", first, "contracts", csv(contracts), len(contracts))
    orders = [
        {
            "order_number": one.order_number,
            "contact_id": one.contact_id,
            "customer_number": one.customer_number,
            "ordered_at": "2026-09-01T10:00:00Z",
            "status": "delivered",
            "amount": "20.00",
            "currency": "EUR",
            "items": "2",
        }
        for one in both
    ]
    put(home, "crm", first, "orders", csv(orders), len(orders))
    visits = [visit(one.visit, one.visitor_id, one.email, 0) for one in both]
    visits += [visit(one.visit + 10, one.visitor_id, None, 3600) for one in both]
    put(home, "website", second, "visits", json.dumps(visits).encode(), len(visits))
    events = [
        {
            "event_ts": "2026-10-03T08:00:00Z",
            "subject_key_type": "email",
            "subject_key": one.email,
            "purpose": "direct_marketing",
            "channel": "email",
            "status": "granted",
            "source": "web-form",
            "evidence": "",
            "text_version": "2025-03",
            "language": "fi",
        }
        for one in both
    ]
    put(home, "consents", second, "consent_log", csv(events), len(events))
    reports = [
        {
            "socialSecurityNumber": one.identity_code,
            "dateOfBirth": "1985-02-14T00:00:00Z",
            "creditClass": 4,
            "scale": "1-5, 1 best",
            "purposeCode": "1",
            "remarks": [],
        }
        for one in both
    ]
    put(
        home,
        "credit_bureau",
        second,
        "credit_reports",
        "\n".join(map(json.dumps, reports)).encode(),
        len(reports),
    )


def found_anywhere(root: Path, values: list[str]) -> list[str]:
    """Which files under the root, the inbox aside, hold one of the values: tables read as text, all else as bytes."""
    found = set()
    for path, texts in texts_of_parquet(root):
        found |= {
            str(path.relative_to(root)) for value in values if any(value in text for text in texts)
        }
    for path in (root / "marts").glob("*.duckdb"):
        told = [str(value) for rows in mart_tables(path).values() for row in rows for value in row]
        found |= {
            str(path.relative_to(root)) for value in values if any(value in text for text in told)
        }
    for path in root.rglob("*"):
        if path.is_file() and path.relative_to(root).parts[0] != "inbox":
            bytes_ = path.read_bytes()
            found |= {str(path.relative_to(root)) for value in values if value.encode() in bytes_}
    return sorted(found)


def rows_of(root: Path, registrant_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of register and marts that is under one registrant."""
    found = {
        table: [row for row in rows if registrant_id in row]
        for table, rows in contents(root).items()
    }
    return {table: rows for table, rows in found.items() if rows}


def registrant_of(root: Path, identity_code: str) -> str:
    ids = {
        row[0]
        for row in parquet_rows(root / "lake/register/identifiers.parquet")
        if identity_code in row
    }
    assert len(ids) == 1, f"{len(ids)} registrants"
    return str(ids.pop())


@dataclass(frozen=True)
class Erased:
    """Data roots before and after the erasure and after the same files came again, and what the commands said."""

    before: Path
    after: Path
    again: Path
    requested: Ended
    request_id: str
    erased: Ended
    came_again: Ended


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("known") / "data"
    deliver(root, FIRST_DAY, SECOND_DAY)
    ended = refresh(root)
    assert (ended.code, ended.err) == (0, "")
    return root


@pytest.fixture(scope="module")
def erased(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    after = copied(before, tmp_path_factory.mktemp("erased") / "data")
    requested = register(
        after, "request", "erasure", "--channel", "written", "--identity-code", LEAVES.identity_code
    )
    done = register(after, "erase", "--as-of", AGAIN)
    again = copied(after, tmp_path_factory.mktemp("again") / "data")
    deliver(again, AGAIN, AGAIN)
    return Erased(before, after, again, requested, requested.out.strip(), done, refresh(again))


def test_before_the_erasure_the_person_is_found_in_every_layer(before: Path) -> None:
    layers = {"/".join(Path(path).parts[:2]) for path in found_anywhere(before, LEAVES.identifiers)}
    assert {
        "lake/raw",
        "lake/staged",
        "lake/register",
        "marts/contracts.duckdb",
        "marts/credit_decision.duckdb",
    } <= layers
    assert registrant_of(before, LEAVES.identity_code) != registrant_of(before, STAYS.identity_code)
    known = {
        row[2]
        for row in parquet_rows(before / "lake/register/identifiers.parquet")
        if registrant_of(before, LEAVES.identity_code) in row
    }
    assert {
        LEAVES.identity_code,
        LEAVES.contact_id,
        LEAVES.customer_number,
        LEAVES.visitor_id,
    } <= known


@pytest.mark.clause("P10.1")
def test_a_request_is_answered_with_an_opaque_id(erased: Erased) -> None:
    assert (erased.requested.code, erased.requested.err) == (0, "")
    assert re.fullmatch(r"Q[0-9A-Z]+", erased.request_id)


def test_the_command_says_what_it_did_without_identifiers(erased: Erased) -> None:
    assert (erased.erased.code, erased.erased.err) == (0, "")
    assert erased.request_id in erased.erased.out
    assert "closed" in erased.erased.out
    assert not [
        value for value in LEAVES.identifiers if value in erased.erased.out + erased.requested.out
    ]


@pytest.mark.clause("P9.1")
def test_nothing_of_the_person_is_left_in_any_file(erased: Erased) -> None:
    assert found_anywhere(erased.after, [*LEAVES.identifiers, LEAVES.contract_number]) == []


def test_the_accounts_keep_the_order_without_its_person(erased: Erased) -> None:
    """1336/1997, 2:10 (GDPR 17(3)(b)); after the same files came again, too."""
    for root in (erased.after, erased.again):
        assert {Path(path).name for path in found_anywhere(root, [LEAVES.order_number])} == {
            "orders.parquet",
            "segregated_orders.parquet",
        }


def test_nothing_is_left_under_their_registrant_id(erased: Erased) -> None:
    assert rows_of(erased.after, registrant_of(erased.before, LEAVES.identity_code)) == {}


def test_a_namesake_at_the_same_address_is_untouched(erased: Erased) -> None:
    namesake = registrant_of(erased.before, STAYS.identity_code)
    held = rows_of(erased.before, namesake)
    assert {
        "register/registrants",
        "register/contracts",
        "register/visits",
        "contracts/registrants",
        "direct_marketing/by_email",
    } <= set(held)
    assert rows_of(erased.after, namesake) == held


def test_everyone_else_is_untouched(erased: Erased) -> None:
    leaves = registrant_of(erased.before, LEAVES.identity_code)
    was, now = contents(erased.before), contents(erased.after)
    for table in (
        "register/registrants",
        "register/names",
        "register/addresses",
        "register/contact_points",
        "customer_care/registrants",
    ):
        assert now[table] == [row for row in was[table] if leaves not in row], table


def test_what_was_removed_is_counted_as_suppressed_and_every_record_stays_accounted_for(
    erased: Erased,
) -> None:
    entries = book(erased.after)
    assert all(entry.conserved and not entry.removing for entry in entries)
    per_dataset = {entry.dataset: entry.suppressed for entry in entries}
    assert per_dataset == {
        "perustiedot": 1,
        "muutokset": 1,
        "contacts": 1,
        "contracts": 1,
        "orders": 0,
        "visits": 2,
        "consent_log": 1,
        "credit_reports": 1,
    }


def test_the_closed_request_holds_no_identifiers(erased: Erased) -> None:
    kept = json.loads((erased.after / "requests" / f"{erased.request_id}.json").read_text())
    assert (kept["state"], kept["given"], kept["resolved"]) == ("closed", [], [])
    assert sum(kept["removed"].values()) > 0


def test_a_closed_request_is_not_carried_out_again(erased: Erased, tmp_path: Path) -> None:
    root = copied(erased.after, tmp_path / "data")
    ended = register(root, "erase", erased.request_id)
    assert (ended.code, ended.err) == (0, "")
    assert contents(root) == contents(erased.after)


@pytest.mark.clause("P9.1")
def test_the_same_files_do_not_bring_them_back(erased: Erased) -> None:
    assert (erased.came_again.code, erased.came_again.err) == (0, "")
    assert found_anywhere(erased.again, [*LEAVES.identifiers, LEAVES.contract_number]) == []


def test_redelivered_records_count_as_suppressed(erased: Erased) -> None:
    entries = [entry for entry in book(erased.again) if entry.day == AGAIN]
    assert {entry.dataset: entry.suppressed for entry in entries} == {
        "perustiedot": 1, "muutokset": 1, "contacts": 1, "contracts": 1, "orders": 1, "visits": 2, "consent_log": 1, "credit_reports": 1,
    }  # fmt: skip
    assert all(entry.conserved for entry in book(erased.again))


def test_the_namesake_is_the_same_registrant_after_the_files_came_again(erased: Erased) -> None:
    assert registrant_of(erased.again, STAYS.identity_code) == registrant_of(
        erased.before, STAYS.identity_code
    )


def test_an_unknown_request_is_refused(before: Path, tmp_path: Path) -> None:
    root = copied(before, tmp_path / "data")
    ended = register(root, "erase", "Q0000000000000000")
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    "given", [("--identity-code", "140285-912A"), ("--email", "not an address"), ()]
)
def test_a_request_that_identifies_nobody_is_refused_without_an_echo(
    before: Path, given: tuple[str, ...]
) -> None:
    ended = register(before, "request", "erasure", "--channel", "written", *given)
    assert (ended.code, ended.out) == (1, "")
    assert len(ended.err.splitlines()) == 1
    assert not any(value in ended.err for value in given[1:])


def test_a_mailbox_of_two_registrants_means_neither(before: Path, tmp_path: Path) -> None:
    root = copied(before, tmp_path / "data")
    request_id = register(
        root, "request", "erasure", "--channel", "written", "--email", SHARED
    ).out.strip()
    ended = register(root, "erase", request_id, "--as-of", AGAIN)
    assert ended.code == 1
    assert len(ended.err.splitlines()) == 1
    assert SHARED not in ended.err
    assert contents(root) == contents(before)
    assert all(entry.suppressed == 0 for entry in book(root))
