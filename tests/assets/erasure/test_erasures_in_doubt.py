"""An erasure takes nobody else's records, waits where a person must decide, and says so where
nobody was found.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.erasure import abandoning, beginning, bystanders, decisions, erasing
from assets.erasure.preview import preview
from assets.erasure.proof import certificate_checks, certificates, remaining
from assets.register import pair_cache, review
from assets.register.pair_cache import Decision
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import lookup, workflow
from assets.storage import recorded_files
from assets.storage.actor import actor
from assets.storage.data_root import DataRoot
from tests.support.data_roots import parquet_rows
from tests.support.deliveries import basic_data, csv, put
from tests.support.erasing import find_cleared
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
        "Record ID": record_id,
        "First Name": given,
        "Last Name": "Testi",
        "Email": email,
        "Phone Number": more.get("phone", ""),
        "Create Date": more.get("created", "2026-11-01"),
        "Customer number": number,
    }


def contract(
    number: str, contact_id: str, customer: str, identity_code: str, **more: str
) -> dict[str, str]:
    return {
        "contract_number": number,
        "contact_id": contact_id,
        "customer_number": customer,
        "identity_code": identity_code,
        "product": "p",
        "status": "active",
        "starts_on": more.get("starts_on", "2026-01-01"),
        "monthly_fee": "10.00",
        "currency": "EUR",
    }


def deliver(
    data_root: DataRoot, delivered_on: str, dataset: str, records: list[dict[str, str]]
) -> None:
    put(data_root, "crm", delivered_on, dataset, csv(records), len(records))


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
    contact(
        QUARANTINED["contact_id"],
        "Vain",
        QUARANTINED["email"],
        phone=QUARANTINED["phone"],
        created="no day at all",
    ),
]


@pytest.fixture(scope="module")
def shared_contact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contacts with contracts that carry two people's codes; a contact in quarantine only."""
    data_root = DataRoot(tmp_path_factory.mktemp("doubt") / "data")
    data_root.create()
    basic_data(
        data_root,
        DAY,
        [person(ALICE, name("Alice", "Testi"), part("SYNTYMAPAIVA", syntymapv=day("1970-08-14")))],
    )
    deliver(data_root, DAY, "contacts", CONTACTS)
    deliver(data_root, DAY, "contracts", CONTRACTS)
    refresh(data_root, TODAY)
    return data_root.root


