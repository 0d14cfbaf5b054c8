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
from assets.storage.data_root import DataRoot
from pipelines.cli.request_steps import request
from tests.support.erasing import find_cleared
from tests.support.known_registrants import LEAVES, NOW, SHARED, STAYS, TODAY, registrant_of
from tests.support.registers import build, refresh, rows, typed

LATER = NOW + timedelta(minutes=30)
THEIRS = f"identity_code:{LEAVES.identity_code}"


def received(data_root: DataRoot, right: str, *given: str) -> str:
    return ledger.receive(data_root, right, "written", list(given), NOW)


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def erasing(data_root: DataRoot) -> Request:
    """An erasure of LEAVES that has begun."""
    request_id = received(data_root, "erasure", THEIRS)
    find_cleared(data_root, [request_id])
    return ledger.load(data_root, request_id)


def ended(data_root: DataRoot, begun: Request) -> list[str]:
    """End the other requests, as closing does around the proof."""
    return other_requests.end(
        data_root, [begun], other_requests.hold(data_root, [begun], LATER), LATER
    )


def in_state(data_root: DataRoot, state: str, right: str, purpose: str = "") -> Request:
    """A request of LEAVES as it is after it was delivered to the register."""
    request_id = received(data_root, right, THEIRS)
    request = lookup.record(data_root, [request_id], NOW)[request_id]
    ledger.save(data_root, replace(request, state=state, purpose=purpose))  # type: ignore[arg-type]
    return ledger.load(data_root, request_id)


def test_open_requests_of_the_same_person_end_and_no_others(data_root: DataRoot) -> None:
    ends = [
        received(data_root, "access", f"customer_number:{LEAVES.customer_number}"),
        received(data_root, "rectification", THEIRS, f"email:{LEAVES.email}"),
        in_state(data_root, "in_force", "restriction").request_id,
        in_state(data_root, "weighing", "objection", "legitimate_interest").request_id,
        in_state(data_root, "applying", "withdrawal", "direct_marketing").request_id,
    ]
    only = received(data_root, "access", f"email:{LEAVES.email}")
    lookup.record(data_root, [only], NOW)
    both = received(data_root, "access", THEIRS, f"identity_code:{STAYS.identity_code}")
    others = [
        received(data_root, "access", f"identity_code:{STAYS.identity_code}"),
        received(data_root, "access", f"email:{SHARED}"),
    ]
    begun = erasing(data_root)
    ending = other_requests.find(data_root, [begun])[begun.request_id]
    effects = {other.request_id: other.effect for other in ending}
    assert effects == {
        **dict.fromkeys(ends, "ends"),
        only: "only_candidate",
        both: "named_with_others",
    }
    assert Other(only, "access", "unclear", "only_candidate") in ending
    noted = [event["told"] for event in begun.events if event["what"] == "ends_others"]
    assert noted == [", ".join(sorted([*ends, only]))]

    assert ended(data_root, begun) == sorted([*ends, only])
    for closed in (ledger.load(data_root, request_id) for request_id in [*ends, only]):
        assert (closed.state, closed.outcome, closed.why, closed.given) == (
            "closed",
            "ended",
            "REQ-ERASED",
            (),
        )
        assert not encrypted_identity.key_path(data_root, closed.request_id).exists()
    assert {ledger.load(data_root, request_id).state for request_id in [both, *others]} <= {
        "received",
        "unclear",
    }
    assert all(
        encrypted_identity.key_path(data_root, request_id).exists()
        for request_id in [both, *others]
    )
    assert ended(data_root, begun) == []


def test_what_waits_to_be_sent_goes_by_any_channel_and_spelling(data_root: DataRoot) -> None:
    theirs = in_state(data_root, "in_force", "restriction")
    closed = in_state(data_root, "weighing", "objection")
    spouse = replace(theirs, request_id=ledger.new_id(NOW), registrants=("r-other",))

    def wait(request: Request, channel: str, to: str) -> str:
        reached = outbound_messages.Reached(channel, to, "fi")
        return outbound_messages.write(data_root, request, reached, "lifting", NOW)

    wait(theirs, "email", LEAVES.email)
    wait(theirs, "letter", "")
    # A closed request leaves its messages: found by the spelling, and by the person they are about.
    wait(replace(spouse, registrants=()), "email", LEAVES.email.replace("aino", "AINO"))
    wait(replace(spouse, registrants=()), "phone", "040 999 0111")
    wait(closed, "email", SHARED)
    ledger.close(data_root, closed, NOW)
    kept = wait(spouse, "email", SHARED)
    (outbound_messages.folder(data_root) / "broken.json").write_text(f'{{"to": "{LEAVES.email}"')
    ended(data_root, erasing(data_root))
    assert [path.stem for path in outbound_messages.folder(data_root).iterdir()] == [kept]


