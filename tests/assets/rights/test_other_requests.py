"""An erasure ends the registrant's other requests, with their keys and whatever waits to be sent;
nobody else's.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from assets.erasure import abandoning
from assets.erasure import erasing as erasing_module
from assets.erasure.proof import certificates
from assets.requests import encrypted_identity, ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import (
    lookup,
    other_requests,
    outbound_messages,
    request_inbox,
    restriction_and_objection,
    withdrawal,
    withheld_messages,
    workflow,
)
from assets.rights.other_requests import Other
from assets.storage.data_root import Home
from pipelines.cli.request_steps import request
from tests.support.known_registrants import LEAVES, NOW, SHARED, STAYS, TODAY, registrant_of
from tests.support.registers import build, refresh, rows, typed

LATER = NOW + timedelta(minutes=30)
THEIRS = f"identity_code:{LEAVES.identity_code}"


def received(home: Home, right: str, *given: str) -> str:
    return ledger.receive(home, right, "written", list(given), NOW)


@pytest.fixture
def home(known_home: Home) -> Home:
    return known_home


def erasing(home: Home) -> Request:
    """An erasure of LEAVES that has begun."""
    request_id = received(home, "erasure", THEIRS)
    erasing_module.find(home, [request_id])
    return ledger.load(home, request_id)


def ended(home: Home, begun: Request) -> list[str]:
    """End the other requests, as closing does around the proof."""
    return other_requests.end(home, [begun], other_requests.hold(home, [begun], LATER), LATER)


def in_state(home: Home, state: str, right: str, purpose: str = "") -> Request:
    """A request of LEAVES as it is after it was delivered to the register."""
    request_id = received(home, right, THEIRS)
    found = lookup.record(home, [request_id], NOW)[request_id]
    ledger.save(home, replace(found, state=state, purpose=purpose))  # type: ignore[arg-type]
    return ledger.load(home, request_id)


def test_open_requests_of_the_same_person_end_and_no_others(home: Home) -> None:
    ends = [
        received(home, "access", f"customer_number:{LEAVES.customer_number}"),
        received(home, "rectification", THEIRS, f"email:{LEAVES.email}"),
        in_state(home, "in_force", "restriction").request_id,
        in_state(home, "weighing", "objection", "legitimate_interest").request_id,
        in_state(home, "applying", "withdrawal", "direct_marketing").request_id,
    ]
    only = received(home, "access", f"email:{LEAVES.email}")
    lookup.record(home, [only], NOW)
    both = received(home, "access", THEIRS, f"identity_code:{STAYS.identity_code}")
    others = [
        received(home, "access", f"identity_code:{STAYS.identity_code}"),
        received(home, "access", f"email:{SHARED}"),
    ]
    begun = erasing(home)
    found = other_requests.find(home, [begun])[begun.request_id]
    effects = {one.request_id: one.effect for one in found}
    assert effects == {
        **dict.fromkeys(ends, "ends"),
        only: "only_candidate",
        both: "named_with_others",
    }
    assert Other(only, "access", "unclear", "only_candidate") in found
    noted = [one["told"] for one in begun.events if one["what"] == "ends_others"]
    assert noted == [", ".join(sorted([*ends, only]))]

    assert ended(home, begun) == sorted([*ends, only])
    for one in (ledger.load(home, request_id) for request_id in [*ends, only]):
        assert (one.state, one.outcome, one.why, one.given) == ("closed", "ended", "REQ-ERASED", ())
        assert not encrypted_identity.key_path(home, one.request_id).exists()
    assert {ledger.load(home, one).state for one in [both, *others]} <= {"received", "unclear"}
    assert all(encrypted_identity.key_path(home, one).exists() for one in [both, *others])
    assert ended(home, begun) == []


def test_what_waits_to_be_sent_goes_by_any_channel_and_spelling(home: Home) -> None:
    theirs = in_state(home, "in_force", "restriction")
    closed = in_state(home, "weighing", "objection")
    spouse = replace(theirs, request_id=ledger.new_id(NOW), registrants=("r-other",))

    def wait(request: Request, channel: str, to: str) -> str:
        reached = outbound_messages.Reached(channel, to, "fi")
        return outbound_messages.write(home, request, reached, "lifting", NOW)

    wait(theirs, "email", LEAVES.email)
    wait(theirs, "letter", "")
    # A closed request leaves its messages: found by the spelling, and by whom they are about.
    wait(replace(spouse, registrants=()), "email", LEAVES.email.replace("aino", "AINO"))
    wait(replace(spouse, registrants=()), "phone", "040 999 0111")
    wait(closed, "email", SHARED)
    ledger.close(home, closed, NOW)
    kept = wait(spouse, "email", SHARED)
    (outbound_messages.folder(home) / "broken.json").write_text(f'{{"to": "{LEAVES.email}"')
    ended(home, erasing(home))
    assert [path.stem for path in outbound_messages.folder(home).iterdir()] == [kept]


def test_an_erasure_that_is_refused_ends_nothing_and_puts_messages_back(home: Home) -> None:
    """What two erasures concern goes out when both are refused, and never when one is certified."""
    theirs = in_state(home, "in_force", "restriction")
    open_one = received(home, "access", THEIRS)
    first = erasing(home)
    second = replace(first, request_id=ledger.new_id(LATER))
    ledger.save(home, second)
    both = {first.request_id, second.request_id}
    for told, to in ((theirs, LEAVES.email), (theirs, ""), (first, LEAVES.email)):
        channel = "email" if to else "letter"
        outbound_messages.write(
            home, told, outbound_messages.Reached(channel, to, "fi"), "lifting", NOW
        )
    (outbound_messages.folder(home) / "broken.json").write_text(f'{{"to": "{LEAVES.email}"')
    waited = {path.name: path.read_bytes() for path in outbound_messages.folder(home).iterdir()}

    other_requests.hold(home, [first, second], LATER)
    assert list(outbound_messages.folder(home).iterdir()) == []
    assert LEAVES.email not in "".join(
        path.read_text() for path in withheld_messages.folder(home).iterdir()
    )
    other_requests.hold(home, [first, second], LATER)
    abandoning.refuse(home, second.request_id, "REQ-LEGAL-CLAIMS", LATER)
    abandoning.refuse(home, first.request_id, "REQ-LEGAL-CLAIMS", LATER)
    back = {path.name: path.read_bytes() for path in outbound_messages.folder(home).iterdir()}
    own = {name for name in {*waited, *back} if name.split("-")[0] in both}
    assert {name: text for name, text in back.items() if name not in own} == {
        name: text for name, text in waited.items() if name not in own
    }
    # The erasures' own messages are replaced by those of their refusals.
    assert {json.loads(back[name])["kind"] for name in own if name in back} == {"refusal"}
    assert list(withheld_messages.folder(home).iterdir()) == []
    assert ledger.load(home, theirs.request_id) == theirs
    assert ledger.load(home, open_one).state == "received"


def test_an_erasure_that_cannot_be_proven_ends_nothing_until_it_is(home: Home) -> None:
    access = received(home, "access", THEIRS)
    begun = erasing(home)
    outbound_messages.write(
        home, begun, outbound_messages.Reached("email", LEAVES.email, "fi"), "lifting", NOW
    )
    steps = [begun.request_id]
    erasing_module.suppress(home, steps, TODAY)
    erasing_module.remove(home, steps, TODAY)
    build(home, TODAY)
    left_behind = home.root / "notes.txt"
    left_behind.write_text(LEAVES.identity_code)
    assert erasing_module.close(home, steps, LATER).unproven == steps
    assert ledger.load(home, access).state == "received"
    assert len(list(withheld_messages.folder(home).iterdir())) == 1
    left_behind.unlink()
    assert erasing_module.close(home, steps, LATER).unproven == []
    assert ledger.load(home, access).why == "REQ-ERASED"
    assert list(withheld_messages.folder(home).iterdir()) == []


def test_an_erasure_that_is_certified_is_not_refused(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = erasing(home)
    monkeypatch.setattr(certificates, "issued", lambda _: {begun.request_id})
    with pytest.raises(RequestError, match="proven and certified"):
        abandoning.refuse(home, begun.request_id, "REQ-LEGAL-CLAIMS", LATER)


def test_a_restriction_in_force_is_delivered_again_when_the_erasure_is_refused(home: Home) -> None:
    """The erasure had removed the record of it from the lake."""
    asked = received(home, "restriction", THEIRS)
    restriction_and_objection.apply(home, [asked], NOW)
    refresh(home, TODAY)
    restriction_and_objection.settle(home, LATER)
    begun = erasing(home)
    erasing_module.suppress(home, [begun.request_id], TODAY)
    erasing_module.remove(home, [begun.request_id], TODAY)
    abandoning.refuse(home, begun.request_id, "REQ-LEGAL-CLAIMS", LATER)
    assert ledger.load(home, asked).state == "in_force"
    [again] = (home.inbox / "consents").rglob("request-*.csv")
    assert "restricted" in again.read_text()
    refresh(home, TODAY)
    assert rows(home, f"FROM choice_log WHERE registrant_id = '{registrant_of(home, LEAVES.identity_code)}' AND choice = 'restricted'")  # fmt: skip


def test_a_message_that_two_erasures_hold_goes_with_the_one_that_is_certified(home: Home) -> None:
    first = erasing(home)
    second = replace(first, request_id=ledger.new_id(LATER))
    ledger.save(home, second)
    outbound_messages.write(
        home, first, outbound_messages.Reached("letter", "", "fi"), "lifting", NOW
    )
    ending = other_requests.hold(home, [first, second], LATER)
    other_requests.end(home, [first], ending, LATER)
    assert withheld_messages.put_back(home, second.request_id) == 0
    assert list(outbound_messages.folder(home).iterdir()) == []


def test_request_files_that_wait_or_were_set_aside_go(home: Home) -> None:
    files = {
        "waits": {"right": "access", "identifiers": {"identity_code": LEAVES.identity_code}},
        "aside": {
            "right": "no right",
            "identifiers": {"identity_code": LEAVES.identity_code.lower()},
        },
        "spelled": {"right": "no right", "identifiers": {"phone": "040 999 0111"}},
        "others": {"right": "no right", "identifiers": {"identity_code": STAYS.identity_code}},
    }
    for name, said in files.items():
        if name != "waits":
            (request_inbox.folder(home) / f"{name}.json").write_text(json.dumps(said))
    request_inbox.take_in(home, NOW)
    begun = erasing(home)
    (request_inbox.folder(home) / "waits.json").write_text(json.dumps(files["waits"]))
    assert len(ended(home, begun)) == 1
    [left] = request_inbox.refused(home)
    assert STAYS.identity_code in request_inbox.opened(home, left["refused_id"])
    assert list(request_inbox.folder(home).iterdir()) == []


def test_killed_before_the_keys_are_destroyed_the_next_run_ends_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = received(home, "access", THEIRS)
    begun = erasing(home)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "close_all", killed)
        with pytest.raises(KeyboardInterrupt):
            ended(home, begun)
    assert ended(home, begun) == [theirs]
    events = [
        one["told"]
        for one in ledger.load(home, begun.request_id).events
        if one["what"] == "ends_others"
    ]
    assert events == [theirs]


def test_ending_an_old_right_of_somebody_erased_writes_nothing(home: Home) -> None:
    restriction = in_state(home, "in_force", "restriction")
    objection = in_state(home, "weighing", "objection", "legitimate_interest")
    erasing_module.suppress(home, [erasing(home).request_id], TODAY)
    steps = [
        lambda: restriction_and_objection.announce_lifting(home, restriction.request_id, LATER),
        lambda: restriction_and_objection.lift(home, restriction.request_id, LATER),
        lambda: restriction_and_objection.refuse(
            home, objection.request_id, "REQ-COMPELLING", LATER
        ),
        lambda: withdrawal.deliver(home, THEIRS, "direct_marketing", "all", LATER),
    ]
    for step in steps:
        with pytest.raises(RequestError, match="REQ-ERASED") as refused:
            step()
        assert LEAVES.identity_code not in str(refused.value)
    asked = ledger.receive(home, "objection", "written", [f"email:{LEAVES.email}"], LATER)
    [done] = restriction_and_objection.apply(home, [asked], LATER)
    assert (done.state, "REQ-ERASED" in done.why) == ("unclear", True)
    assert not list((home.inbox / "consents").rglob("*-*.csv"))
    assert outbound_messages.waiting(home) == 0
    assert workflow.close(home, restriction.request_id, LATER).state == "closed"
    assert registrant_of(home, STAYS.identity_code)


def test_the_officer_is_shown_what_will_end(home: Home) -> None:
    access = received(home, "access", THEIRS)
    asked = received(home, "erasure", THEIRS)
    shown = typed(home, request, "preview", asked)
    assert f"Request {access} (access, received) ends with the erasure." in shown.output
    told = json.loads(typed(home, request, "preview", asked, "--json").output)
    assert [(one["request_id"], one["effect"]) for one in told["other_requests"]] == [
        (access, "ends")
    ]
    [found] = json.loads(typed(home, request, "find", asked, "--json").output)
    assert found["other_requests"] == told["other_requests"]
