"""How long the law lets a policy keep what, and how soon it must act. Source: docs/law.md; statutes
as named.

A policy that breaks it is refused at start-up, as with `schemas.policy.legal_constraints`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from schemas.policy.diagnostics import Fault, Where
from schemas.vocabulary import AppliesTo

if TYPE_CHECKING:
    from schemas.policy.model import Period, Policy, RetentionRule

# Retention that a statute fixes: not shorter, or not longer, than.
AT_LEAST: dict[AppliesTo, tuple[str, str]] = {
    "vouchers": ("6 years", "1336/1997, 2:10"),
    "books": ("10 years", "1336/1997, 2:10"),
    # What would end on the day on which it begins could not be used, proven or restored.
    "prospects": ("1 days", "GDPR 5(1)(b)"),
    "customers": ("1 days", "GDPR 5(1)(b)"),
    "raw": ("1 days", "GDPR 5(1)(f)"),
    "backups": ("1 days", "GDPR 32(1)(c)"),
    "requests": ("1 days", "GDPR 5(2)"),
    "suppressions": ("1 days", "GDPR 17(1)"),
}
AT_MOST = {
    "credit_marks": ("0 days", "527/2007: our copy never outlives the bureau's"),
    "quarantine": ("3 months", "GDPR 5(1)(d): what is wrong is mended or goes"),
    "ip_addresses": ("30 days", "GDPR 5(1)(c)"),
    "without_purpose": (
        "3 months",
        "GDPR 5(1)(b) and (e): what serves no purpose is not kept",
    ),
    "withdrawn": (
        "1 months",
        "GDPR 7(3), 17(1)(b), 12(3): what was consented to goes when the consent has gone",
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
# What no statute fixes ends when it is not needed any more (GDPR 5(1)(e)): with a statute in
# `source` and basis L, it may be kept longer.
AT_MOST_WITHOUT_STATUTE: dict[AppliesTo, str] = {
    "prospects": "5 years",
    "customers": "10 years",
    "vouchers": "10 years",
    "books": "15 years",
    "visits": "3 years",
    "cookies": "2 years",
    "diets": "3 months",
    "participations": "5 years",
    "call_recordings": "3 years",
    "correspondence": "10 years",
    "credit_reports": "3 years",
    "consent_proofs": "10 years",
    "raw": "3 years",
    "suppressions": "5 years",
    "requests": "10 years",
}
AT_MOST_EVER = "30 years"
STATUTE = re.compile(r"\b([0-9]{1,4})/([0-9]{4})\b|\b([0-9]{4})/([0-9]{1,4})\b")
# The oldest acts in force that a controller could name are of the 18th century.
FIRST_STATUTES = 1734
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
# Other periods: place in the file -> least, most and the reason.
PERIODS: dict[Where, tuple[str, str, str]] = {
    ("requests", "answered_within"): ("1 days", "1 months", "GDPR 12(3)"),
    ("requests", "extended_by"): ("0 days", "2 months", "GDPR 12(3)"),
    ("requests", "warned_before"): ("0 days", "1 months", "GDPR 12(3)"),
    ("requests", "acknowledged_within"): ("1 days", "3 months", "GDPR 19"),
    ("requests", "messages_kept"): ("1 days", "3 months", "GDPR 5(1)(e)"),
    ("article_14", "informed_within"): ("1 days", "1 months", "GDPR 14(3)"),
    ("protection", "confirmed_within"): ("1 days", "3 months", "661/2009, 36 §"),
    ("transfers", "checked_within"): ("1 days", "12 months", "certifications last a year"),
}


def faults(policy: Policy) -> list[Fault]:
    """All periods of the policy that the law does not allow."""
    today = datetime.now(UTC).date()
    return [*_periods(policy, today), *_origins(policy, today), *_deadlines(policy)]


def _periods(policy: Policy, today: date) -> list[Fault]:
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
        faults += _without_statute(code, rule, today)
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


def _without_statute(code: str, rule: RetentionRule, today: date) -> list[Fault]:
    """A period that is longer than what no statute fixes may be."""
    statute = rule.basis == "L" and _names_statute(rule, today)
    most = AT_MOST_EVER if statute else AT_MOST_WITHOUT_STATUTE.get(rule.applies_to, AT_MOST_EVER)
    if not _longer(rule.period, most) or rule.applies_to in AT_MOST:
        return []
    reason = "GDPR 5(1)(e)" if statute else "GDPR 5(1)(e): no statute is named"
    fix = f"write '{most}' or less" + (
        "" if statute else ", or basis L and the statute in `source`"
    )
    problem = f"{rule.period} is longer than may be ({reason})"
    return [Fault(("retention", code, "period"), problem, fix)]


def _names_statute(rule: RetentionRule, today: date) -> bool:
    """Whether the source has the number of an act: of a year, and of one that has been."""
    years = range(FIRST_STATUTES, today.year + 1)
    return any(
        int(year) in years and int(number) > 0
        for number, year, eu_year, eu_number in STATUTE.findall(rule.source or "")
        for year, number in ((year or 0, number or 0), (eu_year or 0, eu_number or 0))
    )


def _origins(policy: Policy, today: date) -> list[Fault]:
    """A period of the law or of an authority names the statute or the authority."""
    faults = []
    for code, rule in policy.retention.items():
        where = ("retention", code, "source")
        if rule.basis == "L" and not _names_statute(rule, today):
            problem = "basis L is a statute's, and none is named"
            faults.append(Fault(where, problem, "write its number, such as 1336/1997 2:10"))
        if rule.basis == "A" and not rule.source:
            problem = "basis A is an authority's, and none is named"
            faults.append(Fault(where, problem, "write the authority, or basis C"))
    return faults


def _deadlines(policy: Policy) -> list[Fault]:
    faults = []
    for where, (least, most, reason) in PERIODS.items():
        period = getattr(getattr(policy, str(where[0])), str(where[1]))
        if _longer(period, most):
            problem = f"{period} is longer than the law allows ({reason})"
            faults.append(Fault(where, problem, f"write '{most}' or less"))
        if _shorter(period, least):
            faults.append(Fault(where, f"{period} is no time", f"write '{least}' or more"))
    return faults


_A_DAY = date(2027, 1, 31)


def _longer(period: Period, than: str) -> bool:
    return period.after(_A_DAY) > type(period).parse(than).after(_A_DAY)


def _shorter(period: Period, than: str) -> bool:
    return period.after(_A_DAY) < type(period).parse(than).after(_A_DAY)