@pytest.fixture
def data_root(shared_contact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    made = DataRoot(Path(shutil.copytree(shared_contact, tmp_path / "data")))
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


def asked(data_root: DataRoot, *given: str, right: str = "erasure") -> Request:
    request_id = ledger.receive(data_root, right, "written", list(given), NOW)
    return lookup.record(data_root, [request_id], NOW)[request_id]


def erased(data_root: DataRoot, *request_ids: str) -> erasing.Closing:
    ids = list(request_ids)
    find_cleared(data_root, ids)
    begun = [
        request_id for request_id in ids if ledger.load(data_root, request_id).state == "erasing"
    ]
    erasing.suppress(data_root, begun, TODAY)
    erasing.remove(data_root, begun, TODAY)
    build(data_root, TODAY)
    return erasing.close(data_root, begun, NOW)


def payloads(data_root: DataRoot, *sources: str) -> str:
    with duckdb.connect() as connection:
        files = [str(path) for path in data_root.files("raw")]
        records = connection.execute("SELECT payload FROM read_parquet($1)", [files]).fetchall()
    return "\n".join(text for (text,) in records)


def codes_of(data_root: DataRoot) -> set[str]:
    return {
        row["value"] for row in rows(data_root, "FROM identifiers WHERE type = 'identity_code'")
    }


def test_an_account_of_two_people_means_neither(data_root: DataRoot) -> None:
    request = asked(data_root, f"contact_id:{CONTACT}")
    assert (request.state, request.resolved, len(request.candidates)) == ("unclear", (), 2)


@pytest.mark.parametrize(
    ("erased_code", "goes", "stays"),
    [
        (ALICE, ('"S1"', "alice.testi"), ('"S2"', "C1000002")),
        (MICHAEL, ('"S2"', "C1000002"), ('"S1"', "alice.testi")),
    ],
    ids=["the contact's own", "the other"],
)
def test_either_of_two_people_at_one_contact_is_erased_without_the_other(
    data_root: DataRoot, erased_code: str, goes: tuple[str, ...], stays: tuple[str, ...]
) -> None:
    request = asked(data_root, f"identity_code:{erased_code}")
    assert (request.state, preview(data_root, request, TODAY).bystanders) == ("received", 0)
    assert [
        certificate.request_id for certificate in erased(data_root, request.request_id).certificates
    ] == [request.request_id]
    left = payloads(data_root)
    assert [text for text in goes if text in left] == []
    assert [text for text in stays if text not in left] == []
    assert codes_of(data_root) & {ALICE, MICHAEL} == {ALICE, MICHAEL} - {erased_code}


def test_later_deliveries_keep_out_only_the_erased_person(data_root: DataRoot) -> None:
    """The next night's export has all of it again, and a new contract of Michael's at Alice's
    contact.
    """
    erased(data_root, asked(data_root, f"identity_code:{ALICE}").request_id)
    deliver(data_root, NEXT, "contacts", CONTACTS)
    deliver(
        data_root, NEXT, "contracts", [*CONTRACTS, contract("S5", CONTACT, "C1000002", MICHAEL)]
    )
    refresh(data_root, TODAY)
    left = payloads(data_root)
    assert '"S5"' in left
    assert "alice.testi" not in left
    assert ALICE not in codes_of(data_root)


def test_one_person_known_as_two_registrants_is_erased_whole_when_somebody_names_both(
    data_root: DataRoot,
) -> None:
    """A contact with two people's codes and nothing else that ties it to one of them."""
    request = asked(data_root, f"contact_id:{BARE}")
    assert request.state == "unclear"
    theirs = {
        row["registrant_id"] for row in rows(data_root, f"FROM identifiers WHERE value = '{BARE}'")
    }
    decided = decisions.decide(
        data_root, request.request_id, sorted(theirs - {registrant_of(data_root, MICHAEL)}), NOW
    )
    assert (decided.state, decided.own) == ("received", (f"contact_id:{BARE}",))
    closing = erased(data_root, request.request_id)
    assert "third.testi" not in payloads(data_root)
    assert '"S4"' in payloads(data_root)
    [certificate] = closing.certificates
    issued = json.loads(certificates.path_of(data_root, certificate.request_id).read_bytes())[
        "certificate"
    ]
    assert {"code": "REQ-LEFT-OUT", "where": "request", "count": 1} in issued["warnings"]


def test_an_account_that_only_a_quarantined_record_of_another_names_is_shared(
    data_root: DataRoot,
) -> None:
    """A contract of somebody still unknown, at the other contact, quarantined for its day."""
    new = code("050577-933")
    deliver(
        data_root,
        NEXT,
        "contracts",
        [contract("S6", "500002", "C2000002", new, starts_on="someday")],
    )
    refresh(data_root, TODAY)
    request = asked(data_root, "email:other.testi@example.fi", "contact_id:500002")
    assert (request.state, set(request.own)) == (
        "received",
        {"contact_id:500002", "customer_number:C2000002"} & set(request.own),
    )
    assert "contact_id:500002" in request.own
    assert preview(data_root, request, TODAY).bystanders == 0
    erased(data_root, request.request_id)
    left = payloads(data_root)
    assert ('"S6"' in left, "other.testi" in left) == (True, False)


def slip(data_root: DataRoot, marker: str, identifier: str) -> None:
    """Have the raw record with the marker name one more identifier: a record that the register does
    not know so.
    """
    for raw in data_root.files("raw", "crm"):
        with duckdb.connect() as connection:
            named = f"""CASE WHEN contains(payload, '{marker}')
                THEN list_append(identifiers, '{identifier}') ELSE identifiers END"""
            connection.execute(
                f"CREATE TABLE mixed AS SELECT * REPLACE ({named} AS identifiers) FROM '{raw}'"
            )
            connection.execute(f"COPY mixed TO '{raw}' (FORMAT parquet)")
        recorded_files.record(raw.parent, [raw.name])


def test_a_bystander_stops_that_erasure_before_anything_is_suppressed_and_no_other(
    data_root: DataRoot,
) -> None:
    ids = [
        asked(data_root, "customer_number:C2000002").request_id,
        asked(data_root, f"identity_code:{ALICE}").request_id,
    ]
    slip(data_root, '"S2"', "customer_number:C2000002")
    ledger.save(
        data_root,
        replace(
            ledger.load(data_root, ids[0]),
            resolved=("customer_number:C2000002",),
            registrants=(registrant_of(data_root, "C2000002"),),
        ),
    )
    begun = beginning.begin(
        data_root, [ledger.load(data_root, request_id) for request_id in ids], NOW
    )
    assert [begun[request_id].state for request_id in ids] == ["unclear", "erasing"]
    assert "1 records" in begun[ids[0]].why
    assert begun[ids[0]].events[-1] == {
        "at": NOW.isoformat(timespec="seconds"),
        "what": "unclear",
        "by": actor(),
        "told": "1",
    }
    waits = ledger.load(data_root, ids[0])
    assert (
        beginning.begin(
            data_root, [replace(waits, choices={bystanders.CHOICE: bystanders.ERASED})], NOW
        )[ids[0]].state
        == "erasing"
    )


def test_an_erasure_that_waited_for_a_bystander_goes_on_without_what_is_not_theirs(
    data_root: DataRoot,
) -> None:
    request = asked(data_root, f"identity_code:{ALICE}")
    waits = replace(request, state="unclear", why="1 records that would go are somebody else's own")
    ledger.save(data_root, waits)
    left = decisions.leave_out(data_root, request.request_id, ["email:alice.testi@example.fi"], NOW)
    assert (left.state, left.why) == ("received", "")
    assert "email:alice.testi@example.fi" in left.left_out
    assert "email:alice.testi@example.fi" not in left.resolved


def test_a_record_of_their_own_that_names_somebody_else_is_no_bystander(
    data_root: DataRoot,
) -> None:
    slip(data_root, '"S1"', "contact_id:500002")
    assert preview(data_root, asked(data_root, f"identity_code:{ALICE}"), TODAY).bystanders == 0


def test_a_registrant_with_two_people_s_codes_waits_for_a_decision_that_they_are_one_person(
    data_root: DataRoot,
) -> None:
    theirs = registrant_of(data_root, ALICE)
    with duckdb.connect() as connection:
        known = data_root.register("identifiers")
        connection.execute(
            f"""CREATE TABLE changed AS SELECT * REPLACE (
                CASE WHEN value = '{MICHAEL}' THEN '{theirs}'
                    ELSE registrant_id END AS registrant_id)
            FROM '{known}'"""
        )
        connection.execute(f"COPY changed TO '{known}' (FORMAT parquet)")
    recorded_files.record(known.parent, [known.name])
    request = asked(data_root, f"identity_code:{ALICE}")
    assert (request.state, "2 people's identity codes" in request.why) == ("unclear", True)
    assert decisions.decide(data_root, request.request_id, [theirs], NOW).state == "received"


@pytest.mark.parametrize("given", [ALICE, MICHAEL])
def test_one_person_with_two_codes_by_a_persons_decision_is_erased_by_either_and_certified(
    data_root: DataRoot, given: str
) -> None:
    both = [registrant_of(data_root, known) for known in (ALICE, MICHAEL)]
    request = asked(data_root, f"identity_code:{given}")
    decisions.decide(data_root, request.request_id, both, NOW)
    closing = erased(data_root, request.request_id)
    assert (len(closing.certificates), closing.unproven) == (1, []), closing.message()
    known = {row["value"] for row in rows(data_root, "SELECT value FROM identifiers")}
    assert {ALICE, MICHAEL}.isdisjoint(known)
    assert not any(each in payloads(data_root) for each in (ALICE, MICHAEL))


@pytest.mark.parametrize("given", ["500007001", "500007002"])
def test_a_contact_that_the_crm_has_merged_is_erased_by_either_of_its_ids(
    data_root: DataRoot, given: str
) -> None:
    before = contact("500007001", "Vanha", "vanha.testi@example.fi", "C7007001")
    merged = contact("500007002", "Uusi", "uusi.testi@example.fi")
    deliver(data_root, NEXT, "contacts", [before])
    deliver(data_root, NEXT, "contracts", [contract("S7", "500007001", "C7007001", "")])
    deliver(
        data_root,
        "2026-11-20",
        "contacts",
        [{**merged, "Merged contact IDs": "500007001; 500007003"}],
    )
    refresh(data_root, TODAY)
    assert registrant_of(data_root, "500007001") == registrant_of(data_root, "500007002")
    request = asked(data_root, f"contact_id:{given}")
    assert {"contact_id:500007001", "contact_id:500007002", "contact_id:500007003"} <= {
        *request.resolved
    }
    assert len(erased(data_root, request.request_id).certificates) == 1
    assert "50000700" not in payloads(data_root)
    deliver(data_root, "2026-11-21", "contacts", [contact("500007003", "Kolmas", "")])
    refresh(data_root, date(2026, 11, 21))
    assert "50000700" not in payloads(data_root)


def test_a_registrant_that_was_merged_since_is_found_again_by_what_was_given(
    data_root: DataRoot,
) -> None:
    request = asked(data_root, f"identity_code:{ALICE}")
    ledger.save(data_root, replace(request, registrants=("R0000000000000000",)))
    again = lookup.record(data_root, [request.request_id], NOW)[request.request_id]
    assert again.registrants == (registrant_of(data_root, ALICE),)


# A person that only raw and quarantine know


@pytest.mark.parametrize(
    "given",
    [
        (f"email:{QUARANTINED['email']}", f"phone:{QUARANTINED['phone']}"),
        (f"contact_id:{QUARANTINED['contact_id']}",),
    ],
    ids=["by address and phone", "by the contact's id"],
)
def test_a_person_in_quarantine_only_is_found_and_erased(
    data_root: DataRoot, given: tuple[str, ...]
) -> None:
    assert QUARANTINED["email"] in payloads(data_root)
    request = asked(data_root, *given)
    assert (request.state, len(request.registrants)) == ("received", 1)
    assert {f"{kind}:{value}" for kind, value in QUARANTINED.items()} <= set(request.resolved)
    assert len(erased(data_root, request.request_id).certificates) == 1
    assert QUARANTINED["email"] not in payloads(data_root)


def test_an_address_alone_of_somebody_in_quarantine_is_shown_for_a_decision(
    data_root: DataRoot,
) -> None:
    request = asked(data_root, f"email:{QUARANTINED['email']}")
    assert (request.state, [candidate["by"] for candidate in request.candidates]) == (
        "unclear",
        [["email"]],
    )
    chosen = decisions.decide(
        data_root, request.request_id, [request.candidates[0]["registrant_id"]], NOW
    )
    assert f"contact_id:{QUARANTINED['contact_id']}" in chosen.resolved


def test_a_person_in_an_unparsed_record_is_found(data_root: DataRoot) -> None:
    text = b"Record ID,First Name,Last Name,Email\r\n"
    text += b'77,"Rikki","Testi",rikki.testi@example.fi,too,many\r\n'
    put(data_root, "crm", NEXT, "contacts", text, 1)
    refresh(data_root, TODAY)
    request = asked(data_root, "email:rikki.testi@example.fi")
    assert (request.state, request.resolved) == (
        "received",
        ("email:rikki.testi@example.fi", "user_id:rikki.testi@example.fi"),
    )


DORA = code("140260-931")
DORAS = contact("N/A", "Dora", "dora.quar@example.fi", "C9900001", phone="+358401239900")
QUARANTINED_CONTRACT = {"starts_on": "someday"}


@pytest.fixture
def known_to_nobody(data_root: DataRoot) -> DataRoot:
    """Dora, in quarantine only: a contact without an id, and contracts that name others'
    contacts.
    """
    deliver(data_root, NEXT, "contacts", [DORAS, contact("", "Dora", "dora.quar@example.fi")])
    deliver(
        data_root,
        NEXT,
        "contracts",
        [
            contract("D1", CONTACT, "C9900001", DORA, **QUARANTINED_CONTRACT),
            contract("D2", "500002", "", DORA, **QUARANTINED_CONTRACT),
            contract("D3", "", "C9900001", "", **QUARANTINED_CONTRACT),
            contract("O1", "500002", "C2000002", "", **QUARANTINED_CONTRACT),
        ],
    )
    refresh(data_root, TODAY)
    return data_root


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
    known_to_nobody: DataRoot, given: tuple[str, ...]
) -> None:
    data_root = known_to_nobody
    request = asked(data_root, *given)
    assert (request.state, len(request.registrants)) == ("received", 1)
    assert {f"identity_code:{DORA}", "customer_number:C9900001"} <= set(request.resolved)
    assert not {f"contact_id:{CONTACT}", "contact_id:500002"} & {*request.resolved, *request.own}
    assert preview(data_root, request, TODAY).bystanders == 0
    [certificate] = erased(data_root, request.request_id).certificates
    left = payloads(data_root)
    assert [text for text in ("dora.quar", DORA, "C9900001", '"D1"', '"D3"') if text in left] == []
    assert [text for text in ('"O1"', '"S1"', "other.testi") if text not in left] == []
    assert left_out(data_root, certificate.request_id) == len(request.left_out) > 0


