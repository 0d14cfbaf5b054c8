"""Where policy, law and data disagree, computed from the policy: a corrected file has fewer.

Nothing here changes what the pipeline does: that follows the law already. The meaning of the kinds,
and texts to replace the policy's, are in `schemas.policy.conflicts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from dateutil.relativedelta import relativedelta

from assets.documents import stored_data
from assets.documents.pages import code as named
from assets.documents.pages import table, text
from assets.sources.all_sources import SOURCES
from schemas.citations import cited
from schemas.eligibility import channels
from schemas.policy import legal_constraints as law
from schemas.policy import transfers
from schemas.policy.conflicts import KINDS, SEVERITIES, Kind
from schemas.policy.model import Policy
from schemas.vocabulary import Language, Right

PROFILED = {"age_band", "consumption", "interests"}
A_YEAR = relativedelta(years=1)


@dataclass(frozen=True)
class Conflict:
    """A disagreement: its code, the clause, the part of the policy file, and what that states."""

    code: str
    clause: str
    subject: str
    policy_text: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    def as_data(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "code": self.code,
            "severity": self.kind.severity,
            "clause": self.clause,
            "subject": self.subject,
            "policy_says": self.policy_text,
            "law_or_data_say": self.kind.meaning,
            "article": cited(*self.kind.citations),
            "proposed": dict(self.kind.proposal),
        }


def conflicts(policy: Policy, today: date) -> list[Conflict]:
    """Return all conflicts on `today`, most severe first, in the order of the policy's sections."""
    unsorted = [
        *_purposes(policy),
        *_categories(policy),
        *_sources(policy),
        *_recipients(policy, today),
        *_retention(policy),
        *_without_purpose(policy),
        *_rights(policy),
        *_whole(policy, today),
        *_transparency(policy),
    ]
    return sorted(unsorted, key=lambda conflict: SEVERITIES.index(conflict.kind.severity))


def per_severity(listed: list[Conflict]) -> dict[str, int]:
    """Count conflicts per severity."""
    counts = Counter(conflict.kind.severity for conflict in listed)
    return {severity: counts[severity] for severity in SEVERITIES}


def _purposes(policy: Policy) -> Iterator[Conflict]:
    seen: dict[str, str] = {}
    built = stored_data.purposes(policy)
    for name, purpose in policy.purposes.items():
        used = {key for key, category in policy.categories.items() if name in category.purposes}
        if len(purpose.bases) > 1:
            yield Conflict(
                "CONFLICT-SEVERAL-BASES", purpose.clause, name, f"bases: {', '.join(purpose.bases)}"
            )
        if purpose.clause in seen:
            yield Conflict(
                "CONFLICT-PURPOSE-NOT-NAMED",
                purpose.clause,
                name,
                f"the clause of {seen[purpose.clause]}",
            )
        seen.setdefault(purpose.clause, name)
        if name not in built:
            yield Conflict("CONFLICT-NO-MART", purpose.clause, name, "data is used for it")
        if not used:
            yield Conflict(
                "CONFLICT-PURPOSE-WITHOUT-DATA", purpose.clause, name, "data is used for it"
            )
        if purpose.visits and purpose.visits.by == "own_measurement":
            reason = purpose.visits.reason or "no reason is given"
            yield Conflict("CONFLICT-COOKIES", purpose.clause, name, reason)
        if not purpose.minimum_age and (used & PROFILED or purpose.bases == ("consent",)):
            yield Conflict("CONFLICT-AGE", purpose.clause, name, "no minimum_age")
    marketing = policy.purposes.get("direct_marketing")
    if marketing and marketing.clause == "P4.5":
        served = [each for each in channels("direct_marketing") if each in ("phone", "post")]
        if served:
            yield Conflict(
                "CONFLICT-ELECTRONIC-ONLY",
                marketing.clause,
                "direct_marketing",
                f"electronic; served by {', '.join(served)}, too",
            )
    advertising = policy.purposes.get("targeted_advertising")
    if advertising and not any(
        set(recipient.purposes) == {"targeted_advertising"}
        for recipient in policy.recipients.values()
    ):
        yield Conflict(
            "CONFLICT-DISCLOSURE",
            "P7.1",
            "targeted_advertising",
            "no recipient whose purpose is targeted_advertising alone",
        )


