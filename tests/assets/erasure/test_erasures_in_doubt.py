"""An erasure takes nobody else's records, waits where a person must decide, and says so where
nobody was found.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.erasure import abandoning, beginning, bystanders, decisions, erasing
from assets.erasure.preview import preview
from assets.erasure.proof import certificates, remaining
from assets.register import pair_cache, review
from assets.register.pair_cache import Decision
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import lookup, workflow
from assets.storage.data_root import Home
from tests.support.deliveries import basic_data, csv, put
from tests.support.known_registrants import NOW, TODAY, registrant_of
from tests.support.population_register_messages import code, day, name, part, person
from tests.support.registers import build, refresh, rows

ALICE, MICHAEL, THIRD = code("140870-941"), code("110967-917"), code("010180-921")
CONTACT, BARE = "500001234", "500005678"
DAY, NEXT = "2026-11-18", "2026-11-19"
QUARANTINED = {
    "contact_id": "500009999",
    "email": "vain.karanteeni@example.fi",
    "phone": "+358401112233",
}


def contact(
    record_id: str, given: str, email: str = "", number: str = "", **more: str
) -> dict[str, str]:
    return {
        "Record ID": record_id, "First Name": given, "Last Name": "Testi", "Email": email,
        "Phone Number": more.get("phone", ""), "Create Date": more.get("created", "2026-11-01"),
        "Customer number": number,
    }  # fmt: skip


def contract(
    number: str, contact_id: str, customer: str, identity_code: str, **more: str
) -> dict[str, str]:
    return {
        "contract_number": number, "contact_id": contact_id, "customer_number": customer,
        "identity_code": identity_code, "product": "p", "status": "active",
        "starts_on": more.get("starts_on", "2026-01-01"), "monthly_fee": "10.00", "currency": "EUR",
    }  # fmt: skip


def deliver(home: Home, delivered_on: str, dataset: str, said: list[dict[str, str]]) -> None:
    put(home, "crm", delivered_on, dataset, csv(said), len(said))


CONTRACTS = [
    contract("S1", CONTACT, "C1000001", ALICE),
    contract("S2", CONTACT, "C1000002", MICHAEL),
    contract("S3", BARE, "", THIRD),
    contract("S4", BARE, "", MICHAEL),
]
CONTACTS = [
    contact(CONTACT, "Alice", "alice.testi@example.fi", "C1000001"),
    contact(BARE, "Third", "third.testi@example.fi"),
    contact("500002", "Other", "other.testi@example.fi", "C2000002"),
    contact(QUARANTINED["contact_id"], "Vain", QUARANTINED["email"], phone=QUARANTINED["phone"],
            created="no day at all"),
]  # fmt: skip


@pytest.fixture(scope="module")
def two_at_one_contact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contacts whose contracts carry two people's codes; a contact that quarantine alone has."""
    home = Home(tmp_path_factory.mktemp("doubt") / "data")
    home.create()
    basic_data(home, DAY, [person(ALICE, name("Alice", "Testi"), part("SYNTYMAPAIVA", syntymapv=day("1970-08-14")))])  # fmt: skip
    deliver(home, DAY, "contacts", CONTACTS)
    deliver(home, DAY, "contracts", CONTRACTS)
    refresh(home, TODAY)
    return home.root