def left_out(data_root: DataRoot, request_id: str) -> int:
    issued = json.loads(certificates.path_of(data_root, request_id).read_bytes())["certificate"]
    counts = {entry["what"]: entry["count"] for entry in issued["remains"]}
    return int(counts.get(remaining.LEFT_OUT, 0))


def test_an_account_that_a_registrants_record_names_is_theirs_where_it_is_the_party(
    data_root: DataRoot,
) -> None:
    """A contract of another contact names the customer number: it stays and is counted."""
    deliver(data_root, NEXT, "contacts", [DORAS])
    deliver(
        data_root,
        NEXT,
        "contracts",
        [
            contract("O2", "500002", "C9900001", "", **QUARANTINED_CONTRACT),
            contract("D3", "", "C9900001", "", **QUARANTINED_CONTRACT),
        ],
    )
    refresh(data_root, TODAY)
    request = asked(data_root, "email:dora.quar@example.fi", "phone:+358401239900")
    assert (request.state, request.own) == ("received", ("customer_number:C9900001",))
    [certificate] = erased(data_root, request.request_id).certificates
    left = payloads(data_root)
    assert ["dora.quar" in left, '"D3"' in left, '"O2"' in left] == [False, False, True]
    assert left_out(data_root, certificate.request_id) == len({*request.left_out, *request.own})


