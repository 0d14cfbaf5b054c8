"""Holds: what stays past its time, of which person and category, until when."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from assets.register import build_state, building
from assets.register import holds as register_holds
from assets.requests import encrypted_identity, holds, ledger
from assets.retention import forecast, overdue_check, registrant_dates, sweep
from assets.rights import holding, lookup, verification, workflow
from assets.storage.data_root import DataRoot
from pipelines.cli.hold import hold as hold_command
from pipelines.cli.marts import why
from tests.support import population_register_messages as messages
from tests.support.data_roots import copied
from tests.support.dated_records import contract, visit
from tests.support.deliveries import csv, put
from tests.support.erasing import find_cleared
from tests.support.known_registrants import NOW
from tests.support.marketing import contact as any_contact
from tests.support.marketing import event
from tests.support.registers import build, rows, take_in, typed

# Last contact on 12 November 2023: their time is over on 12 November 2026.
BEFORE, DUE = date(2026, 11, 11), date(2026, 11, 12)
CODE = messages.code("010170-945")


def contact(number: str, **fields: str) -> dict[str, str]:
    """A contact who is of age; the number is too high for a birth year of its own."""
    return any_contact(number, Date_of_birth="1970-01-02", **fields)


def person(number: str, **fields: str) -> dict[str, str]:
    return {
        **contact(number), "Create Date": "2023-11-12 10:00", "Last Activity Date": "",
        "Customer number": f"C{number}",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }  # fmt: skip


def export(data_root: DataRoot, day: str, *people: dict[str, str]) -> None:
    put(data_root, "crm", day, "contacts", csv(list(people)), len(people))


def known(data_root: DataRoot) -> set[str]:
    return {row["customer_number"] for row in rows(data_root, "SELECT * FROM registrants")}


def night(data_root: DataRoot, day: date) -> set[str]:
    """The customer numbers that are left after a night."""
    take_in(data_root, day)
    build(data_root, day)
    return known(data_root)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("two") / "data")
    data_root.create()
    export(data_root, "2026-11-09", person("801"), person("802"))
    assert night(data_root, BEFORE) == {"C801", "C802"}
    return data_root.root


@pytest.fixture
def before(two: Path, tmp_path: Path) -> DataRoot:
    """Two people on the day before their time is over."""
    return DataRoot(copied(two, tmp_path / "before"))


def on_hold(data_root: DataRoot, number: str = "801", **more: object) -> str:
    identifiers = holding.identifiers_of(data_root, "", [f"customer_number:C{number}"])
    return holds.add(
        data_root,
        identifiers,
        "HOLD-CLAIM",
        "legal, case 7",
        "tester",
        NOW,
        **more,  # type: ignore[arg-type]
    )


def received(data_root: DataRoot, right: str, number: str = "801", **more: str) -> str:
    request_id = ledger.receive(
        data_root,
        right,
        "written",
        [f"customer_number:C{number}"],
        NOW,
        **more,  # type: ignore[arg-type]
    )
    lookup.record(data_root, [request_id], NOW)
    return request_id


def changed(data_root: DataRoot, request_id: str, **values: object) -> None:
    with ledger.changing(data_root):
        request = replace(ledger.load(data_root, request_id), **values)  # type: ignore[arg-type]
        ledger.save(data_root, request)


def is_to_be_built_again(data_root: DataRoot, day: date) -> bool:
    return building.inputs(data_root, day) != build_state.read(data_root)["inputs"]


# --- what holds, and ends by itself -------------------------------------------------------------


# The right of each person's request, its state, and the last of the nights with the person; the
# request is closed on the day of that night.
REQUESTS: dict[str, tuple[dict[str, str], str, str]] = {
    "access": ({"right": "access"}, "", "2026-12-01"),
    "portability": ({"right": "portability"}, "", "2026-12-01"),
    "rectification": ({"right": "rectification"}, "", "2026-12-01"),
    "verified access": ({"right": "access"}, "", "2026-12-02"),
    "restriction in force": ({"right": "restriction"}, "in_force", "2026-11-12"),
    "restriction being applied": ({"right": "restriction"}, "applying", "2026-11-12"),
    "objection being weighed": (
        {"right": "objection", "purpose": "analytics"}, "weighing", "2026-11-12"),
    "withdrawal": ({"right": "withdrawal", "purpose": "direct_marketing"}, "", "2026-11-11"),
    "erasure": ({"right": "erasure"}, "", "2026-11-11"),
    "nothing": ({}, "", "2026-11-11"),
    "restriction stated by a source": ({}, "", "2026-11-13"),
}  # fmt: skip
NUMBERS = {case: str(number) for number, case in enumerate(REQUESTS, 820)}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The customer numbers that are left after each night, of a person for each request."""
    data_root = DataRoot(tmp_path_factory.mktemp("requests") / "data")
    data_root.create()
    export(data_root, "2026-11-09", *map(person, NUMBERS.values()))
    left = {str(BEFORE): night(data_root, BEFORE)}
    requests = {}
    for case, (request, state, _) in REQUESTS.items():
        if request:
            requests[case] = received(data_root, number=NUMBERS[case], **request)
        if state:
            changed(data_root, requests[case], state=state)
    verification.verified(data_root, requests["verified access"], "identity_document", NOW)
    stating = {"2026-11-12": "restricted", "2026-11-20": "lifted"}
    for day in ("2026-11-12", "2026-11-13", "2026-11-20", "2026-12-01", "2026-12-02"):
        if status := stating.get(day):
            number = NUMBERS["restriction stated by a source"]
            stated = event(number, status, "all", f"{day}T09:00:00Z", purpose="legal_claims")
            put(data_root, "consents", day, "consent_log", csv([stated]), 1)
        left[day] = night(data_root, date.fromisoformat(day))
        for case, request_id in requests.items():
            if day == REQUESTS[case][2] < "2026-12-02":
                outcome = "lifted" if REQUESTS[case][1] else "granted"
                with ledger.changing(data_root):
                    ledger.close(data_root, ledger.load(data_root, request_id), NOW, outcome)
    return left


