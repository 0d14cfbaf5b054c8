"""Legal constraints on a policy, whatever the controller writes. Source: docs/law.md; statutes as
named.

A policy that breaks one of them is refused at start-up, like an inconsistent one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.policy.diagnostics import Fault, Where
from schemas.sensitive import sensitive
from schemas.vocabulary import CATEGORIES, Basis

if TYPE_CHECKING:
    from schemas.policy.model import Category, Policy

# Category -> the purposes that may ever use it, and the reason.
ONLY_FOR = {
    "credit": (
        {"credit_decision", "legal_claims"},
        "credit data is bound to credit decisions (527/2007)",
    ),
    "identity_code": (
        {"contracts", "credit_decision", "legal_claims"},
        "the identity code is for unambiguous identification only (1050/2018, 29 §)",
    ),
    "protection": (set[str](), "that an identity is protected is secret (661/2009, 36 §)"),
    "website_identifier": (
        set[str](),
        "cookie and device identifiers only join visits; no purpose needs them (GDPR 5(1)(c))",
    ),
    "password": (set[str](), "a password is never kept (GDPR 5, 25)"),
    "diet": (
        set[str](),
        "a special diet tells of health or belief and serves its event only (GDPR 9)",
    ),
}
# A purpose with pseudonyms may use nothing that identifies the person behind one (GDPR 4(5)).
PSEUDONYMOUS = ("products_and_services", "analytics")
IDENTIFYING = {
    "registrant_id",
    "name",
    "birth_date",
    "customer_number",
    "identity_code",
    "contact",
    "hashed_contact",
    "address",
    "company",
}
# Purposes that need a given basis.
NEEDS_BASIS = {
    "contracts": ("contract", "a contract is fulfilled on the contract (GDPR 6(1)(b))"),
    "direct_marketing": (
        "consent",
        "e-mail and text messages need prior consent (917/2014, 200 §)",
    ),
    "targeted_advertising": (
        "consent",
        "advertising on what cookies tell needs consent (917/2014, 205 §)",
    ),
}
# The bases that can carry a purpose, and the reason (GDPR 6(1); 917/2014).
PERMITTED_BASES: dict[str, tuple[set[Basis], str]] = {
    "products_and_services": (
        {"contract", "legitimate_interest", "consent"},
        "no law obliges to develop products (GDPR 6(1)(c))",
    ),
    "contracts": (
        {"contract", "legal_obligation", "legitimate_interest"},
        "a contract is not fulfilled on a consent that may be withdrawn (GDPR 7(4))",
    ),
    "customer_care": (
        {"contract", "legitimate_interest", "consent"},
        "no law obliges to care for customers (GDPR 6(1)(c))",
    ),
    "analytics": (
        {"legitimate_interest", "consent"},
        "profiling is neither needed for a contract nor obliged by law (GDPR 6(1)(b)-(c))",
    ),
    "direct_marketing": (
        {"consent", "legitimate_interest"},
        "marketing is neither needed for a contract nor obliged by law (GDPR 6(1)(b)-(c))",
    ),
    "targeted_advertising": (
        {"consent"},
        "advertising on what cookies tell needs consent (917/2014, 205 §)",
    ),
    "credit_decision": (
        {"contract", "legitimate_interest", "legal_obligation"},
        "a decision on credit does not depend on consent (GDPR 7(4))",
    ),
    "legal_claims": (
        {"legitimate_interest", "legal_obligation", "contract"},
        "a claim is not defended on a consent that may be withdrawn (GDPR 7(3))",
    ),
}
# Words of data that is never stored, whatever its category is called.
NEVER_STORED = re.compile(
    r"passw|passcode|salasan|l[oö]senord|\bcv[vc]2?\b|tunnusluku|\bpin\b"
    r"|security (question|answer|code)|turvakysym|säkerhets(fråg|kod)",
    re.IGNORECASE,
)
# Sources that are never the registrant, and those that are nobody else (GDPR 13, 14).
OTHERS = {
    "population_register",
    "business_register",
    "credit_bureau",
    "authorities",
    "contact_provider",
    "social_media",
}
REGISTRANTS_OWN = {"self", "consents"}
# The same by the clause of the source: P6.1 is the registrant, all else are others.
OWN_CLAUSE, CREDIT_CLAUSE = "P6.1", "P6.4"
# Under it, a group, or the difference of two groups, tells of a person (GDPR 4(5), 25).
SEGMENT_FLOOR = 10
# Purposes that exclude minors: profiling and marketing.
ADULTS_ONLY = ("analytics", "direct_marketing", "targeted_advertising")
AGE_OF_MAJORITY = 18


def faults(policy: Policy) -> list[Fault]:
    """All provisions of the policy that the law does not allow."""
    return [
        *_purposes(policy),
        *_bases(policy),
        *_profiling(policy),
        *_topics(policy),
        *_sources(policy),
        *_stored(policy),
        *_rights(policy),
    ]


def _purposes(policy: Policy) -> list[Fault]:
    """A category, and all derived from it, is limited to the purposes that the law allows."""
    faults = []
    for name, category in policy.categories.items():
        own = name not in CATEGORIES
        origins = policy.derivation(name)
        limits = [
            ONLY_FOR[origin]
            for origin in sorted(origins)
            if origin in ONLY_FOR
            and (origin == name or own or origin not in _HARMLESS_WHEN_DERIVED)
        ]
        if own and _of_credit_bureaus(policy, name):
            limits.append(ONLY_FOR["credit"])
        for number, purpose in enumerate(category.purposes):
            where = ("categories", name, "purposes", number)
            faults += [
                Fault(where, f"{purpose!r} may not use it: {reason}", "take the purpose out")
                for allowed, reason in limits
                if purpose not in allowed
            ]
            if purpose in PSEUDONYMOUS and IDENTIFYING & (origins if own else {name}):
                faults.append(
                    Fault(
                        where,
                        f"{purpose!r} sees pseudonyms only (GDPR 4(5)), and this tells who they "
                        "are",
                        "take the purpose out",
                    )
                )
    return faults


# The register's own number is made from identifiers as a hash; it does not reveal them, and is no
# identity code. What a controller derives itself is not known to be harmless.
_HARMLESS_WHEN_DERIVED = {"identity_code"}


def _of_credit_bureaus(policy: Policy, name: str) -> bool:
    """Whether credit information companies alone deliver a category, whatever it is called."""
    clauses = {
        policy.sources[source].clause for source in policy.origins(name) if source in policy.sources
    }
    return clauses == {CREDIT_CLAUSE}


def _bases(policy: Policy) -> list[Fault]:
    faults = []
    for purpose, entry in policy.purposes.items():
        permitted, reason = PERMITTED_BASES.get(purpose, (set(entry.bases), ""))
        faults += [
            Fault(
                ("purposes", purpose, "bases", number),
                f"{basis!r} cannot carry it: {reason}",
                f"write {' or '.join(sorted(permitted))}",
            )
            for number, basis in enumerate(entry.bases)
            if basis not in permitted
        ]
    for purpose, (basis, reason) in NEEDS_BASIS.items():
        if purpose in policy.purposes and basis not in policy.purposes[purpose].bases:
            faults.append(
                Fault(
                    ("purposes", purpose, "bases"), f"it lacks {basis!r}: {reason}", f"add {basis}"
                )
            )
    return faults


def _sources(policy: Policy) -> list[Fault]:
    """Where a source has data from decides who is informed when, and what is portable (GDPR 14)."""
    faults = []
    for name, source in policy.sources.items():
        where = ("sources", name, "third_party")
        if not source.third_party and (name in OTHERS or source.clause != OWN_CLAUSE):
            problem = f"{name} ({source.clause}) is not the registrant (GDPR 14)"
            faults.append(Fault(where, problem, "write `third_party: true`"))
        if source.third_party and (name in REGISTRANTS_OWN or source.clause == OWN_CLAUSE):
            problem = f"{name} ({source.clause}) is the registrant (GDPR 13)"
            fix = "take `third_party` out, or name the clause that the source comes under"
            faults.append(Fault(where, problem, fix))
    return faults


def is_secret(name: str, category: Category) -> bool:
    """Whether the category is of passwords or security codes, which are never stored."""
    return any(
        NEVER_STORED.search(text) for text in (name.replace("_", " "), *category.name.values())
    )


def _stored(policy: Policy) -> list[Fault]:
    """Some data is never stored, and some never used, whatever its category is called."""
    faults = []
    for name, category in policy.categories.items():
        texts = (name.replace("_", " "), *category.name.values())
        subjects = {subject for text in texts if (subject := sensitive(text))}
        if category.stored and is_secret(name, category):
            faults.append(
                Fault(
                    ("categories", name),
                    "passwords and security codes are never stored (GDPR 5, 25)",
                    "write `stored: false`, without purposes and retention",
                )
            )
        if _CREDIT in subjects and not ONLY_FOR["credit"][0] >= set(category.purposes):
            faults.append(
                Fault(
                    ("categories", name, "purposes"),
                    ONLY_FOR["credit"][1],
                    f"name {' or '.join(sorted(ONLY_FOR['credit'][0]))} only",
                )
            )
        if category.stored and name != "diet" and (of := subjects - {_CREDIT}):
            faults.append(
                Fault(
                    ("categories", name),
                    f"it tells of {', '.join(sorted(of))}, which this register never has",
                    "write `stored: false`, without purposes and retention, or take it out",
                )
            )
    return faults


_CREDIT = "credit data (527/2007)"


def _profiling(policy: Policy) -> list[Fault]:
    faults = []
    for purpose in ADULTS_ONLY:
        if purpose in policy.purposes and policy.purposes[purpose].minimum_age < AGE_OF_MAJORITY:
            problem = "minors are neither profiled nor marketed to"
            where = ("purposes", purpose, "minimum_age")
            faults.append(Fault(where, problem, f"write `minimum_age: {AGE_OF_MAJORITY}`"))
    if policy.profiles.segment_floor < SEGMENT_FLOOR:
        problem = f"{policy.profiles.segment_floor} is too small: such a group tells of a person"
        faults.append(
            Fault(("profiles", "segment_floor"), problem, f"write {SEGMENT_FLOOR} or more")
        )
    for name, category in policy.categories.items():
        if category.special is None and name == "diet":
            faults.append(
                Fault(
                    ("categories", name),
                    "data on health or belief needs a condition of GDPR Art. 9",
                    "write `special: explicit_consent`",
                )
            )
        if category.special and category.purposes and name not in ONLY_FOR:
            faults.append(
                Fault(
                    ("categories", name, "purposes"),
                    "special categories serve no purpose of a mart (GDPR 9)",
                    "empty `purposes`",
                )
            )
    return faults


def _rights(policy: Policy) -> list[Fault]:
    """Only an objection may ask for the registrant's situation (GDPR 12(2), 21(1))."""
    return [
        Fault(
            ("rights", name, "situation_required"),
            "no law lets a registrant explain why this right is exercised (GDPR 12(2))",
            "take it out",
        )
        for name, right in policy.rights.items()
        if right.situation_required and name != "objection"
    ]


def _topics(policy: Policy) -> list[Fault]:
    """No topic, nor its contents, may reveal a special category, an offence or credit data."""
    faults = []
    for name, topic in policy.profiles.interests.items():
        where = ("profiles", "interests", name)
        texts: list[tuple[Where, str]] = [
            (where, name),
            *(((*where, "name", language), text) for language, text in topic.name.items()),
            *(
                ((*where, "contents", number), content)
                for number, content in enumerate(topic.contents)
            ),
        ]
        faults += [
            Fault(
                position,
                f"{text!r} tells of {subject}, which nobody is profiled by",
                "take it out, or the topic",
            )
            for position, text in texts
            if (subject := sensitive(text))
        ]
    return faults
