"""Which registrant a request means: certain links act, weak ones are shown, and many
requests cost one look at the register.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.erasure import decisions, erasing
from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import lookup
from assets.rights.withdrawal import Word, deliver_words
from assets.storage import sessions
from assets.storage.data_root import DataRoot
from pipelines.cli import request_lookup
from tests.support.deliveries import basic_data, csv, put
from tests.support.erasing import cleared
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
from tests.support.queries import replace_connect
from tests.support.registers import refresh, typed


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


GIVEN = [
    f"contact_id:{LEAVES.contact_id}",
    f"email:{LEAVES.email}",
    f"email:{SHARED}",
    "customer_number:C-NOBODY",
]


def asked(data_root: DataRoot, *given: str) -> Request:
    request_id = ledger.receive(data_root, "erasure", "written", list(given), NOW)
    return lookup.record(data_root, [request_id], NOW)[request_id]


@pytest.mark.parametrize("damage", ["lost", "another"])
def test_a_request_without_its_key_is_named_and_stops_no_other(
    data_root: DataRoot, damage: str
) -> None:
    without, other = (
        ledger.receive(data_root, "erasure", "written", [f"identity_code:{code}"], NOW)
        for code in (LEAVES.identity_code, STAYS.identity_code)
    )
    key = encrypted_identity.key_path(data_root, without)
    key.unlink() if damage == "lost" else key.write_bytes(b"x" * 32)
    result = typed(data_root, request_lookup.find, "--json")
    assert result.exit_code == 0, result.output
    listed = {row["request_id"]: row for row in json.loads(result.output)}
    assert (listed[without]["state"], without in listed[without]["why"]) == ("unclear", True)
    assert (listed[other]["state"], len(listed[other]["registrants"])) == ("received", 1)
    assert without in typed(data_root, request_lookup.find).output
    cleared(data_root, [other])
    assert erasing.find(data_root, [without, other])[without] == 0
    assert ledger.load(data_root, other).state == "erasing"


@pytest.mark.parametrize(
    "given",
    [
        f"identity_code:{LEAVES.identity_code}",
        f"customer_number:{LEAVES.customer_number}",
        f"contact_id:{LEAVES.contact_id}",
        f"visitor_id:{LEAVES.visitor_id}",
        f"user_id:{LEAVES.email}",
    ],
    ids=lambda value: str(value).split(":")[0],
)
def test_any_strong_identifier_leads_to_all_that_is_the_registrant_s_alone(
    data_root: DataRoot, given: str
) -> None:
    request = asked(data_root, given)
    assert (request.state, request.registrants) == (
        "received",
        (registrant_of(data_root, LEAVES.identity_code),),
    )
    values = {identifier.split(":", 1)[1] for identifier in request.resolved}
    assert {
        LEAVES.identity_code,
        LEAVES.customer_number,
        LEAVES.contact_id,
        LEAVES.email,
        LEAVES.phone,
        LEAVES.visitor_id,
    } <= values
    assert not values & set(STAYS.identifiers)


def test_a_contact_alone_is_shown_for_a_decision(data_root: DataRoot) -> None:
    assert asked(data_root, f"email:{LEAVES.email}").state == "unclear"
    request = asked(data_root, f"phone:{LEAVES.phone}")
    assert (request.state, request.resolved) == ("unclear", ())
    assert [(candidate["registrant_id"], candidate["by"]) for candidate in request.candidates] == [
        (registrant_of(data_root, LEAVES.identity_code), ["phone"])
    ]
    assert LEAVES.phone not in request.why
    decided = decisions.decide(
        data_root, request.request_id, [registrant_of(data_root, LEAVES.identity_code)], NOW
    )
    assert decided.state == "received"
    assert f"identity_code:{LEAVES.identity_code}" in decided.resolved
    assert [event["what"] for event in decided.events] == [
        "received",
        "unclear",
        "registrant_decided",
        "found",
    ]


def test_an_address_and_a_phone_that_agree_are_certain(data_root: DataRoot) -> None:
    request = asked(data_root, f"email:{STAYS.email}", f"phone:{STAYS.phone}")
    assert request.registrants == (registrant_of(data_root, STAYS.identity_code),)


def test_an_address_and_a_phone_that_disagree_mean_nobody(data_root: DataRoot) -> None:
    request = asked(data_root, f"email:{LEAVES.email}", f"phone:{STAYS.phone}")
    assert (request.state, len(request.candidates)) == ("unclear", 2)


def test_the_certain_registrant_is_returned_or_the_reason_why_there_is_none(
    data_root: DataRoot,
) -> None:
    meant = {
        given: ledger.load(data_root, ledger.receive(data_root, "access", "written", [given], NOW))
        for given in GIVEN
    }
    assert lookup.certainly(data_root, meant[GIVEN[0]]) == registrant_of(
        data_root, LEAVES.identity_code
    )
    for given in GIVEN[1:]:
        with pytest.raises(RequestError) as error:
            lookup.certainly(data_root, meant[given])
        assert given.split(":")[1] not in str(error.value)


def test_a_person_known_by_an_address_only_is_found_by_it(data_root: DataRoot) -> None:
    """A consent given by someone who is otherwise unknown."""
    deliver_words(
        data_root,
        [Word("email:vain.osoite@example.fi", "direct_marketing", "email", "granted")],
        NOW,
        "web-form",
    )
    refresh(data_root, TODAY)
    request = asked(data_root, "email:vain.osoite@example.fi")
    assert (len(request.registrants), request.resolved) == (
        1,
        ("email:vain.osoite@example.fi", "user_id:vain.osoite@example.fi"),
    )


def test_a_shared_mailbox_means_neither_and_the_chosen_registrant_keeps_it_out(
    data_root: DataRoot,
) -> None:
    request = asked(data_root, f"email:{SHARED}")
    assert (request.state, len(request.candidates)) == ("unclear", 2)
    chosen = decisions.decide(
        data_root, request.request_id, [registrant_of(data_root, SPOUSES[0][0])], NOW
    )
    assert chosen.resolved == (f"contact_id:{SPOUSES[0][0]}",)


def test_identifiers_of_two_registrants_mean_neither(data_root: DataRoot) -> None:
    request = asked(
        data_root,
        f"identity_code:{LEAVES.identity_code}",
        f"customer_number:{STAYS.customer_number}",
    )
    assert (request.state, len(request.candidates), request.resolved) == ("unclear", 2, ())


def test_a_former_identity_code_leads_to_the_registrant(data_root: DataRoot) -> None:
    old, new = code("010175-931"), code("010175-932")
    basic_data(
        data_root,
        "2026-11-19",
        [
            person(
                new,
                name("Sulo", "Korjattu"),
                part("SYNTYMAPAIVA", syntymapv=day("1975-01-01")),
                part("HENKILOTUNNUS_KORJAUS", voimassaolo="PASSIIVI", muutettuHenkilotunnus=old),
            )
        ],
    )
    refresh(data_root, TODAY)
    known = set(duckdb.sql(f"SELECT value FROM '{data_root.register('identifiers')}'").fetchall())
    assert (old,) in known
    assert (
        asked(data_root, f"identity_code:{old}").registrants
        == asked(data_root, f"identity_code:{new}").registrants
        != ()
    )


def test_a_strong_identifier_that_nobody_has_means_nobody(data_root: DataRoot) -> None:
    request = asked(data_root, "customer_number:C-NOBODY")
    assert (request.state, request.registrants, request.resolved) == ("unclear", (), ())
    assert "nobody in the register, raw or quarantine" in request.why


def test_a_registrant_that_there_is_not_cannot_be_chosen(data_root: DataRoot) -> None:
    request = asked(data_root, f"email:{SHARED}")
    with pytest.raises(RequestError, match="no registrant of that id"):
        decisions.decide(data_root, request.request_id, ["R0000000000000000"], NOW)


def test_a_company_s_number_names_no_person(data_root: DataRoot) -> None:
    with pytest.raises(RequestError, match="nobody is found by a business id"):
        lookup.canonical(data_root, {"business_id": "1234567-1"})


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
    data_root: DataRoot, kind: str, value: str
) -> None:
    with pytest.raises(RequestError) as error:
        lookup.canonical(data_root, {kind: value})
    assert not value.strip() or value not in str(error.value)


def test_lookup_results_are_written_encrypted(data_root: DataRoot) -> None:
    request = asked(data_root, f"email:{LEAVES.email}")
    decisions.decide(
        data_root, request.request_id, [registrant_of(data_root, LEAVES.identity_code)], NOW
    )
    text = (data_root.requests / f"{request.request_id}.json").read_text()
    assert not [
        value
        for value in (*LEAVES.identifiers, registrant_of(data_root, LEAVES.identity_code))
        if value in text
    ]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that is executed over the register."""
    statements: list[str] = []
    connect = sessions.connect

    @contextmanager
    def counting(data_root: DataRoot, **how: Any) -> Iterator[Any]:
        with connect(data_root, **how) as connection:

            class Counting:
                def execute(self, query: str, *values: Any) -> Any:
                    statements.append(query)
                    return connection.execute(query, *values)

            yield Counting()

    replace_connect(monkeypatch, counting)
    return statements