def last_night(nights: dict[str, set[str]], case: str) -> str:
    """The last of the nights after which the person of the request was left; they stay away."""
    left = [f"C{NUMBERS[case]}" in customers for customers in nights.values()]
    assert left == sorted(left, reverse=True)
    return list(nights)[left.count(True) - 1]


def test_without_a_hold_they_leave(nights: dict[str, set[str]]) -> None:
    assert last_night(nights, "nothing") == str(BEFORE)


@pytest.mark.clause("P9.1")
@pytest.mark.parametrize("case", ["access", "portability", "rectification", "verified access"])
def test_an_open_request_holds_until_it_is_closed(nights: dict[str, set[str]], case: str) -> None:
    assert last_night(nights, case) == REQUESTS[case][2]


@pytest.mark.parametrize(
    "case", ["restriction in force", "restriction being applied", "objection being weighed"]
)
@pytest.mark.clause("P9.4", "P9.6")
def test_a_restriction_and_an_objection_being_weighed_hold(
    nights: dict[str, set[str]], case: str
) -> None:
    assert last_night(nights, case) == REQUESTS[case][2]


def test_a_restriction_that_a_source_has_stated_holds_until_it_is_lifted(
    nights: dict[str, set[str]],
) -> None:
    assert last_night(nights, "restriction stated by a source") == "2026-11-13"


@pytest.mark.parametrize("case", ["withdrawal", "erasure"])
def test_what_needs_no_data_to_be_answered_holds_nothing(
    nights: dict[str, set[str]], case: str
) -> None:
    assert last_night(nights, case) == str(BEFORE)