@pytest.fixture
def home(two_at_one_contact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(Path(shutil.copytree(two_at_one_contact, tmp_path / "data")))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


def asked(home: Home, *given: str, right: str = "erasure") -> Request:
    request_id = ledger.receive(home, right, "written", list(given), NOW)
    return lookup.record(home, [request_id], NOW)[request_id]


def erased(home: Home, *request_ids: str) -> erasing.Closing:
    ids = list(request_ids)
    erasing.find(home, ids)
    begun = [one for one in ids if ledger.load(home, one).state == "erasing"]
    erasing.suppress(home, begun, TODAY)
    erasing.remove(home, begun, TODAY)
    build(home, TODAY)
    return erasing.close(home, begun, NOW)


def payloads(home: Home, *sources: str) -> str:
    with duckdb.connect() as connection:
        files = [str(path) for path in home.files("raw")]
        found = connection.execute("SELECT payload FROM read_parquet($1)", [files]).fetchall()
    return "\n".join(text for (text,) in found)


def codes_of(home: Home) -> set[str]:
    return {row["value"] for row in rows(home, "FROM identifiers WHERE type = 'identity_code'")}


def test_an_account_of_two_people_means_neither(home: Home) -> None:
    found = asked(home, f"contact_id:{CONTACT}")
    assert (found.state, found.resolved, len(found.candidates)) == ("unclear", (), 2)


@pytest.mark.parametrize(
    ("erased_code", "goes", "stays"),
    [
        (ALICE, ('"S1"', "alice.testi"), ('"S2"', "C1000002")),
        (MICHAEL, ('"S2"', "C1000002"), ('"S1"', "alice.testi")),
    ],
    ids=["the contact's own", "the other"],
)
def test_either_of_two_people_at_one_contact_is_erased_without_the_other(
    home: Home, erased_code: str, goes: tuple[str, ...], stays: tuple[str, ...]
) -> None:
    found = asked(home, f"identity_code:{erased_code}")
    assert (found.state, preview(home, found, TODAY).bystanders) == ("received", 0)
    assert [one.request_id for one in erased(home, found.request_id).certificates] == [
        found.request_id
    ]
    left = payloads(home)
    assert [text for text in goes if text in left] == []
    assert [text for text in stays if text not in left] == []
    assert codes_of(home) & {ALICE, MICHAEL} == {ALICE, MICHAEL} - {erased_code}


def test_who_stays_is_not_kept_out_later_and_who_goes_is(home: Home) -> None:
    """The next night's export has all of it again, and a new contract of Michael's at Alice's
    contact.
    """
    erased(home, asked(home, f"identity_code:{ALICE}").request_id)
    deliver(home, NEXT, "contacts", CONTACTS)
    deliver(home, NEXT, "contracts", [*CONTRACTS, contract("S5", CONTACT, "C1000002", MICHAEL)])
    refresh(home, TODAY)
    left = payloads(home)
    assert '"S5"' in left
    assert "alice.testi" not in left
    assert ALICE not in codes_of(home)


def test_one_person_known_as_two_registrants_is_erased_whole_when_somebody_names_both(
    home: Home,
) -> None:
    """A contact with two people's codes and nothing else that ties it to one of them."""
    found = asked(home, f"contact_id:{BARE}")
    assert found.state == "unclear"
    theirs = {
        row["registrant_id"] for row in rows(home, f"FROM identifiers WHERE value = '{BARE}'")
    }
    decided = decisions.decide(
        home, found.request_id, sorted(theirs - {registrant_of(home, MICHAEL)}), NOW
    )
    assert (decided.state, decided.own) == ("received", (f"contact_id:{BARE}",))
    closing = erased(home, found.request_id)
    assert "third.testi" not in payloads(home)
    assert '"S4"' in payloads(home)
    [certificate] = closing.certificates
    said = json.loads(certificates.path_of(home, certificate.request_id).read_bytes())[
        "certificate"
    ]
    assert {"code": "REQ-LEFT-OUT", "where": "request", "count": 1} in said["warnings"]


def test_an_account_that_only_a_quarantined_record_of_another_names_is_shared(home: Home) -> None:
    """A contract of somebody whom nobody knows yet, at the other contact, quarantined for its day."""
    new = code("050577-933")
    deliver(
        home, NEXT, "contracts", [contract("S6", "500002", "C2000002", new, starts_on="someday")]
    )
    refresh(home, TODAY)
    found = asked(home, "email:other.testi@example.fi", "contact_id:500002")
    assert (found.state, set(found.own)) == (
        "received",
        {"contact_id:500002", "customer_number:C2000002"} & set(found.own),
    )
    assert "contact_id:500002" in found.own
    assert preview(home, found, TODAY).bystanders == 0
    erased(home, found.request_id)
    left = payloads(home)
    assert ('"S6"' in left, "other.testi" in left) == (True, False)


def slip(home: Home, marker: str, identifier: str) -> None:
    """Have the raw record with the marker name one more identifier: a record that the register does
    not know so.
    """
    for raw in home.files("raw", "crm"):
        with duckdb.connect() as connection:
            named = f"""CASE WHEN contains(payload, '{marker}')
                THEN list_append(identifiers, '{identifier}') ELSE identifiers END"""
            connection.execute(
                f"CREATE TABLE mixed AS SELECT * REPLACE ({named} AS identifiers) FROM '{raw}'"
            )
            connection.execute(f"COPY mixed TO '{raw}' (FORMAT parquet)")


def test_a_bystander_stops_the_one_erasure_before_anything_is_suppressed_and_no_other(
    home: Home,
) -> None:
    ids = [
        asked(home, "customer_number:C2000002").request_id,
        asked(home, f"identity_code:{ALICE}").request_id,
    ]
    slip(home, '"S2"', "customer_number:C2000002")
    ledger.save(
        home,
        replace(
            ledger.load(home, ids[0]),
            resolved=("customer_number:C2000002",),
            registrants=(registrant_of(home, "C2000002"),),
        ),
    )
    begun = beginning.begin(home, [ledger.load(home, one) for one in ids], NOW)
    assert [begun[one].state for one in ids] == ["unclear", "erasing"]
    assert "1 records" in begun[ids[0]].why
    assert begun[ids[0]].events[-1] == {
        "at": NOW.isoformat(timespec="seconds"), "what": "unclear", "told": "1"
    }  # fmt: skip
    waits = ledger.load(home, ids[0])
    assert (
        beginning.begin(
            home, [replace(waits, choices={bystanders.CHOICE: bystanders.ERASED})], NOW
        )[ids[0]].state
        == "erasing"
    )


def test_an_erasure_that_waited_for_a_bystander_goes_on_without_what_is_not_theirs(
    home: Home,
) -> None:
    found = asked(home, f"identity_code:{ALICE}")
    waits = replace(found, state="unclear", why="1 records that would go are somebody else's own")
    ledger.save(home, waits)
    left = decisions.leave_out(home, found.request_id, ["email:alice.testi@example.fi"], NOW)
    assert (left.state, left.why) == ("received", "")
    assert "email:alice.testi@example.fi" in left.left_out
    assert "email:alice.testi@example.fi" not in left.resolved


def test_a_record_of_their_own_that_names_somebody_else_is_no_bystander(home: Home) -> None:
    slip(home, '"S1"', "contact_id:500002")
    assert preview(home, asked(home, f"identity_code:{ALICE}"), TODAY).bystanders == 0


def test_a_registrant_with_two_people_s_codes_waits_until_somebody_says_that_it_is_one(
    home: Home,
) -> None:
    theirs = registrant_of(home, ALICE)
    with duckdb.connect() as connection:
        known = home.register("identifiers")
        connection.execute(
            f"""CREATE TABLE changed AS SELECT * REPLACE (
                CASE WHEN value = '{MICHAEL}' THEN '{theirs}' ELSE registrant_id END AS registrant_id)
            FROM '{known}'"""
        )
        connection.execute(f"COPY changed TO '{known}' (FORMAT parquet)")
    found = asked(home, f"identity_code:{ALICE}")
    assert (found.state, "2 people's identity codes" in found.why) == ("unclear", True)
    assert decisions.decide(home, found.request_id, [theirs], NOW).state == "received"


def test_a_registrant_that_was_merged_since_is_found_again_by_what_was_given(home: Home) -> None:
    found = asked(home, f"identity_code:{ALICE}")
    ledger.save(home, replace(found, registrants=("R0000000000000000",)))
    again = lookup.record(home, [found.request_id], NOW)[found.request_id]
    assert again.registrants == (registrant_of(home, ALICE),)


# Whom only raw and quarantine know


@pytest.mark.parametrize(
    "given",
    [
        (f"email:{QUARANTINED['email']}", f"phone:{QUARANTINED['phone']}"),
        (f"contact_id:{QUARANTINED['contact_id']}",),
    ],
    ids=["by address and phone", "by the contact's id"],
)
def test_who_is_in_quarantine_only_is_found_and_erased(home: Home, given: tuple[str, ...]) -> None:
    assert QUARANTINED["email"] in payloads(home)
    found = asked(home, *given)
    assert (found.state, len(found.registrants)) == ("received", 1)
    assert {f"{kind}:{value}" for kind, value in QUARANTINED.items()} <= set(found.resolved)
    assert len(erased(home, found.request_id).certificates) == 1
    assert QUARANTINED["email"] not in payloads(home)


def test_an_address_alone_of_somebody_in_quarantine_is_shown_for_a_decision(home: Home) -> None:
    found = asked(home, f"email:{QUARANTINED['email']}")
    assert (found.state, [one["by"] for one in found.candidates]) == ("unclear", [["email"]])
    chosen = decisions.decide(home, found.request_id, [found.candidates[0]["registrant_id"]], NOW)
    assert f"contact_id:{QUARANTINED['contact_id']}" in chosen.resolved


def test_who_is_in_a_record_that_could_not_be_taken_apart_is_found(home: Home) -> None:
    text = b'Record ID,First Name,Last Name,Email\r\n77,"Rikki","Testi",rikki.testi@example.fi,too,many\r\n'
    put(home, "crm", NEXT, "contacts", text, 1)
    refresh(home, TODAY)
    found = asked(home, "email:rikki.testi@example.fi")
    assert (found.state, found.resolved) == (
        "received",
        ("email:rikki.testi@example.fi", "user_id:rikki.testi@example.fi"),
    )


DORA = code("140260-931")
DORAS = contact("N/A", "Dora", "dora.quar@example.fi", "C9900001", phone="+358401239900")
QUARANTINED_CONTRACT = {"starts_on": "someday"}


@pytest.fixture
def known_to_nobody(home: Home) -> Home:
    """Dora, in quarantine only: a contact without an id, and contracts that name others' contacts."""
    deliver(home, NEXT, "contacts", [DORAS, contact("", "Dora", "dora.quar@example.fi")])
    deliver(
        home,
        NEXT,
        "contracts",
        [
            contract("D1", CONTACT, "C9900001", DORA, **QUARANTINED_CONTRACT),
            contract("D2", "500002", "", DORA, **QUARANTINED_CONTRACT),
            contract("D3", "", "C9900001", "", **QUARANTINED_CONTRACT),
            contract("O1", "500002", "C2000002", "", **QUARANTINED_CONTRACT),
        ],
    )
    refresh(home, TODAY)
    return home


@pytest.mark.parametrize(
    "given",
    [
        ("email:dora.quar@example.fi", "phone:+358401239900"),
        ("customer_number:C9900001",),
        (f"identity_code:{DORA}",),
    ],
    ids=["by address and phone", "by customer number", "by code"],
)
def test_what_is_theirs_goes_although_it_names_a_contact_of_somebody_else(
    known_to_nobody: Home, given: tuple[str, ...]
) -> None:
    home = known_to_nobody
    found = asked(home, *given)
    assert (found.state, len(found.registrants)) == ("received", 1)
    assert {f"identity_code:{DORA}", "customer_number:C9900001"} <= set(found.resolved)
    assert not {f"contact_id:{CONTACT}", "contact_id:500002"} & {*found.resolved, *found.own}
    assert preview(home, found, TODAY).bystanders == 0
    [certificate] = erased(home, found.request_id).certificates
    left = payloads(home)
    assert [one for one in ("dora.quar", DORA, "C9900001", '"D1"', '"D3"') if one in left] == []
    assert [one for one in ('"O1"', '"S1"', "other.testi") if one not in left] == []
    assert left_out(home, certificate.request_id) == len(found.left_out) > 0


def left_out(home: Home, request_id: str) -> int:
    said = json.loads(certificates.path_of(home, request_id).read_bytes())["certificate"]
    counts = {one["what"]: one["count"] for one in said["remains"]}
    return int(counts.get(remaining.LEFT_OUT, 0))


def test_an_account_that_a_registrants_record_names_is_theirs_where_it_is_the_party(
    home: Home,
) -> None:
    """A contract of another contact names the customer number: it stays and is counted."""
    deliver(home, NEXT, "contacts", [DORAS])
    deliver(
        home,
        NEXT,
        "contracts",
        [contract("O2", "500002", "C9900001", "", **QUARANTINED_CONTRACT),
         contract("D3", "", "C9900001", "", **QUARANTINED_CONTRACT)],
    )  # fmt: skip
    refresh(home, TODAY)
    found = asked(home, "email:dora.quar@example.fi", "phone:+358401239900")
    assert (found.state, found.own) == ("received", ("customer_number:C9900001",))
    [certificate] = erased(home, found.request_id).certificates
    left = payloads(home)
    assert ["dora.quar" in left, '"D3"' in left, '"O2"' in left] == [False, False, True]
    assert left_out(home, certificate.request_id) == len({*found.left_out, *found.own})


def test_two_codes_in_quarantine_are_two_people_whatever_they_share(home: Home) -> None:
    other = code("140262-933")
    deliver(
        home,
        NEXT,
        "contracts",
        [
            contract("D1", "", "C9900001", DORA, **QUARANTINED_CONTRACT),
            contract("D4", "", "C9900001", other, **QUARANTINED_CONTRACT),
        ],
    )
    refresh(home, TODAY)
    shared = asked(home, "customer_number:C9900001")
    assert (shared.state, len(shared.candidates)) == ("unclear", 2)
    found = asked(home, f"identity_code:{DORA}")
    assert found.state == "received"
    erased(home, found.request_id)
    left = payloads(home)
    assert ['"D1"' in left, '"D4"' in left, other in left] == [False, True, True]


def test_a_chosen_person_of_raw_whose_records_are_gone_is_found_again(
    known_to_nobody: Home,
) -> None:
    home = known_to_nobody
    found = asked(home, "customer_number:C9900001")
    ledger.save(home, replace(found, registrants=("U0000000000000000",)))
    again = lookup.record(home, [found.request_id], NOW)[found.request_id]
    assert again.registrants == found.registrants


# Nobody


def test_nobody_found_waits_and_is_closed_as_that_without_a_certificate(home: Home) -> None:
    found = asked(home, "customer_number:C9999999")
    assert (found.state, found.resolved) == ("unclear", ())
    assert erasing.find(home, [found.request_id]) == {found.request_id: 0}
    closed = workflow.close(home, found.request_id, NOW)
    assert (closed.state, closed.outcome) == ("closed", "nobody_found")
    assert certificates.issued(home) == set()
    assert certificates.check(home) == []
    [message] = (home.outbox / "messages").glob(f"{found.request_id}-*.json")
    assert json.loads(message.read_text())["kind"] == "nobody_found"


def test_a_letter_for_a_digit_is_said_to_look_alike_without_the_value(home: Home) -> None:
    found = asked(home, "customer_number:C1OOOOO1")
    assert "differs from the one given only in characters that look alike" in found.why
    assert "C1" not in found.why
    corrected = decisions.correct(home, found.request_id, ["customer_number:C1000001"], NOW)
    assert (corrected.state, corrected.registrants) == ("received", (registrant_of(home, ALICE),))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("customer_number", "С1000001"),
        ("contact_id", "50000123٤"),
        ("email", "аlice.testi@example.fi"),
        ("email", "alice.testi@exаmple.fi"),
        ("user_id", "Αlice1"),
    ],
)
def test_letters_that_look_like_others_are_refused_at_the_door(
    home: Home, kind: str, value: str
) -> None:
    with pytest.raises(RequestError, match="another script") as told:
        lookup.canonical(home, {kind: value})
    assert value not in str(told.value)