def test_many_requests_cost_as_many_queries_as_few(data_root: DataRoot, counted: list[str]) -> None:
    few = [
        ledger.receive(data_root, "erasure", "written", [given], NOW)
        for given in (f"identity_code:{LEAVES.identity_code}", "customer_number:C-NOBODY")
    ]
    lookup.record(data_root, few, NOW)
    of_few = len(counted)
    counted.clear()
    many = [
        ledger.receive(data_root, "erasure", "written", [f"customer_number:C{number}"], NOW)
        for number in range(300)
    ]
    many += [
        ledger.receive(data_root, "erasure", "written", [f"contact_id:{who.contact_id}"], NOW)
        for who in (LEAVES, STAYS)
    ]
    requests = lookup.record(data_root, many, NOW)
    assert len(counted) == of_few
    assert len(requests) == 302
    assert [len(requests[request_id].registrants) for request_id in many[-2:]] == [1, 1]


def test_a_registrant_who_is_nothing_but_their_phone_is_no_other(data_root: DataRoot) -> None:
    """A consent by the phone that only her contact has makes one."""
    consent = Word(f"phone:{LEAVES.phone}", "direct_marketing", "sms", "granted")
    deliver_words(data_root, [consent], NOW, "call")
    refresh(data_root, TODAY)
    request = asked(data_root, f"identity_code:{LEAVES.identity_code}")
    assert f"phone:{LEAVES.phone}" in request.resolved