def test_a_hold_by_command_ends_by_command_and_what_was_due_goes_the_next_night(
    before: DataRoot,
) -> None:
    hold_id = on_hold(before)
    assert night(before, DUE) == {"C801"}
    holds.end(before, hold_id, "tester", NOW)
    assert is_to_be_built_again(before, DUE)
    assert night(before, date(2026, 11, 13)) == set()


def test_a_hold_ends_on_its_day(before: DataRoot) -> None:
    """Until 5 December: on the 4th the person is there, in the night of the 5th they go."""
    hold_id = on_hold(before, until=date(2027, 12, 5))
    assert night(before, date(2027, 12, 4)) == {"C801"}
    assert night(before, date(2027, 12, 5)) == set()
    [hold] = holds.every(before)
    assert (hold.hold_id, hold.ended_by, hold.identifiers) == (hold_id, "date", ())


def test_who_ended_it_stays_on_record_and_what_identifies_the_person_does_not(
    before: DataRoot,
) -> None:
    hold_id = on_hold(before)
    key = encrypted_identity.key_path(before, hold_id)
    written = (holds.folder(before) / f"{hold_id}.json").read_text()
    assert key.exists()
    assert "C801" not in written
    holds.end(before, hold_id, "liisa", NOW)
    assert not key.exists()
    [hold] = holds.every(before)
    assert (hold.ground, hold.owner, hold.ended_by) == ("HOLD-CLAIM", "legal, case 7", "liisa")
    with pytest.raises(holds.HoldError, match="has ended already"):
        holds.end(before, hold_id, "liisa", NOW)


@pytest.mark.parametrize("origin", ["hold", "access", "restriction"])
def test_everybody_stays_while_the_key_of_a_hold_is_missing(before: DataRoot, origin: str) -> None:
    """Or damaged. Nobody can tell which data may go, so the build goes on and nothing of anybody
    goes.
    """
    name = on_hold(before) if origin == "hold" else received(before, origin)
    if origin == "restriction":
        encrypted_identity.key_path(before, name).write_bytes(b"x" * 32)
    else:
        encrypted_identity.destroy(before, [name])
    assert register_holds.unreadable(before, DUE) == [name]
    assert night(before, DUE) == {"C801", "C802"}
    sweep.sweep(before, DUE)
    assert not any(overdue_check.overdue(before, DUE)[layer] for layer in ("staged", "register"))
    assert night(before, date(2026, 11, 13)) == {"C801", "C802"}


def test_what_has_a_clock_of_its_own_stays_while_the_key_of_a_hold_is_missing(
    data_root: DataRoot,
) -> None:
    long_ago = datetime(2024, 10, 10, 9, tzinfo=UTC)
    seen = json.dumps([visit(1, "c000000000000001", long_ago)])
    put(data_root, "website", "2026-11-09", "visits", seen.encode(), 1)
    take_in(data_root, BEFORE)
    name = holds.add(data_root, ["customer_number:C999"], "HOLD-CLAIM", "legal", "tester", NOW)
    encrypted_identity.destroy(data_root, [name])
    build(data_root, DUE)
    sweep.sweep(data_root, DUE)
    assert rows(data_root, "SELECT * FROM visits")
    holds.end(data_root, name, "liisa", NOW)
    build(data_root, DUE)
    assert not rows(data_root, "SELECT * FROM visits")


def test_what_was_due_goes_when_the_hold_without_a_key_has_ended(before: DataRoot) -> None:
    hold_id, request_id = on_hold(before), received(before, "access")
    encrypted_identity.destroy(before, [hold_id, request_id])
    assert night(before, DUE) == {"C801", "C802"}
    holds.end(before, hold_id, "liisa", NOW)
    workflow.refuse(before, request_id, "REQ-NOT-IDENTIFIED", NOW)
    assert register_holds.unreadable(before, DUE) == []
    on_hold(before, "802")
    assert night(before, date(2026, 11, 13)) == {"C802"}