def test_two_codes_in_quarantine_are_two_people_whatever_they_share(data_root: DataRoot) -> None:
    other = code("140262-933")
    deliver(
        data_root,
        NEXT,
        "contracts",
        [
            contract("D1", "", "C9900001", DORA, **QUARANTINED_CONTRACT),
            contract("D4", "", "C9900001", other, **QUARANTINED_CONTRACT),
        ],
    )
    refresh(data_root, TODAY)
    shared = asked(data_root, "customer_number:C9900001")
    assert (shared.state, len(shared.candidates)) == ("unclear", 2)
    request = asked(data_root, f"identity_code:{DORA}")
    assert request.state == "received"
    erased(data_root, request.request_id)
    left = payloads(data_root)
    assert ['"D1"' in left, '"D4"' in left, other in left] == [False, True, True]


def test_a_chosen_person_of_raw_is_found_again_after_the_recorded_id_has_disappeared(
    known_to_nobody: DataRoot,
) -> None:
    data_root = known_to_nobody
    request = asked(data_root, "customer_number:C9900001")
    ledger.save(data_root, replace(request, registrants=("U0000000000000000",)))
    again = lookup.record(data_root, [request.request_id], NOW)[request.request_id]
    assert again.registrants == request.registrants


# Nobody


def test_a_request_without_a_match_waits_and_is_closed_as_such_without_a_certificate(
    data_root: DataRoot,
) -> None:
    request = asked(data_root, "customer_number:C9999999")
    assert (request.state, request.resolved) == ("unclear", ())
    assert find_cleared(data_root, [request.request_id]) == {request.request_id: 0}
    closed = workflow.close(data_root, request.request_id, NOW)
    assert (closed.state, closed.outcome) == ("closed", "nobody_found")
    assert certificates.issued(data_root) == set()
    assert certificate_checks.check(data_root) == []
    [message] = (data_root.outbox / "messages").glob(f"{request.request_id}-*.json")
    assert json.loads(message.read_text())["kind"] == "nobody_found"