def test_a_phone_that_somebody_else_has_too_is_not_theirs_alone(data_root: DataRoot) -> None:
    consent = Word(f"phone:{LEAVES.phone}", "direct_marketing", "sms", "granted")
    deliver_words(data_root, [consent], NOW, "call")
    spouse = contact(*SPOUSES[0][:3], SHARED, SPOUSES[0][3], **{"Phone Number": LEAVES.phone})
    put(data_root, "crm", str(TODAY), "contacts", csv([spouse]), 1)
    refresh(data_root, TODAY)
    request = asked(data_root, f"identity_code:{LEAVES.identity_code}")
    assert f"phone:{LEAVES.phone}" not in request.resolved


def test_an_unclear_request_stops_no_other(data_root: DataRoot) -> None:
    ids = [
        ledger.receive(data_root, "erasure", "written", [given], NOW)
        for given in (f"email:{SHARED}", f"contact_id:{LEAVES.contact_id}")
    ]
    requests = lookup.record(data_root, ids, NOW, "erasing")
    assert [requests[request_id].state for request_id in ids] == ["unclear", "erasing"]


def test_finding_again_changes_nothing(data_root: DataRoot) -> None:
    request = asked(data_root, f"email:{SHARED}")
    again = lookup.record(data_root, [request.request_id], NOW)[request.request_id]
    assert again == request


def test_fixtures_leave_the_world_as_it_is(known_root: Path) -> None:
    assert list((known_root / "requests").glob("Q*.json")) == []