@pytest.mark.parametrize(
    ("state", "right", "purpose"),
    [
        ("received", "access", ""),
        ("unclear", "rectification", ""),
        ("applying", "restriction", ""),
        ("in_force", "restriction", ""),
        ("weighing", "objection", "analytics"),
    ],
)
def test_a_request_without_a_key_can_be_closed_in_any_state(
    before: DataRoot, state: str, right: str, purpose: str
) -> None:
    request_id = received(before, right, **({"purpose": purpose} if purpose else {}))
    changed(before, request_id, state=state)
    encrypted_identity.destroy(before, [request_id])
    workflow.close(before, request_id, NOW)
    assert register_holds.unreadable(before, DUE) == []


def test_the_key_brought_back_lets_the_others_go(before: DataRoot) -> None:
    hold_id = on_hold(before)
    key = encrypted_identity.key_path(before, hold_id)
    content = key.read_bytes()
    encrypted_identity.destroy(before, [hold_id])
    assert night(before, DUE) == {"C801", "C802"}
    key.write_bytes(content)
    assert is_to_be_built_again(before, DUE)
    assert night(before, DUE) == {"C801"}


# --- whom it follows ----------------------------------------------------------------------------


def test_a_hold_follows_its_person_through_a_merge(data_root: DataRoot) -> None:
    """Two contacts become one by the identity code of their contracts; both have long been over."""
    export(data_root, "2026-11-09", person("801"), person("802"))
    assert night(data_root, BEFORE) == {"C801", "C802"}
    on_hold(data_root, "801")
    agreed = [
        {**contract(f"K-{number}", f"C{number}", "2023-01-31"), "contact_id": number,
            "identity_code": CODE}
        for number in ("801", "802")
    ]  # fmt: skip
    put(data_root, "crm", "2026-11-12", "contracts", csv(agreed), 2)
    export(data_root, "2026-11-12", person("801", Email="sama@example.fi"),
        person("802", Email="sama@example.fi", First_Name="Nimi801",
        ))  # fmt: skip
    take_in(data_root, DUE)
    build(data_root, DUE)
    assert {row["value"] for row in rows(data_root, "SELECT * FROM identifiers")} >= {
        "801",
        "C801",
    }
    contracts = rows(data_root, "SELECT contract_number FROM contracts")
    assert {row["contract_number"] for row in contracts} == {"K-801", "K-802"}


def test_a_merge_tonight_keeps_what_would_have_left_tonight(data_root: DataRoot) -> None:
    """A visit of the person under a hold, as it turns out on the night in which it is over."""
    signed_in = {
        **visit(1, "c000000000000001", datetime(2024, 10, 12, 9, tzinfo=UTC)), "userId": "C899",
    }  # fmt: skip
    put(data_root, "website", "2026-11-09", "visits", json.dumps([signed_in]).encode(), 1)
    export(data_root, "2026-11-09", person("801"))
    assert night(data_root, BEFORE) >= {"C801"}
    on_hold(data_root)
    # The CRM gives the contact the other number.
    export(data_root, "2026-11-12", person("801", Customer_number="C899"))
    take_in(data_root, DUE)
    build(data_root, DUE)
    assert [row["visit"] for row in rows(data_root, "SELECT visit FROM visits")] == ["1|1"]
    assert overdue_check.overdue(data_root, DUE)["staged"] == 0


def test_every_part_of_a_split_that_has_one_of_the_identifiers_stays_on_hold(
    before: DataRoot,
) -> None:
    """Contact and customer number are of one person, and then of two."""
    on_hold(before)
    export(before, "2026-11-12", person("801", Customer_number="C888"),
        person("803", Customer_number="C801", Email="toinen@example.fi"))  # fmt: skip
    assert night(before, DUE) >= {"C801", "C888"}


# --- what it covers -----------------------------------------------------------------------------