def _categories(policy: Policy) -> Iterator[Conflict]:
    columns, filled = stored_data.columns(), stored_data.filled()
    staged = {
        category
        for category, places in columns.items()
        if any(place.layer == "staged" for place in places)
    }
    read = set(stored_data.read(policy))
    marketing = {"direct_marketing", "targeted_advertising"} & set(policy.purposes)
    for name, category in policy.categories.items():
        if not category.stored:
            yield Conflict("CONFLICT-NOT-STORED", category.clause, name, "the register holds it")
        elif name not in columns:
            yield Conflict(
                "CONFLICT-NO-COLUMN",
                category.clause,
                name,
                f"from {', '.join((*category.sources, *category.derived_from))}",
            )
        if category.special and name not in stored_data.with_consent():
            yield Conflict(
                "CONFLICT-SPECIAL-CATEGORY",
                category.clause,
                name,
                "collected with event participation",
            )
        if (
            "credit_decision" in category.purposes
            and law.ONLY_FOR.get(name, (set(), ""))[0] == law.ONLY_FOR["credit"][0]
            and marketing
        ):
            yield Conflict(
                "CONFLICT-CREDIT-DATA",
                category.clause,
                name,
                f"in one register with {', '.join(sorted(marketing))}",
            )
        third = [source for source in category.sources if policy.sources[source].third_party]
        if (
            third
            and not category.clause.startswith("P5")
            and not stored_data.technical(policy, name)
        ):
            yield Conflict(
                "CONFLICT-CATEGORY-NOT-NAMED", category.clause, name, f"from {', '.join(third)}"
            )
        named_sources = set(category.sources) & read
        fills = filled.get(name, set())
        if name in staged and not category.derived_from and named_sources != fills:
            difference = (
                f"names {', '.join(sorted(named_sources)) or 'none'}; "
                f"filled by {', '.join(sorted(fills)) or 'none'}"
            )
            yield Conflict("CONFLICT-SOURCE-FILLS", category.clause, name, difference)


def _sources(policy: Policy) -> Iterator[Conflict]:
    known = {source.name for source in SOURCES}
    for name, source in policy.sources.items():
        used = any(
            name in category.sources and category.stored for category in policy.categories.values()
        )
        if name not in known:
            yield Conflict(
                "CONFLICT-VAGUE-SOURCE",
                source.clause,
                name,
                "data comes from it" if used else "data may come from it",
            )


def _recipients(policy: Policy, today: date) -> Iterator[Conflict]:
    for name, recipient in policy.recipients.items():
        if "privacy_shield" in recipient.mechanisms:
            yield Conflict(
                "CONFLICT-PRIVACY-SHIELD",
                recipient.clause,
                name,
                f"privacy_shield, to {recipient.country}",
            )
        if "scc_2010" in recipient.mechanisms and today >= transfers.IN_FORCE["scc_2010"][1]:
            yield Conflict(
                "CONFLICT-SCC-2010", recipient.clause, name, f"scc_2010, to {recipient.country}"
            )
        if not transfers.allowed(policy, recipient, today):
            yield Conflict(
                "CONFLICT-NO-MECHANISM",
                recipient.clause,
                name,
                f"{', '.join(recipient.mechanisms) or 'none'}, to {recipient.country}",
            )
        if "dpf" in recipient.mechanisms and (
            objection := transfers.objection(policy, recipient, "dpf", today)
        ):
            yield Conflict("CONFLICT-DPF-CHECK", recipient.clause, name, objection)
        if "dpf" in recipient.mechanisms and not {"scc_2021", "bcr"} & set(recipient.mechanisms):
            yield Conflict(
                "CONFLICT-DPF-ALONE", recipient.clause, name, f"{', '.join(recipient.mechanisms)}"
            )
        if policy.transfers.checked_within.after(recipient.checked) < today:
            yield Conflict(
                "CONFLICT-RECIPIENT-CHECK", recipient.clause, name, f"checked {recipient.checked}"
            )


def _retention(policy: Policy) -> Iterator[Conflict]:
    unstated = [code for code, rule in policy.retention.items() if rule.basis != "P"]
    chosen = [code for code, rule in policy.retention.items() if rule.basis == "C"]
    for code, rule in policy.retention.items():
        if rule.basis == "A" and not rule.source:
            yield Conflict("CONFLICT-AUTHORITY-UNNAMED", rule.clause, code, "basis A, no source")
    if unstated:
        yield Conflict(
            "CONFLICT-NO-PERIOD",
            "P8.2",
            f"{len(unstated)} rules",
            f"no period; defaults: {', '.join(unstated)}",
        )
    if chosen:
        yield Conflict(
            "CONFLICT-PERIOD-UNCONFIRMED",
            "P8.2",
            f"{len(chosen)} rules",
            f"basis C: {', '.join(chosen)}",
        )