def test_letters_of_the_country_and_of_another_script_alone_are_taken(home: Home) -> None:
    given = {"customer_number": "Ä12", "email": "иванов@пример.рф"}
    assert len(lookup.canonical(home, given)) == 2


# What a request may name


def test_what_is_somebody_else_s_is_left_out_and_counted(home: Home) -> None:
    found = asked(
        home, f"identity_code:{ALICE}", "user_id:other.testi@example.fi", "customer_number:C2000002"
    )
    assert (found.state, len(found.candidates)) == ("unclear", 2)
    decided = decisions.decide(home, found.request_id, [registrant_of(home, ALICE)], NOW)
    others = {"user_id:other.testi@example.fi", "customer_number:C2000002"}
    assert others <= set(decided.left_out)
    assert not others & {*decided.resolved, *decided.own}
    erased(home, found.request_id)
    deliver(
        home, NEXT, "contacts", [contact("500002", "Other", "other.testi@example.fi", "C2000002")]
    )
    refresh(home, TODAY)
    assert registrant_of(home, "C2000002")


# Grey pairs


@pytest.fixture
def grey(home: Home) -> str:
    """A pair of Alice's contact and the other one, waiting for review."""
    with duckdb.connect() as connection:
        one, other = sorted(
            connection.execute(f"SELECT md5('contact_id:{value}')").fetchone()[0]  # type: ignore[index]
            for value in (CONTACT, "500002")
        )
        columns = (
            "'a1b2c3d4e5' AS pair, 1 AS rank, false AS together, false AS proven, 3.0 AS weight"
        )
        connection.execute(
            f"""COPY (SELECT '{one}' AS one, '{other}' AS other, {columns})
            TO '{home.lake / review.GREY_PAIRS}' (FORMAT parquet)"""
        )
    pair_cache.decide(home, [])
    return "a1b2c3d4e5"