def test_an_erasure_that_is_refused_ends_nothing_and_puts_messages_back(
    data_root: DataRoot,
) -> None:
    """What two erasures concern goes out when both are refused, and never when one is certified."""
    theirs = in_state(data_root, "in_force", "restriction")
    open_request = received(data_root, "access", THEIRS)
    first = erasing(data_root)
    second = replace(first, request_id=ledger.new_id(LATER))
    ledger.save(data_root, second)
    both = {first.request_id, second.request_id}
    for request_id, to in ((theirs, LEAVES.email), (theirs, ""), (first, LEAVES.email)):
        channel = "email" if to else "letter"
        outbound_messages.write(
            data_root, request_id, outbound_messages.Reached(channel, to, "fi"), "lifting", NOW
        )
    (outbound_messages.folder(data_root) / "broken.json").write_text(f'{{"to": "{LEAVES.email}"')
    waited = {
        path.name: path.read_bytes() for path in outbound_messages.folder(data_root).iterdir()
    }

    other_requests.hold(data_root, [first, second], LATER)
    assert list(outbound_messages.folder(data_root).iterdir()) == []
    assert LEAVES.email not in "".join(
        path.read_text() for path in withheld_messages.folder(data_root).iterdir()
    )
    other_requests.hold(data_root, [first, second], LATER)
    abandoning.refuse(data_root, second.request_id, "REQ-LEGAL-CLAIMS", LATER)
    abandoning.refuse(data_root, first.request_id, "REQ-LEGAL-CLAIMS", LATER)
    back = {path.name: path.read_bytes() for path in outbound_messages.folder(data_root).iterdir()}
    own = {name for name in {*waited, *back} if name.split("-")[0] in both}
    assert {name: text for name, text in back.items() if name not in own} == {
        name: text for name, text in waited.items() if name not in own
    }
    # The erasures' own messages are replaced by those of their refusals.
    assert {json.loads(back[name])["kind"] for name in own if name in back} == {"refusal"}
    assert list(withheld_messages.folder(data_root).iterdir()) == []
    assert ledger.load(data_root, theirs.request_id) == theirs
    assert ledger.load(data_root, open_request).state == "received"


def test_an_erasure_that_cannot_be_proven_ends_nothing_until_it_is(data_root: DataRoot) -> None:
    access = received(data_root, "access", THEIRS)
    begun = erasing(data_root)
    outbound_messages.write(
        data_root, begun, outbound_messages.Reached("email", LEAVES.email, "fi"), "lifting", NOW
    )
    steps = [begun.request_id]
    erasing_module.suppress(data_root, steps, TODAY)
    erasing_module.remove(data_root, steps, TODAY)
    build(data_root, TODAY)
    left_behind = data_root.root / "notes.txt"
    left_behind.write_text(LEAVES.identity_code)
    assert erasing_module.close(data_root, steps, LATER).unproven == steps
    assert ledger.load(data_root, access).state == "received"
    assert len(list(withheld_messages.folder(data_root).iterdir())) == 2
    left_behind.unlink()
    assert erasing_module.close(data_root, steps, LATER).unproven == []
    assert ledger.load(data_root, access).why == "REQ-ERASED"
    # What is left is the confirmation, which nobody has sent.
    assert withheld_messages.waiting(data_root) == steps
    assert len(list(withheld_messages.folder(data_root).iterdir())) == 1