def visited(data_root: DataRoot, *numbers: str) -> None:
    """The visits of 12 October 2024 are over on 12 November 2026."""
    at = datetime(2024, 10, 12, 9, tzinfo=UTC)
    signed_in = [
        {**visit(int(number), f"c000000000000{number}", at), "userId": f"C{number}"}
        for number in numbers
    ]
    put(data_root, "website", "2026-11-09", "visits", json.dumps(signed_in).encode(), len(numbers))


def test_what_has_a_clock_of_its_own_stays_where_the_hold_covers_it(data_root: DataRoot) -> None:
    covered = {"801": (), "802": ("website",), "803": ("contract", "order")}
    visited(data_root, *covered)
    export(data_root, "2026-11-09", *map(person, covered))
    night(data_root, BEFORE)
    for number, categories in covered.items():
        on_hold(data_root, number, categories=categories)
    assert night(data_root, DUE) == {f"C{number}" for number in covered}
    left = {row["visit"] for row in rows(data_root, "SELECT visit FROM visits")}
    assert left == {"1|801", "1|802"}
    assert set(overdue_check.overdue(data_root, DUE).values()) == {0}
    before_again = rows(data_root, "SELECT * FROM registrants")
    build(data_root, DUE)
    assert rows(data_root, "SELECT * FROM registrants") == before_again


def test_a_hold_needs_a_ground_an_owner_and_a_category_of_the_policy(before: DataRoot) -> None:
    named = ["customer_number:C801"]
    for ground, owner, more, message in (
        ("HOLD-REQUEST", "legal", {}, "no ground"),
        ("HOLD-CLAIM", " ", {}, "owner"),
        ("HOLD-CLAIM", "legal", {"categories": ["kontract"]}, "no category"),
        ("HOLD-CLAIM", "legal", {"until": NOW.date()}, "ended already"),
    ):
        with pytest.raises(holds.HoldError, match=message):
            holds.add(before, named, ground, owner, "tester", NOW, **more)  # type: ignore[arg-type]


# --- erasure ------------------------------------------------------------------------------------


def test_an_erasure_waits_for_a_hold_and_goes_on_when_it_has_ended(before: DataRoot) -> None:
    hold_id = on_hold(before)
    request_id = received(before, "erasure")
    find_cleared(before, [request_id])
    waiting = ledger.load(before, request_id)
    assert (waiting.state, waiting.waits_for) == ("unclear", (hold_id,))
    assert hold_id in waiting.why
    [letter] = [json.loads(path.read_text())
        for path in (before.outbox / "messages").glob("*.json")]  # fmt: skip
    assert (letter["kind"], letter["to"]) == ("erasure_waits", "n801@example.fi")
    assert "17 artiklan 3 kohdan e alakohta" in letter["text"]
    assert ledger.pending(before) == []
    holds.end(before, hold_id, "tester", NOW)
    assert ledger.pending(before) == [request_id]
    find_cleared(before, [request_id])
    assert ledger.load(before, request_id).state == "erasing"
    [letter] = [json.loads(path.read_text())
        for path in (before.outbox / "messages").glob("*.json")]  # fmt: skip
    assert letter["kind"] == "erasure"


def purposes_of(data_root: DataRoot, number: str) -> set[str]:
    """The purposes that the person is eligible for."""
    query = f"""SELECT purpose FROM admission JOIN registrants USING (registrant_id)
        WHERE customer_number = 'C{number}' GROUP BY purpose, channel
        HAVING bool_or(effect = 'in') AND NOT bool_or(effect = 'out')"""
    return {row["purpose"] for row in rows(data_root, query)}