def decided_pair(home: Home, *, same: bool) -> None:
    with duckdb.connect() as connection:
        row: Any = connection.execute(
            f"SELECT one, other FROM '{home.lake / review.GREY_PAIRS}'"
        ).fetchone()
    pair_cache.decide(home, [Decision(*row, same, TODAY)])


def test_a_grey_pair_of_which_one_half_is_meant_waits_and_stops_no_other(
    home: Home, grey: str
) -> None:
    ids = [
        ledger.receive(home, "erasure", "written", [f"identity_code:{one}"], NOW)
        for one in (ALICE, MICHAEL)
    ]
    erasing.find(home, ids)
    found = [ledger.load(home, one) for one in ids]
    assert [one.state for one in found] == ["unclear", "erasing"]
    assert grey in found[0].why
    assert lookup.record(home, [ids[0]], NOW)[ids[0]] == found[0]


def test_two_people_lets_it_go_on_and_one_person_waits_for_the_refresh(
    home: Home, grey: str
) -> None:
    found = asked(home, f"identity_code:{ALICE}")
    decided_pair(home, same=True)
    assert "register refresh" in lookup.record(home, [found.request_id], NOW)[found.request_id].why
    decided_pair(home, same=False)
    assert lookup.record(home, [found.request_id], NOW)[found.request_id].state == "received"