def test_a_letter_for_a_digit_is_reported_as_lookalike_without_the_value(
    data_root: DataRoot,
) -> None:
    request = asked(data_root, "customer_number:C1OOOOO1")
    assert "differs from the one given only in characters that look alike" in request.why
    assert "C1" not in request.why
    corrected = decisions.correct(data_root, request.request_id, ["customer_number:C1000001"], NOW)
    assert (corrected.state, corrected.registrants) == (
        "received",
        (registrant_of(data_root, ALICE),),
    )


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
    data_root: DataRoot, kind: str, value: str
) -> None:
    with pytest.raises(RequestError, match="another script") as error:
        lookup.canonical(data_root, {kind: value})
    assert value not in str(error.value)


def test_letters_of_the_country_and_of_another_script_alone_are_taken(data_root: DataRoot) -> None:
    given = {"customer_number": "Ä12", "email": "иванов@пример.рф"}
    assert len(lookup.canonical(data_root, given)) == 2


# What a request may name


def test_what_is_somebody_else_s_is_left_out_and_counted(data_root: DataRoot) -> None:
    request = asked(
        data_root,
        f"identity_code:{ALICE}",
        "user_id:other.testi@example.fi",
        "customer_number:C2000002",
    )
    assert (request.state, len(request.candidates)) == ("unclear", 2)
    decided = decisions.decide(
        data_root, request.request_id, [registrant_of(data_root, ALICE)], NOW
    )
    others = {"user_id:other.testi@example.fi", "customer_number:C2000002"}
    assert others <= set(decided.left_out)
    assert not others & {*decided.resolved, *decided.own}
    erased(data_root, request.request_id)
    deliver(
        data_root,
        NEXT,
        "contacts",
        [contact("500002", "Other", "other.testi@example.fi", "C2000002")],
    )
    refresh(data_root, TODAY)
    assert registrant_of(data_root, "C2000002")


