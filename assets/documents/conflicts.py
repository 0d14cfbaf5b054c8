"""Where the policy, the law and the data disagree; computed from the policy, so that a mended file has fewer conflicts.

Nothing here changes what the pipeline does: that is on the law's side already. What the kinds mean, and what to write
instead, is in `schemas.conflicts`.
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
from schemas import law
from schemas.citations import cited
from schemas.conflicts import KINDS, SEVERITIES, Kind
from schemas.policy import Policy
from schemas.vocabulary import Language, Right

PROFILED = {"age_band", "consumption", "interests"}
A_YEAR = relativedelta(years=1)


@dataclass(frozen=True)
class Conflict:
    """One disagreement: its code, the clause of the policy, the part of the file that it is about, and what the policy says."""

    code: str
    clause: str
    subject: str
    policy_says: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.code]

    def as_data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "code": self.code,
            "severity": self.kind.severity,
            "clause": self.clause,
            "subject": self.subject,
            "policy_says": self.policy_says,
            "law_or_data_say": self.kind.meaning,
            "article": cited(*self.kind.citations),
            "proposed": dict(self.kind.proposal),
        }


def conflicts(policy: Policy, today: date) -> list[Conflict]:
    """Every conflict on `today`, the gravest first, else in the order of the policy's sections."""
    found = [
        *_purposes(policy),
        *_categories(policy),
        *_sources(policy),
        *_recipients(policy, today),
        *_retention(policy),
        *_rights(policy),
    ]
    found += _whole(policy, today)
    return sorted(found, key=lambda one: SEVERITIES.index(one.kind.severity))


def counted(found: list[Conflict]) -> dict[str, int]:
    """Severity -> how many."""
    counts = Counter(one.kind.severity for one in found)
    return {severity: counts[severity] for severity in SEVERITIES}


def _purposes(policy: Policy) -> Iterator[Conflict]:
    seen: dict[str, str] = {}
    built = stored_data.purposes(policy)
    for name, purpose in policy.purposes.items():
        used = {category for category, one in policy.categories.items() if name in one.purposes}
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
        if "consent" not in purpose.bases and any(
            "website" in policy.derivation(one) or _by_cookie(policy, one) for one in used
        ):
            yield Conflict(
                "CONFLICT-COOKIES", purpose.clause, name, f"bases: {', '.join(purpose.bases)}"
            )
        if not purpose.minimum_age and (used & PROFILED or purpose.bases == ("consent",)):
            yield Conflict("CONFLICT-AGE", purpose.clause, name, "no minimum_age")
    advertising = policy.purposes.get("targeted_advertising")
    if advertising and not any(
        set(one.purposes) == {"targeted_advertising"} for one in policy.recipients.values()
    ):
        yield Conflict(
            "CONFLICT-DISCLOSURE",
            "P7.1",
            "targeted_advertising",
            "no recipient whose purpose is targeted_advertising alone",
        )


def _by_cookie(policy: Policy, category: str) -> bool:
    """Whether the category is worked out from visits, directly named as what it is derived from."""
    return "website" in policy.categories[category].derived_from


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
        if category.special or name == "diet":
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
        said = set(category.sources) & read
        if name in staged and not category.derived_from and said != filled.get(name, set()):
            told = f"names {', '.join(sorted(said)) or 'none'}; filled by {', '.join(sorted(filled.get(name, set()))) or 'none'}"
            yield Conflict("CONFLICT-SOURCE-FILLS", category.clause, name, told)


def _sources(policy: Policy) -> Iterator[Conflict]:
    known = {source.name for source in SOURCES}
    for name, source in policy.sources.items():
        used = any(name in one.sources and one.stored for one in policy.categories.values())
        if name not in known:
            yield Conflict(
                "CONFLICT-VAGUE-SOURCE",
                source.clause,
                name,
                "data comes from it" if used else "data may come from it",
            )


def _recipients(policy: Policy, today: date) -> Iterator[Conflict]:
    for name, one in policy.recipients.items():
        if "privacy_shield" in one.mechanisms:
            yield Conflict(
                "CONFLICT-PRIVACY-SHIELD", one.clause, name, f"privacy_shield, to {one.country}"
            )
        if "scc_2010" in one.mechanisms and not law.mechanism_holds("scc_2010", one.checked, today):
            yield Conflict("CONFLICT-SCC-2010", one.clause, name, f"scc_2010, to {one.country}")
        if not transfer_holds(policy, name, today):
            yield Conflict(
                "CONFLICT-NO-MECHANISM",
                one.clause,
                name,
                f"{', '.join(one.mechanisms) or 'none'}, to {one.country}",
            )
        if "dpf" in one.mechanisms and not law.mechanism_holds("dpf", one.checked, today):
            yield Conflict("CONFLICT-DPF-CHECK", one.clause, name, f"dpf, checked {one.checked}")
        if "dpf" in one.mechanisms and not {"scc_2021", "bcr"} & set(one.mechanisms):
            yield Conflict("CONFLICT-DPF-ALONE", one.clause, name, f"{', '.join(one.mechanisms)}")
        if one.checked + A_YEAR < today:
            yield Conflict("CONFLICT-RECIPIENT-CHECK", one.clause, name, f"checked {one.checked}")


def transfer_holds(policy: Policy, recipient: str, today: date) -> bool:
    """Whether data may go to the recipient on `today`: it is in the EEA, or one of its mechanisms holds (GDPR 44-46)."""
    one = policy.recipients[recipient]
    return law.in_eea(one.country) or any(
        law.mechanism_holds(mechanism, one.checked, today) for mechanism in one.mechanisms
    )


def _retention(policy: Policy) -> Iterator[Conflict]:
    unstated = [code for code, rule in policy.retention.items() if rule.basis != "P"]
    chosen = [code for code, rule in policy.retention.items() if rule.basis == "C"]
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


def _rights(policy: Policy) -> Iterator[Conflict]:
    for right in get_args(Right):
        # Editing one's own data is an offer of the policy and no right of the law.
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
    """The report, with the proposed texts in one of the notice's languages."""
    found = conflicts(policy, today)
    counts = counted(found)
    rows = [
        [
            named(one.code),
            one.kind.severity,
            one.clause,
            named(one.subject),
            text(one.policy_says),
            text(one.kind.meaning),
            text(cited(*one.kind.citations)),
        ]
        for one in found
    ]
    proposals = dict.fromkeys(one.code for one in found)
    return "\n".join(
        [
            "# Where policy, law and data disagree",
            "",
            f"Policy {text(policy.version)} ({named(policy.fingerprint)}) as of {today}. "
            f"{', '.join(f'{severity}: {count}' for severity, count in counts.items())}. Nothing has been mended silently: the controller decides.",
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
