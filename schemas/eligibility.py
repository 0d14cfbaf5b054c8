"""Eligibility for the marts: the rules that admit or exclude a registrant, with basis and scope.

A registrant is in a mart (for marketing and advertising: in one of its channels) if at least one
rule admits and none excludes: the most restrictive signal wins. A rule that admits counts only
while policy.yaml lists its basis for the purpose. The rules' conditions over the register's tables
are in `assets.register.eligibility`.

Source: docs/law.md (GDPR 6, 7, 18, 21; 917/2014, 200-205 §; 661/2009, 28 and 36 §);
docs/decisions/eligibility.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.vocabulary import PURPOSES, Basis

# Purposes that are decided channel by channel; the others have the one channel `all`.
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "direct_marketing": ("email", "sms", "phone", "post"),
    "targeted_advertising": ("email", "phone"),
}
ALL = ("all",)

Scope = Mapping[str, tuple[str, ...]]


def channels(purpose: str) -> tuple[str, ...]:
    """The channels of a purpose; eligibility is decided for each."""
    return CHANNELS.get(purpose, ALL)


def _scope(*purposes: str) -> Scope:
    return {purpose: channels(purpose) for purpose in purposes}


@dataclass(frozen=True)
class Rule:
    """A rule: its effect, its basis if it admits, and the purposes and channels it concerns."""

    effect: Literal["in", "out"]
    basis: Basis | None
    reach: Scope
    meaning: str


_PROFILED = ("analytics", "targeted_advertising")
_MARKETED = ("direct_marketing", "targeted_advertising")
_OPEN = tuple(purpose for purpose in PURPOSES if purpose not in ("contracts", "legal_claims"))

RULES: dict[str, Rule] = {
    "ADM-CONTRACT": Rule(
        "in", "contract", _scope("contracts"), "party to a contract, past or present"
    ),
    "ADM-OPEN-CONTRACT": Rule(
        "in",
        "contract",
        _scope("customer_care", "products_and_services"),
        "party to a contract that is in force today",
    ),
    "ADM-RELATIONSHIP": Rule(
        "in",
        "legitimate_interest",
        {
            **_scope("customer_care", "products_and_services", "analytics"),
            "direct_marketing": ("phone", "post"),
        },
        "a customer or contact: a customer number, a contract, an order, an e-mail address or a "
        "phone; by phone and post: as a private person",
    ),
    "ADM-VISITOR": Rule(
        "in",
        "consent",
        _scope("products_and_services", "analytics"),
        "has visited the website under a cookie that has not expired, having consented to the "
        "purpose (917/2014, 205 §)",
    ),
    "ADM-CONSENT": Rule(
        "in",
        "consent",
        _scope(*_MARKETED),
        "has consented to the purpose on this channel, or on all, and not taken it back",
    ),
    "ADM-SOFT-OPT-IN": Rule(
        "in",
        "legitimate_interest",
        {"direct_marketing": ("email", "sms")},
        "a private customer with a contract in force or an order within the customers' period, "
        "reached where the sale had it from (917/2014, 200 §)",
    ),
    "ADM-COMPANY-ADDRESS": Rule(
        "in",
        "legitimate_interest",
        _scope("direct_marketing"),
        "a company's own address, no person's (917/2014, 202 §)",
    ),
    "ADM-COMPANY-DUTIES": Rule(
        "in",
        "legitimate_interest",
        _scope("direct_marketing"),
        "a company's contact person whose job title is one of the policy's `duties` (917/2014, "
        "202 §)",
    ),
    "ADM-CREDIT-CONTRACT": Rule(
        "in",
        "contract",
        _scope("credit_decision"),
        "a credit report or mark is about them, and a contract is in force today",
    ),
    "ADM-CREDIT-SUBJECT": Rule(
        "in",
        "legitimate_interest",
        _scope("credit_decision"),
        "a credit report or mark is about them",
    ),
    "ADM-CLAIM": Rule(
        "in",
        "legitimate_interest",
        _scope("legal_claims"),
        "party to a contract or an order, from which claims may arise",
    ),
    "ADM-DECEASED": Rule(
        "out",
        None,
        _scope("products_and_services", "analytics", *_MARKETED, "credit_decision"),
        "has died",
    ),
    "ADM-PROTECTED": Rule(
        "out",
        None,
        _scope("products_and_services", "analytics", *_MARKETED),
        "protected identity (661/2009, 36 §)",
    ),
    "ADM-RESTRICTED": Rule(
        "out",
        None,
        _scope(*(purpose for purpose in PURPOSES if purpose != "legal_claims")),
        "has had the processing restricted: stored only (GDPR 18)",
    ),
    "ADM-MINOR": Rule("out", None, _scope(*PURPOSES), "younger than the purpose's minimum age"),
    "ADM-AGE-UNKNOWN": Rule(
        "out",
        None,
        _scope(*PURPOSES),
        "of unknown age where the purpose has a minimum, and nothing shows adulthood: no contract, "
        "no order above what minors buy alone, no place in a company (442/1999, 24 §)",
    ),
    "ADM-OBJECTION": Rule(
        "out",
        None,
        _scope(*_OPEN),
        "has objected to the purpose, to marketing or to legitimate interest (GDPR 21); not where "
        "a contract in force needs it",
    ),
    "ADM-WITHDRAWN": Rule(
        "out",
        None,
        _scope(*_OPEN),
        "has taken back a consent to the purpose on this channel or on all; not where a contract "
        "in force needs it",
    ),
    "ADM-PROHIBITED": Rule(
        "out",
        None,
        _scope(*_OPEN),
        "has forbidden the purpose on this channel or on all; not where a contract in force needs "
        "it",
    ),
    "ADM-REGISTER-PROHIBITION": Rule(
        "out",
        None,
        _scope(*_MARKETED),
        "the population register prohibits direct marketing (661/2009, 28 §)",
    ),
    "ADM-PROHIBITION-LIST": Rule(
        "out", None, _scope(*_MARKETED), "on a prohibition list; a telephone ban holds three years"
    ),
    "ADM-CRM-OPT-OUT": Rule("out", None, _scope(*_MARKETED), "has opted out in the CRM"),
    "ADM-BOUNCE": Rule("out", None, _scope(*_MARKETED), "the address has bounced for good"),
    "ADM-CONTACT-DISCLOSURE": Rule(
        "out",
        None,
        {**_scope("targeted_advertising"), "direct_marketing": ("post",)},
        "the population register prohibits disclosing contact data; by post: where the address is "
        "the register's (661/2009, 28 §)",
    ),
    "ADM-REGISTER-UPDATE": Rule(
        "out",
        None,
        {"direct_marketing": ("post",)},
        "the population register prohibits updating customer registers, and the address is the "
        "register's (661/2009, 28 §)",
    ),
    "ADM-MOBILE-BY-PHONE": Rule(
        "out",
        None,
        {"direct_marketing": ("phone",)},
        "nothing may be marketed to them by telephone but mobile subscriptions, for which that is "
        "barred (917/2014, 201 §)",
    ),
    "ADM-REVIEW": Rule(
        "out",
        None,
        _scope(*_PROFILED),
        "has asked for a person to review the profile, and none has yet (GDPR 22)",
    ),
    "ADM-UNREACHABLE": Rule(
        "out", None, _scope(*_MARKETED), "nothing is known to reach them by on this channel"
    ),
}
# The code of `register why` for a registrant that no rule admits.
NOTHING_LETS_IN = "ADM-NOTHING-LETS-IN"

CODES = {
    **{code: rule.meaning for code, rule in RULES.items()},
    NOTHING_LETS_IN: "no rule lets the registrant in: none of the purpose's bases applies",
}

# Refusals that end only when they are lifted; and those that a later consent replaces.
UNTIL_LIFTED = ("prohibited", "objected", "restricted", "review_requested")
REFUSED = ("withdrawn", "prohibited", "objected")
# From the most to the least restrictive.
STATUSES = ("restricted", "prohibited", "objected", "review_requested", "withdrawn", "granted")
# A telephone ban of a list lasts three years (the list's own rule); other prohibitions until they
# are lifted.
FROM_LIST = "regexp_matches(origin, '^(consents:prohibition-list|prohibitions:(phone|post)-list)')"
LIST_YEARS = 3
# A mail server refused: no word of the registrant.
BOUNCED = "regexp_matches(origin, '^crm:.*bounce')"


def concerned(purpose: str, channel: str, choice: str) -> Scope:
    """The purposes and channels that a choice about `purpose` on `channel` concerns."""
    if choice == "granted":
        return _granted(purpose, channel)
    if choice == "restricted":
        return RULES["ADM-RESTRICTED"].reach
    if choice == "review_requested":
        return RULES["ADM-REVIEW"].reach
    if purpose == "contact_disclosure":
        return RULES["ADM-CONTACT-DISCLOSURE"].reach
    if purpose == "customer_register_update":
        return RULES["ADM-REGISTER-UPDATE"].reach
    return _refused(purpose, channel, choice)


def _granted(purpose: str, channel: str) -> Scope:
    if purpose == "direct_marketing":
        return {purpose: tuple(each for each in channels(purpose) if channel in (each, "all"))}
    if purpose == "targeted_advertising":
        by = {
            "email": ("email",),
            "phone": ("phone",),
            "sms": ("phone",),
            "all": channels(purpose),
        }
        return {purpose: by.get(channel, ())}
    return {}


# The channel of direct marketing that is refused -> the identifiers that advertising loses.
_ADVERTISED_BY: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "sms": ("phone",),
    "phone": ("phone",),
    "post": (),
    "web": channels("targeted_advertising"),
    "all": channels("targeted_advertising"),
}


def _refused(purpose: str, channel: str, choice: str) -> Scope:
    """The scope of a refusal.

    A refusal of direct marketing extends to advertising by the same address or phone; on all
    channels or on the web to all of it.
    """
    if purpose == "direct_marketing":
        scope = {purpose: tuple(each for each in channels(purpose) if channel in (each, "all"))}
        scope |= {"targeted_advertising": _ADVERTISED_BY[channel]}
        if channel == "all" and choice == "objected":
            scope |= _scope("analytics")
        return scope
    if purpose == "profiling":
        return _scope(*_PROFILED)
    if purpose == "legitimate_interest":
        return _scope(
            "products_and_services",
            "customer_care",
            "analytics",
            "direct_marketing",
            "credit_decision",
        )
    return _scope(purpose) if purpose in _OPEN else {}
