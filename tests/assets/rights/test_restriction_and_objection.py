"""Restriction, objection and withdrawal: the marts follow at once, later deliveries do not undo
them, and `why` names the rule.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime, timedelta

import duckdb
import pytest

from assets.marts import building as mart_building
from assets.marts import eligibility_explanation
from assets.marts.building import mart_path
from assets.register import building
from assets.requests import ledger
from assets.requests.ledger import Request, RequestError
from assets.rights import restriction_and_objection, workflow
from assets.storage.data_root import DataRoot
from schemas.columns import arrow_schema, table_name
from schemas.marts import MARTS
from tests.support.known_registrants import (
    LEAVES,
    NOW,
    SHARED,
    STAYS,
    TODAY,
    deliver,
    registrant_of,
)
from tests.support.registers import take_in

LATER = NOW + timedelta(hours=1)


BOTH = (f"identity_code:{LEAVES.identity_code}", f"customer_number:{LEAVES.customer_number}")


@pytest.fixture
def data_root(known_data_root: DataRoot) -> DataRoot:
    return known_data_root


def night(data_root: DataRoot, marts: Collection[str] = ()) -> None:
    """A refresh; the marts that a test does not look at are as old as if they had been built."""
    take_in(data_root, TODAY)
    building.build(data_root, TODAY)
    for purpose in MARTS:
        if purpose in marts:
            mart_building.build(data_root, purpose, TODAY)
            mart_building.publish(data_root, purpose)
        else:
            mart_path(data_root, purpose).touch()


def ask(
    data_root: DataRoot,
    right: str,
    purpose: str = "",
    now: datetime = NOW,
    given: str = f"identity_code:{LEAVES.identity_code}",
    by: str = "all",
    marts: Collection[str] = (),
) -> Request:
    """The request, carried out and refreshed."""
    request_id = ledger.receive(data_root, right, "written", [given], now, purpose=purpose, by=by)
    restriction_and_objection.apply(data_root, restriction_and_objection.waiting(data_root), now)
    night(data_root, marts)
    restriction_and_objection.settle(data_root, now + timedelta(minutes=1))
    return ledger.load(data_root, request_id)


def marts_with(data_root: DataRoot, registrant_id: str) -> set[str]:
    """The marts with rows that name the registrant by id."""
    marts = set()
    for purpose, models in MARTS.items():
        with duckdb.connect(str(mart_path(data_root, purpose)), read_only=True) as connection:
            for model in models:
                if "registrant_id" in arrow_schema(model).names:
                    query = f"SELECT count(*) FROM {table_name(model)} WHERE registrant_id = ?"
                    marts |= (
                        {purpose}
                        if (connection.execute(query, [registrant_id]).fetchone() or (0,))[0]
                        else set()
                    )
    return marts


def keeping_out(
    data_root: DataRoot, registrant_id: str, purpose: str, channel: str = ""
) -> set[str]:
    return {
        rule.code
        for explanation in eligibility_explanation.explain(data_root, registrant_id, purpose)
        if channel in ("", explanation.channel)
        for rule in explanation.rules
        if rule.effect == "out"
    }


@pytest.mark.clause("P9.4")
def test_a_restricted_registrant_is_in_no_mart_but_that_for_claims(data_root: DataRoot) -> None:
    leaves, stays = (
        registrant_of(data_root, LEAVES.identity_code),
        registrant_of(data_root, STAYS.identity_code),
    )
    before = marts_with(data_root, stays)
    assert {"contracts", "customer_care", "legal_claims"} <= marts_with(data_root, leaves)
    done = ask(data_root, "restriction", marts=MARTS)
    assert (done.state, done.answered) == ("in_force", True)
    assert marts_with(data_root, leaves) == {"legal_claims"}
    assert "ADM-RESTRICTED" in keeping_out(data_root, leaves, "customer_care")
    assert marts_with(data_root, stays) == before


def test_a_restriction_outlives_re_deliveries_and_ends_only_when_it_is_lifted(
    data_root: DataRoot,
) -> None:
    leaves = registrant_of(data_root, LEAVES.identity_code)
    before = marts_with(data_root, leaves)
    done = ask(data_root, "restriction")
    deliver(data_root.root, "2026-11-19", "2026-11-20")
    night(data_root, MARTS)
    assert marts_with(data_root, leaves) == {"legal_claims"}
    with pytest.raises(RequestError, match="must be told before"):
        restriction_and_objection.lift(data_root, done.request_id, LATER)
    assert restriction_and_objection.announce_lifting(data_root, done.request_id, LATER) == "email"
    [message] = [json.loads(path.read_text()) for path in (data_root.outbox / "messages").iterdir()]
    assert (message["kind"], message["to"]) == ("lifting", LEAVES.email)
    lifted = restriction_and_objection.lift(data_root, done.request_id, LATER)
    assert (lifted.state, lifted.outcome, lifted.resolved) == ("closed", "lifted", ())
    night(data_root, MARTS)
    assert marts_with(data_root, leaves) == before


def test_lifting_a_restriction_lifts_no_objection(data_root: DataRoot) -> None:
    leaves = registrant_of(data_root, LEAVES.identity_code)
    ask(data_root, "objection", "direct_marketing")
    done = ask(data_root, "restriction", now=NOW + timedelta(minutes=5))
    restriction_and_objection.announce_lifting(data_root, done.request_id, LATER)
    restriction_and_objection.lift(data_root, done.request_id, LATER)
    night(data_root)
    assert "ADM-OBJECTION" in keeping_out(data_root, leaves, "direct_marketing")
    assert "ADM-RESTRICTED" not in keeping_out(data_root, leaves, "direct_marketing")


@pytest.mark.clause("P9.6")
def test_an_objection_to_marketing_is_carried_out_and_cannot_be_refused(
    data_root: DataRoot,
) -> None:
    leaves = registrant_of(data_root, LEAVES.identity_code)
    assert "direct_marketing" in marts_with(data_root, leaves)
    request_id = ledger.receive(
        data_root, "objection", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    with pytest.raises(RequestError, match="recorded ground"):
        workflow.refuse(data_root, request_id, "REQ-COMPELLING", NOW)
    restriction_and_objection.apply(data_root, [request_id], NOW)
    night(data_root, ["direct_marketing"])
    [done] = restriction_and_objection.settle(data_root, NOW)
    assert (done.state, done.outcome) == ("closed", "granted")
    assert "direct_marketing" not in marts_with(data_root, leaves)
    assert "ADM-OBJECTION" in keeping_out(data_root, leaves, "direct_marketing")


def test_an_objection_by_address_alone_needs_no_identity(data_root: DataRoot) -> None:
    done = ask(data_root, "objection", "direct_marketing", given=f"email:{SHARED}")
    assert (done.state, done.outcome) == ("closed", "granted")
    done = ask(data_root, "objection", "legitimate_interest", given=f"email:{SHARED}", now=LATER)
    assert done.state == "unclear"


def test_another_objection_is_suspended_while_it_is_weighed_and_refused_only_on_a_ground(
    data_root: DataRoot,
) -> None:
    leaves = registrant_of(data_root, LEAVES.identity_code)
    before = marts_with(data_root, leaves)
    done = ask(data_root, "objection", "legitimate_interest", marts=["direct_marketing"])
    assert done.state == "weighing"
    assert "direct_marketing" not in marts_with(data_root, leaves)
    assert "ADM-OBJECTION" in keeping_out(data_root, leaves, "direct_marketing")
    with pytest.raises(RequestError, match="recorded ground"):
        restriction_and_objection.refuse(data_root, done.request_id, "REQ-STILL-NEEDED", LATER)
    refused = restriction_and_objection.refuse(data_root, done.request_id, "REQ-COMPELLING", LATER)
    assert (refused.state, refused.outcome, refused.why) == ("closed", "refused", "REQ-COMPELLING")
    night(data_root, MARTS)
    assert marts_with(data_root, leaves) == before


def test_refusing_one_of_two_identical_requests_ends_nothing(data_root: DataRoot) -> None:
    """Letters come twice: while the other is weighed, the suspension holds; with the last it
    ends.
    """
    leaves = registrant_of(data_root, LEAVES.identity_code)
    first, second = (
        ask(data_root, "objection", "legitimate_interest", given=given) for given in BOTH
    )
    refused = restriction_and_objection.refuse(data_root, first.request_id, "REQ-COMPELLING", LATER)
    assert (refused.state, "lifted" in [event["what"] for event in refused.events]) == (
        "closed",
        False,
    )
    night(data_root)
    assert "ADM-OBJECTION" in keeping_out(data_root, leaves, "direct_marketing")
    restriction_and_objection.refuse(data_root, second.request_id, "REQ-COMPELLING", LATER)
    night(data_root)
    assert "ADM-OBJECTION" not in keeping_out(data_root, leaves, "direct_marketing")


def test_an_objection_that_is_upheld_stands(data_root: DataRoot) -> None:
    done = ask(data_root, "objection", "legitimate_interest")
    assert restriction_and_objection.uphold(data_root, done.request_id, LATER).outcome == "granted"
    night(data_root)
    assert "ADM-OBJECTION" in keeping_out(
        data_root, registrant_of(data_root, LEAVES.identity_code), "direct_marketing"
    )


@pytest.mark.clause("P9.3")
def test_a_withdrawal_is_per_purpose_and_channel(data_root: DataRoot) -> None:
    leaves = registrant_of(data_root, LEAVES.identity_code)
    done = ask(data_root, "withdrawal", "direct_marketing", by="email")
    assert (done.state, done.outcome) == ("closed", "granted")
    assert "ADM-WITHDRAWN" in keeping_out(data_root, leaves, "direct_marketing", "email")
    assert "ADM-WITHDRAWN" not in keeping_out(data_root, leaves, "direct_marketing", "post")


def test_many_are_one_delivery(data_root: DataRoot) -> None:
    for who in (LEAVES, STAYS):
        ledger.receive(
            data_root, "objection", "written", [f"identity_code:{who.identity_code}"], NOW
        )
    done = restriction_and_objection.apply(
        data_root, restriction_and_objection.waiting(data_root), NOW
    )
    assert len({digest for request in done for digest in request.delivered}) == 1
    assert len(list((data_root.inbox / "consents").rglob("*.dat"))) == 1


def test_until_the_marts_follow_a_request_is_not_called_in_force(data_root: DataRoot) -> None:
    request_id = ledger.receive(
        data_root, "restriction", "written", [f"identity_code:{LEAVES.identity_code}"], NOW
    )
    restriction_and_objection.apply(data_root, [request_id], NOW)
    assert restriction_and_objection.settle(data_root, NOW) == []
    assert ledger.load(data_root, request_id).state == "applying"
    restriction_and_objection.apply(data_root, restriction_and_objection.waiting(data_root), NOW)
    assert len(list((data_root.inbox / "consents").rglob("*.dat"))) == 1