# Grey pairs


@pytest.fixture
def grey(data_root: DataRoot) -> str:
    """A pair of Alice's contact and the other one, waiting for review."""
    with duckdb.connect() as connection:
        first, other = sorted(
            connection.execute(f"SELECT md5('contact_id:{value}')").fetchone()[0]
            for value in (CONTACT, "500002")
        )
        columns = (
            "'a1b2c3d4e5' AS pair, 1 AS rank, false AS together, false AS proven, 3.0 AS weight"
        )
        connection.execute(
            f"""COPY (SELECT '{first}' AS one, '{other}' AS other, {columns})
            TO '{data_root.lake / review.GREY_PAIRS}' (FORMAT parquet)"""
        )
    pair_cache.decide(data_root, [])
    return "a1b2c3d4e5"


def decided_pair(data_root: DataRoot, *, same: bool) -> None:
    with duckdb.connect() as connection:
        row: Any = connection.execute(
            f"SELECT one, other FROM '{data_root.lake / review.GREY_PAIRS}'"
        ).fetchone()
    pair_cache.decide(data_root, [Decision(*row, same, TODAY)])


def test_a_grey_pair_with_one_half_requested_waits_and_stops_no_other(
    data_root: DataRoot, grey: str
) -> None:
    ids = [
        ledger.receive(data_root, "erasure", "written", [f"identity_code:{code}"], NOW)
        for code in (ALICE, MICHAEL)
    ]
    find_cleared(data_root, ids)
    requests = [ledger.load(data_root, request_id) for request_id in ids]
    assert [request.state for request in requests] == ["unclear", "erasing"]
    assert grey in requests[0].why
    assert lookup.record(data_root, [ids[0]], NOW)[ids[0]] == requests[0]


def test_two_people_lets_it_go_on_and_one_person_waits_for_the_refresh(
    data_root: DataRoot, grey: str
) -> None:
    request = asked(data_root, f"identity_code:{ALICE}")
    decided_pair(data_root, same=True)
    assert (
        "register refresh"
        in lookup.record(data_root, [request.request_id], NOW)[request.request_id].why
    )
    decided_pair(data_root, same=False)
    assert (
        lookup.record(data_root, [request.request_id], NOW)[request.request_id].state == "received"
    )


def test_going_on_without_the_other_half_is_on_the_certificate(
    data_root: DataRoot, grey: str
) -> None:
    request = asked(data_root, f"identity_code:{ALICE}")
    assert (
        decisions.go_on(data_root, request.request_id, {f"pair:{grey}": "left"}, NOW).state
        == "received"
    )
    [certificate] = erased(data_root, request.request_id).certificates
    issued = json.loads(certificates.path_of(data_root, certificate.request_id).read_bytes())[
        "certificate"
    ]
    assert {"code": "REQ-PAIRS-LEFT", "where": "request", "count": 1} in issued["warnings"]
    assert grey not in (data_root.requests / f"{request.request_id}.json").read_text()


