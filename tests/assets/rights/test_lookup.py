"""Whom a request means: certain links act, weak ones are shown, and many requests cost one look at the register."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.erasure import decisions
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import lookup
from assets.rights.withdrawal import Word, deliver_words
from assets.storage.data_root import Home
from tests.support.deliveries import basic_data, csv, put
from tests.support.known_registrants import (
    LEAVES,
    NOW,
    SHARED,
    SPOUSES,
    STAYS,
    TODAY,
    registrant_of,
)
from tests.support.namesakes import contact
from tests.support.population_register_messages import code, day, name, part, person
from tests.support.registers import refresh


@pytest.fixture
def home(known_home: Home) -> Home:
    return known_home


GIVEN = [
    f"contact_id:{LEAVES.contact_id}",
    f"email:{LEAVES.email}",
    f"email:{SHARED}",
    "customer_number:C-NOBODY",
]


def asked(home: Home, *given: str) -> Request:
    request_id = ledger.receive(home, "erasure", "written", list(given), NOW)
    return lookup.record(home, [request_id], NOW)[request_id]


@pytest.mark.parametrize(
    "given",
    [
        f"identity_code:{LEAVES.identity_code}",
        f"customer_number:{LEAVES.customer_number}",
        f"contact_id:{LEAVES.contact_id}",
        f"visitor_id:{LEAVES.visitor_id}",
        f"user_id:{LEAVES.email}",
    ],
    ids=lambda one: str(one).split(":")[0],
)
def test_any_strong_identifier_leads_to_all_that_is_the_registrant_s_alone(
    home: Home, given: str
) -> None:
    found = asked(home, given)
    assert (found.state, found.registrants) == (
        "received",
        (registrant_of(home, LEAVES.identity_code),),
    )
    values = {one.split(":", 1)[1] for one in found.resolved}
    assert {
        LEAVES.identity_code,
        LEAVES.customer_number,
        LEAVES.contact_id,
        LEAVES.email,
        LEAVES.phone,
        LEAVES.visitor_id,
    } <= values
    assert not values & set(STAYS.identifiers)


def test_a_contact_alone_is_shown_for_a_decision(home: Home) -> None:
    assert asked(home, f"email:{LEAVES.email}").state == "unclear"
    found = asked(home, f"phone:{LEAVES.phone}")
    assert (found.state, found.resolved) == ("unclear", ())
    assert [(one["registrant_id"], one["by"]) for one in found.candidates] == [
        (registrant_of(home, LEAVES.identity_code), ["phone"])
    ]
    assert LEAVES.phone not in found.why
    decided = decisions.decide(
        home, found.request_id, [registrant_of(home, LEAVES.identity_code)], NOW
    )
    assert decided.state == "received"
    assert f"identity_code:{LEAVES.identity_code}" in decided.resolved
    assert [one["what"] for one in decided.events] == [
        "received",
        "unclear",
        "registrant_decided",
        "found",
    ]


def test_an_address_and_a_phone_that_agree_are_certain(home: Home) -> None:
    found = asked(home, f"email:{STAYS.email}", f"phone:{STAYS.phone}")
    assert found.registrants == (registrant_of(home, STAYS.identity_code),)


def test_an_address_and_a_phone_that_disagree_mean_nobody(home: Home) -> None:
    found = asked(home, f"email:{LEAVES.email}", f"phone:{STAYS.phone}")
    assert (found.state, len(found.candidates)) == ("unclear", 2)


def test_the_one_who_is_certainly_meant_is_told_or_why_there_is_none(home: Home) -> None:
    meant = {
        given: ledger.load(home, ledger.receive(home, "access", "written", [given], NOW))
        for given in GIVEN
    }
    assert lookup.certainly(home, meant[GIVEN[0]]) == registrant_of(home, LEAVES.identity_code)
    for given in GIVEN[1:]:
        with pytest.raises(RequestError) as told:
            lookup.certainly(home, meant[given])
        assert given.split(":")[1] not in str(told.value)


def test_who_is_known_by_an_address_only_is_found_by_it(home: Home) -> None:
    """A consent given by someone of whom nothing else is known."""
    deliver_words(
        home,
        [Word("email:vain.osoite@example.fi", "direct_marketing", "email", "granted")],
        NOW,
        "web-form",
    )
    refresh(home, TODAY)
    found = asked(home, "email:vain.osoite@example.fi")
    assert (len(found.registrants), found.resolved) == (
        1,
        ("email:vain.osoite@example.fi", "user_id:vain.osoite@example.fi"),
    )


def test_a_shared_mailbox_means_neither_and_the_one_chosen_keeps_it_out(home: Home) -> None:
    found = asked(home, f"email:{SHARED}")
    assert (found.state, len(found.candidates)) == ("unclear", 2)
    chosen = decisions.decide(home, found.request_id, [registrant_of(home, SPOUSES[0][0])], NOW)
    assert chosen.resolved == (f"contact_id:{SPOUSES[0][0]}",)


def test_identifiers_of_two_registrants_mean_neither(home: Home) -> None:
    found = asked(
        home, f"identity_code:{LEAVES.identity_code}", f"customer_number:{STAYS.customer_number}"
    )
    assert (found.state, len(found.candidates), found.resolved) == ("unclear", 2, ())


def test_a_former_identity_code_leads_to_the_registrant(home: Home) -> None:
    old, new = code("010175-931"), code("010175-932")
    basic_data(home, "2026-11-19", [person(new, name("Sulo", "Korjattu"), part("SYNTYMAPAIVA", syntymapv=day("1975-01-01")),
                                           part("HENKILOTUNNUS_KORJAUS", voimassaolo="PASSIIVI", muutettuHenkilotunnus=old))])  # fmt: skip
    refresh(home, TODAY)
    known = set(duckdb.sql(f"SELECT value FROM '{home.register('identifiers')}'").fetchall())
    assert (old,) in known
    assert (
        asked(home, f"identity_code:{old}").registrants
        == asked(home, f"identity_code:{new}").registrants
        != ()
    )


def test_a_strong_identifier_that_nobody_has_means_nobody(home: Home) -> None:
    found = asked(home, "customer_number:C-NOBODY")
    assert (found.state, found.registrants, found.resolved) == ("unclear", (), ())
    assert "nobody in the register, raw or quarantine" in found.why


def test_a_registrant_that_there_is_not_cannot_be_chosen(home: Home) -> None:
    found = asked(home, f"email:{SHARED}")
    with pytest.raises(RequestError, match="no registrant of that id"):
        decisions.decide(home, found.request_id, ["R0000000000000000"], NOW)


def test_a_company_s_number_names_no_person(home: Home) -> None:
    with pytest.raises(RequestError, match="nobody is found by a business id"):
        lookup.canonical(home, {"business_id": "1234567-1"})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("identity_code", "140285-912A"),
        ("email", "not an address"),
        ("phone", "123"),
        ("customer_number", "  "),
    ],
)
def test_an_identifier_that_is_not_valid_is_refused_without_an_echo(
    home: Home, kind: str, value: str
) -> None:
    with pytest.raises(RequestError) as told:
        lookup.canonical(home, {kind: value})
    assert not value.strip() or value not in str(told.value)


def test_what_is_found_is_written_sealed(home: Home) -> None:
    found = asked(home, f"email:{LEAVES.email}")
    decisions.decide(home, found.request_id, [registrant_of(home, LEAVES.identity_code)], NOW)
    text = (home.requests / f"{found.request_id}.json").read_text()
    assert not [
        value
        for value in (*LEAVES.identifiers, registrant_of(home, LEAVES.identity_code))
        if value in text
    ]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is executed over the register."""
    statements: list[str] = []
    connect = Home.connect

    @contextmanager
    def counting(self: Home, **how: Any) -> Iterator[Any]:
        with connect(self, **how) as connection:

            class Counting:
                def execute(self, query: str, *values: Any) -> Any:
                    statements.append(query)
                    return connection.execute(query, *values)

            yield Counting()

    monkeypatch.setattr(Home, "connect", counting)
    return statements


