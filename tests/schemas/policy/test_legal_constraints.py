"""What the law forbids is refused whatever the controller writes: the place, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from schemas.policy.legal_constraints import PERMITTED_BASES
from schemas.policy.loader import load_policy
from schemas.policy.model import Period
from schemas.policy.retention_constraints import AT_MOST, AT_MOST_WITHOUT_STATUTE, PERIODS
from schemas.vocabulary import PURPOSES, AppliesTo
from tests.support.changed_policy import changed, edited, faults, refused

# What is replaced, by what, the place of the only fault, and what the message has.
REFUSED = [
    # Who a source is, by its name and by its clause.
    (
        'P6.2, trust: 1, owner: "team:data", third_party: true',
        'P6.2, trust: 1, owner: "team:data"',
        "sources.population_register.third_party",
        "population_register (P6.2) is not the registrant (GDPR 14); write `third_party: true`",
    ),
    (
        'owner: "team:credit", third_party: true}',
        'owner: "team:credit", third_party: false}',
        "sources.credit_bureau.third_party",
        "credit_bureau (P6.4) is not the registrant",
    ),
    (
        'P6.3, trust: 2, owner: "team:data", third_party: true}',
        'P6.3, trust: 2, owner: "team:data"}',
        "sources.authorities.third_party",
        "authorities (P6.3) is not the registrant",
    ),
    (
        "P6.4, trust: 5",
        "P6.1, trust: 5",
        "sources.credit_bureau.third_party",
        "is the registrant (GDPR 13); take `third_party` out, or name the clause",
    ),
    (
        'clause: P6.1, trust: 3, owner: "team:sales"}',
        'clause: P6.5, trust: 3, owner: "team:sales"}',
        "sources.crm.third_party",
        "crm (P6.5) is not the registrant",
    ),
    (
        'sv: du själv}, clause: P6.1, trust: 2, owner: "team:data"}',
        'sv: du själv}, clause: P6.1, trust: 2, owner: "team:data", third_party: true}',
        "sources.self.third_party",
        "is the registrant",
    ),
    # Bases that cannot carry a purpose.
    (
        "clause: P4.6\n    bases: [consent]",
        "clause: P4.6\n    bases: [consent, legitimate_interest]",
        "purposes.targeted_advertising.bases.1",
        "'legitimate_interest' cannot carry it",
    ),
    (
        "clause: P4.4\n    bases: [legitimate_interest",
        "clause: P4.4\n    bases: [legal_obligation",
        "purposes.analytics.bases.0",
        "'legal_obligation' cannot carry it: profiling is neither needed",
    ),
    (
        "clause: P4.5\n    bases: [consent, legitimate_interest]",
        "clause: P4.5\n    bases: [consent, contract]",
        "purposes.direct_marketing.bases.1",
        "'contract' cannot carry it",
    ),
    (
        "bases: [contract, legal_obligation]",
        "bases: [contract, consent]",
        "purposes.contracts.bases.1",
        "'consent' cannot carry it",
    ),
    # What is never stored, whatever it is called.
    ("    stored: false\n", "", "categories.password", "write `stored: false`"),
    (
        "    retention: []\n    stored: false\n",
        "    retention: [RET-PROSPECT-3Y, RET-CUSTOMER-3Y]\n",
        "categories.password",
        "passwords and security codes are never stored",
    ),
    (
        "  call_recording:\n    name: {en: references to call recordings",
        "  call_recording:\n    name: {en: passwords of the portal",
        "categories.call_recording",
        "never stored",
    ),
    (
        "other data with your consent,",
        "religion,",
        "categories.other_with_consent",
        "it tells of religion or belief (GDPR 9), which this register never has",
    ),
    (
        'endast för evenemanget)"}\n    clause: P5.5\n    sources: [events]\n    purposes: []',
        'endast för evenemanget)"}\n    clause: P5.5\n    sources: [events]\n'
        "    purposes: [customer_care]",
        "categories.diet.purposes.0",
        "GDPR 9",
    ),
    (
        "sv: korrespondens}\n",
        "sv: betalningsanmärkningar}\n",
        "categories.correspondence.purposes",
        "credit data is bound to credit decisions (527/2007); name credit_decision or legal_claims",
    ),
    # Floors.
    (
        "segment_floor: 20",
        "segment_floor: 2",
        "profiles.segment_floor",
        "2 is too small: such a group tells of a person; write 10 or more",
    ),
    ("segment_floor: 20", "segment_floor: 9", "profiles.segment_floor", "write 10 or more"),
    # Periods have an end.
    (
        "confirmed_within: 30 days",
        "confirmed_within: 99 years",
        "protection.confirmed_within",
        "99 years is longer than the law allows (661/2009, 36 §); write '3 months' or less",
    ),
    (
        "confirmed_within: 30 days",
        "confirmed_within: 0 days",
        "protection.confirmed_within",
        "0 days is no time",
    ),
    (
        "clock: last_contact, period: 3 years",
        "clock: last_contact, period: 50 years",
        "retention.RET-PROSPECT-3Y.period",
        "50 years is longer than may be (GDPR 5(1)(e): no statute is named)",
    ),
    (
        "clock: delivery, period: 13 months",
        "clock: delivery, period: 9999 years",
        "retention.RET-RAW-13M.period",
        "write '3 years' or less, or basis L and the statute in `source`",
    ),
    (
        "clock: erasure, period: 3 years",
        "clock: erasure, period: 99 years",
        "retention.RET-SUPPRESSION-3Y.period",
        "longer than may be",
    ),
    (
        "period: 6 years, effect: segregate, basis: L, source: 1336/1997 2:10",
        "period: 500 years, effect: segregate, basis: L, source: 1336/1997 2:10",
        "retention.RET-VOUCHER-6Y.period",
        "write '30 years' or less",
    ),
    (
        "clock: closed, period: 3 years, effect: delete, basis: C",
        "clock: closed, period: 11 years, effect: delete, basis: C",
        "retention.RET-REQUEST-3Y.period",
        "write '10 years' or less",
    ),
    ("messages_kept: 14 days", "messages_kept: 5 years", "requests.messages_kept", "'3 months'"),
    ("messages_kept: 14 days", "messages_kept: 0 days", "requests.messages_kept", "'1 days'"),
    (
        "acknowledged_within: 14 days",
        "acknowledged_within: 2 years",
        "requests.acknowledged_within",
        "GDPR 19",
    ),
    ("warned_before: 7 days", "warned_before: 10 years", "requests.warned_before", "GDPR 12(3)"),
    (
        "answered_within: 1 months",
        "answered_within: 0 days",
        "requests.answered_within",
        "'1 days'",
    ),
    (
        "checked_within: 12 months",
        "checked_within: 9 years",
        "transfers.checked_within",
        "'12 months'",
    ),
    # A period of a statute or an authority names it.
    (
        "basis: L, source: 527/2007}",
        "basis: L}",
        "retention.RET-CREDIT-EXPIRY.source",
        "none is named",
    ),
    (
        "basis: L, source: 527/2007}",
        "basis: L, source: our lawyer}",
        "retention.RET-CREDIT-EXPIRY.source",
        "such as 1336/1997",
    ),
    (
        "period: 25 months, effect: delete, basis: A, source: CNIL",
        "period: 25 months, effect: delete, basis: A",
        "retention.RET-VISITS-25M.source",
        "write the authority, or basis C",
    ),
    # Who exercises a right explains nothing, but for an objection.
    (
        "  erasure: {clause: P9.1}",
        "  erasure: {clause: P9.1, situation_required: true}",
        "rights.erasure.situation_required",
        "GDPR 12(2)",
    ),
]

# The nearest changes that are allowed.
ALLOWED = [
    ("segment_floor: 20", "segment_floor: 10"),
    ("confirmed_within: 30 days", "confirmed_within: 3 months"),
    ("clock: last_contact, period: 3 years", "clock: last_contact, period: 5 years"),
    (
        "clock: made, period: 24 months, effect: delete, basis: C",
        "clock: made, period: 20 years, effect: delete, basis: L, source: 1234/2020 5 §",
    ),
    ("clause: P4.2\n    bases: [legitimate_interest]", "clause: P4.2\n    bases: [contract]"),
    ("bases: [contract, legal_obligation]", "bases: [contract, legitimate_interest]"),
    ("checked_within: 12 months", "checked_within: 1 years"),
    ("other data with your consent,", "hobbies,"),
]


@pytest.mark.parametrize(("old", "new", "place", "message"), REFUSED)
def test_what_the_law_forbids_is_the_only_fault(
    old: str, new: str, place: str, message: str, tmp_path: Path
) -> None:
    text, _ = edited(old, new)
    (fault,) = faults(tmp_path, text)
    assert f": {place}: " in fault
    assert message in fault


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_what_the_law_allows_is_the_controllers_choice(old: str, new: str, tmp_path: Path) -> None:
    assert faults(tmp_path, edited(old, new)[0]) == []


_OWN = {
    "name": {"en": "panel", "fi": "paneeli", "sv": "panel"},
    "clause": "P5.7",
    "retention": ["RET-PROSPECT-3Y"],
}
# A category of the controller's own, and what the message has.
OWN_CATEGORIES = [
    ({"derived_from": ["identity_code"], "purposes": ["analytics"]}, "unambiguous identification"),
    ({"derived_from": ["hashed_contact"], "purposes": ["analytics"]}, "sees pseudonyms only"),
    ({"derived_from": ["diet"], "purposes": ["customer_care"]}, "tells of health or belief"),
    ({"sources": ["credit_bureau"], "purposes": ["direct_marketing"]}, "527/2007"),
]


@pytest.mark.parametrize(("fields", "message"), OWN_CATEGORIES)
def test_a_category_of_ones_own_is_limited_by_what_it_comes_from(
    fields: dict[str, object], message: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, changed(("categories", "panel"), {**_OWN, **fields}))
    assert message in str(error)
    assert {fault.where[:3] for fault in error.faults} == {("categories", "panel", "purposes")}


@pytest.mark.parametrize(
    "name", ["PIN code", "answers to the security question", "säkerhetskod", "turvakysymykset"]
)
def test_what_opens_an_account_is_never_stored(name: str, tmp_path: Path) -> None:
    names = {"en": name, "fi": name, "sv": name}
    own = {**_OWN, "name": names, "sources": ["self"], "purposes": ["customer_care"]}
    assert "never stored" in str(refused(tmp_path, changed(("categories", "panel"), own)))


@pytest.mark.parametrize("clause", ["P5.9", "P6", "P6.6"])
def test_a_source_of_ones_own_that_is_not_the_registrant_says_so(
    clause: str, tmp_path: Path
) -> None:
    broker = {
        "name": {"en": "data brokers", "fi": "tietovälittäjät", "sv": "datamäklare"},
        "clause": clause,
        "trust": 5,
        "owner": "team:data",
    }
    (fault,) = refused(tmp_path, changed(("sources", "broker"), broker)).faults
    assert fault.where == ("sources", "broker", "third_party")


@pytest.mark.parametrize("source", ["1/1111", "1336/2999", "0/2019", "12/9", "2999/679"])
def test_a_statute_that_cannot_be_is_none(source: str, tmp_path: Path) -> None:
    content = changed(("retention", "RET-PROSPECT-3Y", "period"), "25 years")
    content["retention"]["RET-PROSPECT-3Y"] |= {"basis": "L", "source": source}
    error = refused(tmp_path, content)
    assert "no statute is named" in str(error)
    assert "basis L is a statute's, and none is named" in str(error)


@pytest.mark.parametrize(
    "code", ["RET-PROSPECT-3Y", "RET-CUSTOMER-3Y", "RET-RAW-13M", "RET-BACKUP-14D",
             "RET-REQUEST-3Y", "RET-SUPPRESSION-3Y"],
)  # fmt: skip
def test_what_would_end_as_it_begins_is_refused(code: str, tmp_path: Path) -> None:
    (fault,) = refused(tmp_path, changed(("retention", code, "period"), "0 days")).faults
    assert fault.where == ("retention", code, "period")


def test_every_period_has_an_upper_bound() -> None:
    """A kind of rule, or a period elsewhere in the file, that is new has to get one."""
    assert {*AT_MOST, *AT_MOST_WITHOUT_STATUTE} == set(get_args(AppliesTo))
    assert {".".join(map(str, where)) for where in PERIODS} == {
        ".".join(where) for where in periods(load_policy()) if where[0] != "retention"
    }


def periods(part: BaseModel, where: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in part:
        inner = value if isinstance(value, Mapping) else {name: value}
        path = (*where, name) if isinstance(value, Mapping) else where
        for key, each in inner.items():
            if isinstance(each, Period):
                yield (*path, key)
            elif isinstance(each, BaseModel):
                yield from periods(each, (*path, key))


def test_every_purpose_has_the_bases_that_can_carry_it() -> None:
    assert set(PERMITTED_BASES) == set(PURPOSES)
    for name, purpose in load_policy().purposes.items():
        assert set(purpose.bases) <= PERMITTED_BASES[name][0]