# Ways out of an erasure that has begun


@pytest.fixture
def stuck(data_root: DataRoot) -> str:
    """Suppressed and removed, and not proven yet; two erasures share an identifier on the list."""
    request_id = asked(data_root, f"identity_code:{ALICE}").request_id
    find_cleared(data_root, [request_id])
    erasing.suppress(data_root, [request_id], TODAY)
    erasing.remove(data_root, [request_id], TODAY)
    return request_id


def test_refusing_after_removal_reports_what_was_removed_and_lifts_the_suppressions(
    data_root: DataRoot, stuck: str
) -> None:
    left = abandoning.refuse(data_root, stuck, "REQ-LEGAL-CLAIMS", NOW)
    closed = ledger.load(data_root, stuck)
    assert (closed.state, closed.outcome, closed.why) == ("closed", "refused", "REQ-LEGAL-CLAIMS")
    assert (left.removed, left.lifted > 0) == (sum(closed.removed.values()), True)
    assert closed.removed["raw"] == 3
    assert certificate_checks.check(data_root) == []
    deliver(data_root, NEXT, "contracts", CONTRACTS)
    basic_data(data_root, NEXT, [person(ALICE, name("Alice", "Testi"))])
    refresh(data_root, TODAY)
    assert ALICE in codes_of(data_root)


def test_refusing_leaves_what_another_erasure_needs_on_the_list(
    data_root: DataRoot, stuck: str
) -> None:
    other = asked(data_root, "customer_number:C2000002").request_id
    with_both = replace(
        ledger.load(data_root, other), resolved=(f"identity_code:{ALICE}",), state="erasing"
    )
    ledger.save(data_root, with_both)
    erasing.suppress(data_root, [other], TODAY)
    abandoning.refuse(data_root, stuck, "REQ-LEGAL-CLAIMS", NOW)
    basic_data(data_root, NEXT, [person(ALICE, name("Alice", "Testi"))])
    refresh(data_root, TODAY)
    assert ALICE not in codes_of(data_root)


def test_what_is_not_theirs_is_left_out_of_an_erasure_that_has_begun(
    data_root: DataRoot, stuck: str
) -> None:
    left = decisions.leave_out(data_root, stuck, ["email:alice.testi@example.fi"], NOW)
    assert "email:alice.testi@example.fi" not in left.resolved
    assert left.events[-1]["what"] == "suppression_lifted"
    with pytest.raises(RequestError, match="names no such identifier"):
        decisions.leave_out(data_root, stuck, ["email:nobody.testi@example.fi"], NOW)


def test_what_is_not_theirs_stays_left_out_while_nobody_is_certainly_meant(
    data_root: DataRoot,
) -> None:
    """Also when it becomes unclear which person is meant, and when somebody decides that."""
    mailbox = "email:alice.testi@example.fi"
    request = asked(data_root, f"identity_code:{ALICE}", mailbox)
    decisions.leave_out(data_root, request.request_id, [mailbox], NOW)
    waits = replace(
        ledger.load(data_root, request.request_id), given=("phone:+358401111111",), registrants=()
    )
    ledger.save(data_root, waits)
    unclear = lookup.record(data_root, [request.request_id], NOW)[request.request_id]
    assert unclear.state == "unclear"
    assert unclear.left_out == (mailbox,)
    alice = registrant_of(data_root, ALICE)
    decided = decisions.decide(data_root, request.request_id, [alice], NOW)
    assert mailbox in decided.left_out
    assert mailbox not in decided.resolved


def test_an_erasure_that_has_begun_is_widened_and_takes_the_rest(
    data_root: DataRoot, stuck: str
) -> None:
    wider = decisions.correct(data_root, stuck, ["customer_number:C2000002"], NOW)
    assert (wider.state, "customer_number:C2000002" in wider.resolved) == ("erasing", True)
    assert len(erased(data_root, stuck).certificates) == 1
    assert "other.testi" not in payloads(data_root)


def test_it_is_not_widened_by_what_is_not_certain(data_root: DataRoot, stuck: str) -> None:
    before = ledger.load(data_root, stuck)
    with pytest.raises(RequestError):
        decisions.correct(data_root, stuck, [f"contact_id:{BARE}"], NOW)
    assert ledger.load(data_root, stuck) == before