def test_going_on_without_the_other_half_is_on_the_certificate(home: Home, grey: str) -> None:
    found = asked(home, f"identity_code:{ALICE}")
    assert (
        decisions.go_on(home, found.request_id, {f"pair:{grey}": "left"}, NOW).state == "received"
    )
    [certificate] = erased(home, found.request_id).certificates
    said = json.loads(certificates.path_of(home, certificate.request_id).read_bytes())[
        "certificate"
    ]
    assert {"code": "REQ-PAIRS-LEFT", "where": "request", "count": 1} in said["warnings"]
    assert grey not in (home.requests / f"{found.request_id}.json").read_text()


# Ways out of an erasure that has begun


@pytest.fixture
def stuck(home: Home) -> str:
    """Suppressed and removed, and not proven yet; two erasures share an identifier on the list."""
    request_id = asked(home, f"identity_code:{ALICE}").request_id
    erasing.find(home, [request_id])
    erasing.suppress(home, [request_id], TODAY)
    erasing.remove(home, [request_id], TODAY)
    return request_id


def test_refusing_after_removal_says_what_has_gone_and_lifts_the_suppressions(
    home: Home, stuck: str
) -> None:
    left = abandoning.refuse(home, stuck, "REQ-LEGAL-CLAIMS", NOW)
    closed = ledger.load(home, stuck)
    assert (closed.state, closed.outcome, closed.why) == ("closed", "refused", "REQ-LEGAL-CLAIMS")
    assert (left.removed, left.lifted > 0) == (sum(closed.removed.values()), True)
    assert closed.removed["raw"] == 3
    assert certificates.check(home) == []
    deliver(home, NEXT, "contracts", CONTRACTS)
    basic_data(home, NEXT, [person(ALICE, name("Alice", "Testi"))])
    refresh(home, TODAY)
    assert ALICE in codes_of(home)