def test_many_requests_cost_as_many_queries_as_few(home: Home, counted: list[str]) -> None:
    few = [
        ledger.receive(home, "erasure", "written", [given], NOW)
        for given in (f"identity_code:{LEAVES.identity_code}", "customer_number:C-NOBODY")
    ]
    lookup.record(home, few, NOW)
    of_few = len(counted)
    counted.clear()
    many = [
        ledger.receive(home, "erasure", "written", [f"customer_number:C{number}"], NOW)
        for number in range(300)
    ]
    many += [
        ledger.receive(home, "erasure", "written", [f"contact_id:{who.contact_id}"], NOW)
        for who in (LEAVES, STAYS)
    ]
    found = lookup.record(home, many, NOW)
    assert len(counted) == of_few
    assert len(found) == 302
    assert [len(found[request_id].registrants) for request_id in many[-2:]] == [1, 1]


def test_a_registrant_who_is_nothing_but_their_phone_is_no_other(home: Home) -> None:
    """A consent by the phone that only her contact has makes one."""
    consent = Word(f"phone:{LEAVES.phone}", "direct_marketing", "sms", "granted")
    deliver_words(home, [consent], NOW, "call")
    refresh(home, TODAY)
    found = asked(home, f"identity_code:{LEAVES.identity_code}")
    assert f"phone:{LEAVES.phone}" in found.resolved


def test_a_phone_that_somebody_else_has_too_is_not_theirs_alone(home: Home) -> None:
    consent = Word(f"phone:{LEAVES.phone}", "direct_marketing", "sms", "granted")
    deliver_words(home, [consent], NOW, "call")
    spouse = contact(*SPOUSES[0][:3], SHARED, SPOUSES[0][3], **{"Phone Number": LEAVES.phone})
    put(home, "crm", str(TODAY), "contacts", csv([spouse]), 1)
    refresh(home, TODAY)
    found = asked(home, f"identity_code:{LEAVES.identity_code}")
    assert f"phone:{LEAVES.phone}" not in found.resolved


def test_one_that_is_unclear_stops_no_other(home: Home) -> None:
    ids = [
        ledger.receive(home, "erasure", "written", [given], NOW)
        for given in (f"email:{SHARED}", f"contact_id:{LEAVES.contact_id}")
    ]
    found = lookup.record(home, ids, NOW, "erasing")
    assert [found[request_id].state for request_id in ids] == ["unclear", "erasing"]


def test_finding_again_changes_nothing(home: Home) -> None:
    found = asked(home, f"email:{SHARED}")
    again = lookup.record(home, [found.request_id], NOW)[found.request_id]
    assert again == found


def test_fixtures_leave_the_world_as_it_is(known_root: Path) -> None:
    assert list((known_root / "requests").glob("Q*.json")) == []