_RIGHTS_WITH_A_CODE: dict[Right, str] = {
    "portability": "CONFLICT-NO-PORTABILITY",
    "human_review": "CONFLICT-NO-HUMAN-REVIEW",
}


def _without_purpose(policy: Policy) -> Iterator[Conflict]:
    """Yield the sources that deliver people before any purpose needs them."""
    for name, source in policy.sources.items():
        if source.subscription == "all":
            yield Conflict(
                "CONFLICT-NO-PURPOSE",
                source.clause,
                name,
                "subscription: all; without a purpose, people leave after "
                f"{policy.rule('without_purpose')[1].period}",
            )


def _transparency(policy: Policy) -> Iterator[Conflict]:
    """Yield what only the controller can state and the policy file leaves open."""
    stated = policy.transparency
    if stated.officer is None:
        yield Conflict("CONFLICT-OFFICER-UNSTATED", "P2", "officer", "nothing")
    if stated.automated_decisions and stated.automated_decisions.significant is None:
        yield Conflict(
            "CONFLICT-DECISIONS-UNSTATED",
            stated.automated_decisions.clause,
            "automated_decisions",
            "automated decisions are made",
        )
    if stated.cookies and stated.cookies.policy is None:
        yield Conflict(
            "CONFLICT-COOKIE-POLICY", stated.cookies.clause, "cookies", "a separate cookie policy"
        )
    for name, recipient in policy.recipients.items():
        if recipient.organisation is None:
            yield Conflict(
                "CONFLICT-RECIPIENT-UNNAMED",
                recipient.clause,
                name,
                recipient.name.get("en", name),
            )


def _rights(policy: Policy) -> Iterator[Conflict]:
    for right in get_args(Right):
        # Editing one's own data is an offer of the policy, not a right by law.
        if right not in policy.rights and right != "editing":
            yield Conflict(
                _RIGHTS_WITH_A_CODE.get(right, "CONFLICT-RIGHT-MISSING"), "P9", right, "nothing"
            )
        elif (
            right in policy.rights
            and policy.rights[right].situation_required
            and right == "objection"
        ):
            yield Conflict(
                "CONFLICT-OBJECTION-SITUATION",
                policy.rights[right].clause,
                right,
                "the situation is to be stated",
            )
    if "editing" in policy.rights:
        yield Conflict(
            "CONFLICT-EDITING",
            policy.rights["editing"].clause,
            "editing",
            "registrants edit their data themselves",
        )
    if "other" not in policy.requests.channels:
        yield Conflict(
            "CONFLICT-CHANNEL",
            policy.requests.clause,
            "requests",
            f"channels: {', '.join(policy.requests.channels)}",
        )


def _whole(policy: Policy, today: date) -> Iterator[Conflict]:
    try:
        version = date.fromisoformat(policy.version)
    except ValueError:
        return
    if version + A_YEAR < today:
        yield Conflict(
            "CONFLICT-NOT-REVIEWED",
            "P8.2",
            f"version {policy.version}",
            "the need for storage is assessed regularly",
        )


def markdown(policy: Policy, today: date, language: Language = "en") -> str:
    """Return the report, with the proposed texts in one of the notice's languages."""
    listed = conflicts(policy, today)
    counts = per_severity(listed)
    rows = [
        [
            named(conflict.code),
            conflict.kind.severity,
            conflict.clause,
            named(conflict.subject),
            text(conflict.policy_text),
            text(conflict.kind.meaning),
            text(cited(*conflict.kind.citations)),
        ]
        for conflict in listed
    ]
    proposals = dict.fromkeys(conflict.code for conflict in listed)
    return "\n".join(
        [
            "# Where policy, law and data disagree",
            "",
            f"Policy {text(policy.version)} ({named(policy.fingerprint)}) as of {today}. "
            f"{', '.join(f'{severity}: {count}' for severity, count in counts.items())}. Nothing "
            f"has been mended silently: the controller decides.",
            "",
            table(
                [
                    "code",
                    "severity",
                    "clause",
                    "about",
                    "the policy says",
                    "law or data say",
                    "article",
                ],
                rows,
            )
            if rows
            else "There is none.",
            "",
            *(["## Proposed texts", ""] if proposals else []),
            *(f"- {named(code)}: {text(KINDS[code].proposal[language])}" for code in proposals),
            "",
        ]
    )