def test_refusing_leaves_what_another_erasure_needs_on_the_list(home: Home, stuck: str) -> None:
    other = asked(home, "customer_number:C2000002").request_id
    with_both = replace(
        ledger.load(home, other), resolved=(f"identity_code:{ALICE}",), state="erasing"
    )
    ledger.save(home, with_both)
    erasing.suppress(home, [other], TODAY)
    abandoning.refuse(home, stuck, "REQ-LEGAL-CLAIMS", NOW)
    basic_data(home, NEXT, [person(ALICE, name("Alice", "Testi"))])
    refresh(home, TODAY)
    assert ALICE not in codes_of(home)


def test_what_is_not_theirs_is_left_out_of_an_erasure_that_has_begun(
    home: Home, stuck: str
) -> None:
    left = decisions.leave_out(home, stuck, ["email:alice.testi@example.fi"], NOW)
    assert "email:alice.testi@example.fi" not in left.resolved
    assert left.events[-1]["what"] == "suppression_lifted"
    with pytest.raises(RequestError, match="names no such identifier"):
        decisions.leave_out(home, stuck, ["email:nobody.testi@example.fi"], NOW)


def test_what_is_not_theirs_stays_left_out_while_nobody_is_certainly_meant(home: Home) -> None:
    """Also when it becomes unclear whom the request means, and when somebody decides that."""
    mailbox = "email:alice.testi@example.fi"
    request = asked(home, f"identity_code:{ALICE}", mailbox)
    decisions.leave_out(home, request.request_id, [mailbox], NOW)
    waits = replace(
        ledger.load(home, request.request_id), given=("phone:+358401111111",), registrants=()
    )
    ledger.save(home, waits)
    unclear = lookup.record(home, [request.request_id], NOW)[request.request_id]
    assert unclear.state == "unclear"
    assert unclear.left_out == (mailbox,)
    alice = registrant_of(home, ALICE)
    decided = decisions.decide(home, request.request_id, [alice], NOW)
    assert mailbox in decided.left_out
    assert mailbox not in decided.resolved


def test_an_erasure_that_has_begun_is_widened_and_takes_the_rest(home: Home, stuck: str) -> None:
    wider = decisions.correct(home, stuck, ["customer_number:C2000002"], NOW)
    assert (wider.state, "customer_number:C2000002" in wider.resolved) == ("erasing", True)
    assert len(erased(home, stuck).certificates) == 1
    assert "other.testi" not in payloads(home)


def test_it_is_not_widened_by_what_is_not_certain(home: Home, stuck: str) -> None:
    before = ledger.load(home, stuck)
    with pytest.raises(RequestError):
        decisions.correct(home, stuck, [f"contact_id:{BARE}"], NOW)
    assert ledger.load(home, stuck) == before