def test_an_erasure_that_is_certified_is_not_refused(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = erasing(data_root)
    monkeypatch.setattr(certificates, "issued", lambda _: {begun.request_id})
    with pytest.raises(RequestError, match="proven and certified"):
        abandoning.refuse(data_root, begun.request_id, "REQ-LEGAL-CLAIMS", LATER)


def test_a_restriction_in_force_is_delivered_again_when_the_erasure_is_refused(
    data_root: DataRoot,
) -> None:
    """The erasure had removed the record of it from the lake."""
    asked = received(data_root, "restriction", THEIRS)
    restriction_and_objection.apply(data_root, [asked], NOW)
    refresh(data_root, TODAY)
    restriction_and_objection.settle(data_root, LATER)
    begun = erasing(data_root)
    erasing_module.suppress(data_root, [begun.request_id], TODAY)
    erasing_module.remove(data_root, [begun.request_id], TODAY)
    abandoning.refuse(data_root, begun.request_id, "REQ-LEGAL-CLAIMS", LATER)
    assert ledger.load(data_root, asked).state == "in_force"
    [again] = (data_root.inbox / "consents").rglob("*.dat")
    assert "restricted" in again.read_text()
    refresh(data_root, TODAY)
    assert rows(
        data_root,
        (
            "FROM choice_log WHERE choice = 'restricted' AND registrant_id = "
            f"'{registrant_of(data_root, LEAVES.identity_code)}'"
        ),
    )


def test_a_message_set_aside_by_two_erasures_goes_with_the_certified_erasure(
    data_root: DataRoot,
) -> None:
    first = erasing(data_root)
    second = replace(first, request_id=ledger.new_id(LATER))
    ledger.save(data_root, second)
    outbound_messages.write(
        data_root, first, outbound_messages.Reached("letter", "", "fi"), "lifting", NOW
    )
    ending = other_requests.hold(data_root, [first, second], LATER)
    other_requests.end(data_root, [first], ending, LATER)
    assert withheld_messages.put_back(data_root, second.request_id) == 0
    assert list(outbound_messages.folder(data_root).iterdir()) == []


def test_request_files_that_wait_or_were_set_aside_go(data_root: DataRoot) -> None:
    files = {
        "waits": {"right": "access", "identifiers": {"identity_code": LEAVES.identity_code}},
        "aside": {
            "right": "no right",
            "identifiers": {"identity_code": LEAVES.identity_code.lower()},
        },
        "spelled": {"right": "no right", "identifiers": {"phone": "040 999 0111"}},
        "others": {"right": "no right", "identifiers": {"identity_code": STAYS.identity_code}},
    }
    for name, content in files.items():
        if name != "waits":
            (request_inbox.folder(data_root) / f"{name}.json").write_text(json.dumps(content))
    request_inbox.take_in(data_root, NOW)
    begun = erasing(data_root)
    (request_inbox.folder(data_root) / "waits.json").write_text(json.dumps(files["waits"]))
    assert len(ended(data_root, begun)) == 1
    [left] = request_inbox.refused(data_root)
    assert STAYS.identity_code in request_inbox.opened(data_root, left["refused_id"])
    assert list(request_inbox.folder(data_root).iterdir()) == []


def test_killed_before_the_keys_are_destroyed_the_next_run_ends_the_same(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = received(data_root, "access", THEIRS)
    begun = erasing(data_root)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "close_all", killed)
        with pytest.raises(KeyboardInterrupt):
            ended(data_root, begun)
    assert ended(data_root, begun) == [theirs]
    events = [
        event["told"]
        for event in ledger.load(data_root, begun.request_id).events
        if event["what"] == "ends_others"
    ]
    assert events == [theirs]


def test_ending_an_old_right_of_somebody_erased_writes_nothing(data_root: DataRoot) -> None:
    restriction = in_state(data_root, "in_force", "restriction")
    objection = in_state(data_root, "weighing", "objection", "legitimate_interest")
    erasing_module.suppress(data_root, [erasing(data_root).request_id], TODAY)
    steps = [
        lambda: restriction_and_objection.announce_lifting(
            data_root, restriction.request_id, LATER
        ),
        lambda: restriction_and_objection.lift(data_root, restriction.request_id, LATER),
        lambda: restriction_and_objection.refuse(
            data_root, objection.request_id, "REQ-COMPELLING", LATER
        ),
        lambda: withdrawal.deliver(data_root, THEIRS, "direct_marketing", "all", LATER),
    ]
    for step in steps:
        with pytest.raises(RequestError, match="REQ-ERASED") as refused:
            step()
        assert LEAVES.identity_code not in str(refused.value)
    asked = ledger.receive(data_root, "objection", "written", [f"email:{LEAVES.email}"], LATER)
    [done] = restriction_and_objection.apply(data_root, [asked], LATER)
    assert (done.state, "REQ-ERASED" in done.why) == ("unclear", True)
    assert not list((data_root.inbox / "consents").rglob("*.dat"))
    [waits] = outbound_messages.folder(data_root).iterdir()
    assert json.loads(waits.read_text())["kind"] == withheld_messages.CONFIRMATION
    assert workflow.close(data_root, restriction.request_id, LATER).state == "closed"
    assert registrant_of(data_root, STAYS.identity_code)


def test_the_officer_is_shown_what_will_end(data_root: DataRoot) -> None:
    access = received(data_root, "access", THEIRS)
    asked = received(data_root, "erasure", THEIRS)
    shown = typed(data_root, request, "preview", asked)
    assert f"Request {access} (access, received) ends with the erasure." in shown.output
    preview = json.loads(typed(data_root, request, "preview", asked, "--json").output)
    assert [(other["request_id"], other["effect"]) for other in preview["other_requests"]] == [
        (access, "ends")
    ]
    [result] = json.loads(typed(data_root, request, "find", asked, "--json").output)
    assert result["other_requests"] == preview["other_requests"]