@pytest.mark.clause("P9.1", "P9.4")
@pytest.mark.parametrize("categories", [(), ("contract", "order")])
def test_what_waits_for_a_hold_is_used_for_legal_claims_only(
    before: DataRoot, categories: tuple[str, ...]
) -> None:
    """Whatever the hold covers; until the erasure goes on, or is closed."""
    used = purposes_of(before, "801")
    assert "customer_care" in used
    hold_id = on_hold(before, categories=categories)
    request_id = received(before, "erasure")
    find_cleared(before, [request_id])
    assert is_to_be_built_again(before, BEFORE)
    build(before, BEFORE)
    assert purposes_of(before, "801") <= {"legal_claims"}
    assert purposes_of(before, "802") == used
    holds.end(before, hold_id, "tester", NOW)
    build(before, BEFORE)
    assert purposes_of(before, "801") == used


def test_an_erasure_that_waits_keeps_no_more_than_the_hold_it_waits_for(
    data_root: DataRoot,
) -> None:
    visited(data_root, "801")
    export(data_root, "2026-11-09", person("801"))
    night(data_root, BEFORE)
    on_hold(data_root, categories=("contract",))
    find_cleared(data_root, [received(data_root, "erasure")])
    assert night(data_root, DUE) == {"C801"}
    assert rows(data_root, "SELECT visit FROM visits") == []


def test_the_persons_own_requests_do_not_stop_their_erasure(before: DataRoot) -> None:
    received(before, "access")
    request_id = received(before, "erasure")
    find_cleared(before, [request_id])
    assert ledger.load(before, request_id).state == "erasing"


# --- what people are shown ----------------------------------------------------------------------


def test_the_forecast_shows_what_is_on_hold_apart_and_when_it_goes(before: DataRoot) -> None:
    on_hold(before)
    on_hold(before, "802", until=date(2027, 2, 10))
    found = forecast.simulate(before, DUE)
    going = {(due.month, due.rule) for due in found.due if due.category == "registrant_id"}
    assert going == {("2027-02", "RET-PROSPECT-3Y")}
    assert {(each.ground, each.rule, each.rows) for each in found.on_hold} == {
        ("HOLD-CLAIM", "RET-PROSPECT-3Y", 1)
    }
    assert sweep.simulate(before, DUE) == []


def test_why_shows_the_hold_and_when_the_time_is_over(before: DataRoot) -> None:
    hold_id = on_hold(before, categories=("contract",))
    assert night(before, DUE) == {"C801"}
    [row] = rows(before, "SELECT registrant_id FROM registrants")
    shown = registrant_dates.explain(before, row["registrant_id"], DUE)
    assert (shown.rule, shown.started, shown.due) == ("RET-PROSPECT-3Y", date(2023, 11, 12), DUE)
    assert [(each.hold, each.ground, each.categories) for each in shown.holds] == [
        (hold_id, "HOLD-CLAIM", ("contract",))
    ]
    shown_to_people = typed(before, why, row["registrant_id"], "customer_care")
    assert f"{hold_id}  HOLD-CLAIM" in shown_to_people.output
    machine = json.loads(typed(before, why, row["registrant_id"], "contracts", "--json").output)
    assert machine["retention"]["due"] == str(DUE)
    assert "C801" not in shown_to_people.output


def test_the_commands_add_list_and_end(before: DataRoot) -> None:
    added = typed(before, hold_command, "add", "--customer-number", "C801",
        "--ground", "HOLD-AUTHORITY", "--owner", "court of Helsinki")  # fmt: skip
    hold_id = added.output.strip()
    assert added.exit_code == 0
    request_id = received(before, "access")
    listed = typed(before, hold_command, "list", "--json")
    assert {(row["hold_id"], row["ground"]) for row in json.loads(listed.output)} == {
        (hold_id, "HOLD-AUTHORITY"),
        (request_id, "HOLD-REQUEST"),
    }
    assert "C801" not in listed.output
    assert typed(before, hold_command, "end", hold_id).exit_code == 0
    assert typed(before, hold_command, "end", hold_id).exit_code == 1
    assert typed(before, hold_command, "add", "--customer-number", "C999",
        "--ground", "HOLD-CLAIM", "--owner", "legal").exit_code == 1  # fmt: skip
