"""Legal constraints on a policy, whatever the controller writes. Source: docs/law.md; statutes as
named.

A policy that breaks one of them is refused at start-up, like an inconsistent one.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from schemas.policy.diagnostics import Fault, Where
from schemas.sensitive import sensitive

if TYPE_CHECKING:
    from schemas.policy.model import Period, Policy

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
# Purposes that exclude minors: profiling and marketing.
ADULTS_ONLY = ("analytics", "direct_marketing", "targeted_advertising")
AGE_OF_MAJORITY = 18
# Retention that a statute fixes: not shorter, or not longer, than.
AT_LEAST = {"vouchers": ("6 years", "1336/1997, 2:10"), "books": ("10 years", "1336/1997, 2:10")}
AT_MOST = {
    "credit_marks": ("0 days", "527/2007: our copy never outlives the bureau's"),
    "quarantine": ("3 months", "GDPR 5(1)(d): what is wrong is mended or goes"),
    "ip_addresses": ("30 days", "GDPR 5(1)(c)"),
    "without_purpose": (
        "3 months",
        "GDPR 5(1)(b) and (e): what serves no purpose is not kept",
    ),
    "rectified": (
        "3 months",
        "GDPR 16, 12(3): what was wrong is removed when the correction must have been carried out",
    ),
    "backups": (
        "3 months",
        "GDPR 17, 12(3): backups lose the data of erased people within the time that the law "
        "leaves for it",
    ),
}
CLOCKS = {
    "vouchers": "calendar_year_end",
    "books": "financial_year_end",
    "credit_marks": "bureau_expiry",
}
EFFECTS = {
    "vouchers": ("segregate",),
    "books": ("segregate",),
    "ip_addresses": ("truncate", "delete"),
    "credit_marks": ("delete",),
}
# 527/2007: a payment remark goes a month after its payment was recorded, else mostly after three
# years.
PAID_MARK_KEPT, UNDATED_MARK_KEPT = "1 months", "3 years"
# Art. 12(3): one month from receipt, and at most two more. Art. 14(3): a month.
ANSWERED_WITHIN, EXTENDED_BY, INFORMED_WITHIN = "1 months", "2 months", "1 months"

_EEA = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS"}
)
_EEA |= {"IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
# Mechanism -> the day from which it is void (C-311/18; decision (EU) 2021/914, Art. 4(4)).
VOID_SINCE = {"privacy_shield": date(2020, 7, 16), "scc_2010": date(2022, 12, 27)}
# The list of certifications changes: a check expires after a year.
DPF_IN_FORCE = date(2023, 7, 10)
DPF_CHECK_HOLDS_DAYS = 365


def in_eea(country: str) -> bool:
    """Whether the country is in the EEA, where data may go without a transfer mechanism."""
    return country in _EEA


def mechanism_holds(mechanism: str, checked: date, today: date) -> bool:
    """Whether a transfer outside the EEA may rest on the mechanism on `today`.

    Args:
        checked: The day of the mechanism's last check.
    """
    if mechanism in VOID_SINCE:
        return today < VOID_SINCE[mechanism]
    if mechanism == "dpf":
        return DPF_IN_FORCE <= checked <= today and (today - checked).days <= DPF_CHECK_HOLDS_DAYS
    return checked <= today


def faults(policy: Policy) -> list[Fault]:
    """All provisions of the policy that the law does not allow."""
    return [
        *_purposes(policy),
        *_bases(policy),
        *_profiling(policy),
        *_topics(policy),
        *_periods(policy),
        *_deadlines(policy),
    ]


def _purposes(policy: Policy) -> list[Fault]:
    """A category, and all derived from it, is limited to the purposes that the law allows."""
    faults = []
    for name, category in policy.categories.items():
        limits = [
            ONLY_FOR[origin]
            for origin in sorted(policy.derivation(name))
            if origin in ONLY_FOR and (origin == name or origin not in _HARMLESS_WHEN_DERIVED)
        ]
        for number, purpose in enumerate(category.purposes):
            where = ("categories", name, "purposes", number)
            faults += [
                Fault(where, f"{purpose!r} may not use it: {reason}", "take the purpose out")
                for allowed, reason in limits
                if purpose not in allowed
            ]
            if purpose in PSEUDONYMOUS and name in IDENTIFYING:
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
# identity code.
_HARMLESS_WHEN_DERIVED = {"identity_code"}


def _bases(policy: Policy) -> list[Fault]:
    faults = []
    for purpose, (basis, reason) in NEEDS_BASIS.items():
        if purpose in policy.purposes and basis not in policy.purposes[purpose].bases:
            faults.append(
                Fault(
                    ("purposes", purpose, "bases"), f"it lacks {basis!r}: {reason}", f"add {basis}"
                )
            )
    return faults


def _profiling(policy: Policy) -> list[Fault]:
    faults = []
    for purpose in ADULTS_ONLY:
        if purpose in policy.purposes and policy.purposes[purpose].minimum_age < AGE_OF_MAJORITY:
            problem = "minors are neither profiled nor marketed to"
            faults.append(
                Fault(("purposes", purpose), problem, f"write `minimum_age: {AGE_OF_MAJORITY}`")
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
        if category.special and category.purposes:
            faults.append(
                Fault(
                    ("categories", name, "purposes"),
                    "special categories serve no purpose of a mart (GDPR 9)",
                    "empty `purposes`",
                )
            )
    return faults


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


def _periods(policy: Policy) -> list[Fault]:
    faults = []
    for code, rule in policy.retention.items():
        where = ("retention", code)
        if rule.applies_to in AT_LEAST and _shorter(rule.period, AT_LEAST[rule.applies_to][0]):
            least, reason = AT_LEAST[rule.applies_to]
            faults.append(
                Fault(
                    (*where, "period"),
                    f"{rule.period} is shorter than the law has it ({reason})",
                    f"write '{least}' or more",
                )
            )
        if rule.applies_to in AT_MOST and _longer(rule.period, AT_MOST[rule.applies_to][0]):
            most, reason = AT_MOST[rule.applies_to]
            faults.append(
                Fault(
                    (*where, "period"),
                    f"{rule.period} is longer than may be ({reason})",
                    f"write '{most}' or less",
                )
            )
        if rule.clock != CLOCKS.get(rule.applies_to, rule.clock):
            faults.append(
                Fault(
                    (*where, "clock"),
                    f"the law starts this clock otherwise than by {rule.clock!r}",
                    f"write {CLOCKS[rule.applies_to]}",
                )
            )
        if rule.effect not in EFFECTS.get(rule.applies_to, (rule.effect,)):
            problem = f"{rule.effect!r} is not what the law does with {rule.applies_to}"
            faults.append(
                Fault((*where, "effect"), problem, f"write {' or '.join(EFFECTS[rule.applies_to])}")
            )
    return faults


def _deadlines(policy: Policy) -> list[Fault]:
    limits = (
        (
            ("requests", "answered_within"),
            policy.requests.answered_within,
            ANSWERED_WITHIN,
            "GDPR 12(3)",
        ),
        (("requests", "extended_by"), policy.requests.extended_by, EXTENDED_BY, "GDPR 12(3)"),
        (
            ("article_14", "informed_within"),
            policy.article_14.informed_within,
            INFORMED_WITHIN,
            "GDPR 14(3)",
        ),
    )
    return [
        Fault(
            where, f"{period} is longer than the law allows ({reason})", f"write '{most}' or less"
        )
        for where, period, most, reason in limits
        if _longer(period, most)
    ]


_A_DAY = date(2027, 1, 31)


def _longer(period: Period, than: str) -> bool:
    return period.after(_A_DAY) > type(period).parse(than).after(_A_DAY)


def _shorter(period: Period, than: str) -> bool:
    return period.after(_A_DAY) < type(period).parse(than).after(_A_DAY)