def test_identifiers_that_only_a_quarantined_record_has_are_followed(data_root: DataRoot) -> None:
    """The register knows an address from a consent; the contact with it was quarantined."""
    consented = [
        {
            "event_ts": "2026-11-17T08:00:00Z", "subject_key_type": kind, "subject_key": value,
            "purpose": "direct_marketing", "channel": channel, "status": "granted",
            "source": "web-form", "evidence": f"by0{kind}", "text_version": "1", "language": "fi",
        }
        for kind, value, channel in (
            ("email", QUARANTINED["email"], "email"),
            ("phone", QUARANTINED["phone"], "sms"),
        )
    ]  # fmt: skip
    put(data_root, "consents", NEXT, "consent_log", csv(consented), 2)
    unreadable = f'{{"note": "unreadable0 {QUARANTINED["phone"].replace("+358", "0")}", "x": '
    put(data_root, "credit_bureau", NEXT, "credit_reports", unreadable.encode(), 1)
    refresh(data_root, TODAY)
    ids = [registrant_of(data_root, QUARANTINED["email"])]
    request = asked(data_root, f"email:{QUARANTINED['email']}")
    assert request.registrants == tuple(ids)
    assert {f"phone:{QUARANTINED['phone']}", f"contact_id:{QUARANTINED['contact_id']}"} <= {
        *request.resolved
    }
    closing = erased(data_root, request.request_id)
    assert (closing.unproven, len(closing.certificates)) == ([], 1)
    left = payloads(data_root)
    assert [mark for mark in ("by0email", "by0phone", "unreadable0", "Vain") if mark in left] == []


def test_a_quarantined_record_of_another_party_adds_nothing(data_root: DataRoot) -> None:
    """The wife's address stands in a quarantined contract with the husband's code."""
    spouse = contract("S9", "500008888", "C9000009", THIRD, starts_on="no day at all")
    deliver(data_root, NEXT, "contracts", [spouse])
    rejected = contact("500007777", "Oma", "alice.testi@example.fi", created="no day at all")
    deliver(data_root, NEXT, "contacts", [rejected])
    refresh(data_root, TODAY)
    request = asked(data_root, f"identity_code:{ALICE}")
    named = {*request.resolved, *request.own}
    assert (
        named & {"contact_id:500008888", "contact_id:500007777", f"identity_code:{THIRD}"} == set()
    )


def test_an_account_of_two_people_is_redacted_where_a_third_mentions_it(
    data_root: DataRoot,
) -> None:
    def noted(text: str) -> dict[str, str]:
        return {**contact("500003", "Other", "third.other@example.fi"), "Notes": text}

    deliver(data_root, NEXT, "contacts", [noted(f"note0before about {CONTACT} today")])
    refresh(data_root, TODAY)
    request = asked(data_root, f"identity_code:{ALICE}")
    assert f"contact_id:{CONTACT}" in request.own
    assert erased(data_root, request.request_id).unproven == []
    deliver(data_root, "2026-11-20", "contacts", [noted(f"note0after about {CONTACT} today")])
    refresh(data_root, TODAY)
    left = payloads(data_root)
    assert "note0before about [redacted] today" in left
    assert "note0after about [redacted] today" in left
    assert f'"contact_id":"{CONTACT}","customer_number":"C1000002"' in left


def test_a_mention_in_a_field_for_an_identifier_is_redacted_in_every_layer(
    data_root: DataRoot,
) -> None:
    odd = [
        contract(f"S7 {ALICE.lower()}", "500002", "C2000002", ""),
        contract("S8", f"see {ALICE}", "C2000002", ""),
    ]
    deliver(data_root, NEXT, "contracts", odd)
    refresh(data_root, TODAY)
    request = asked(data_root, f"identity_code:{ALICE}")
    closing = erased(data_root, request.request_id)
    assert (closing.unproven, closing.findings) == ([], [])
    numbers = {row["contract_number"] for row in rows(data_root, "FROM contracts")}
    assert ("S7 [redacted]" in numbers, "S8" in numbers) == (False, True)
    # What is left of the number names no contract, so its record waits in quarantine for another.
    assert '"contract_number":"S7 [redacted]"' in payloads(data_root)
    [quarantined] = (data_root.lake / "quarantine" / "crm" / NEXT).glob("*.parquet")
    assert [row[2] for row in parquet_rows(quarantined)] == ["CONTRACT-NUMBER"]
