"""The balancing test of each legitimate interest (GDPR 6(1)(f)) and the outline of a data
protection impact assessment (GDPR 35(7)), as far as policy and system show the answers.

What only the controller can say is left open, marked `OPEN` and counted: nothing here decides that
an interest prevails or that a risk is acceptable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from assets.documents import conflicts, stored_data
from assets.documents.pages import code, table, text
from assets.documents.processing import SECURITY, people
from schemas.citations import cited
from schemas.eligibility import RULES
from schemas.policy import transfers
from schemas.policy.model import Policy

OPEN = "OPEN"


@dataclass(frozen=True)
class Question:
    """A question of an assessment, with the answer that policy and system show; `open_question` is
    what only the controller can say, empty if nothing is left.
    """

    question: str
    shown: str
    open_question: str = ""


@dataclass(frozen=True)
class Part:
    """A part of an assessment."""

    title: str
    questions: tuple[Question, ...]


def balancing(policy: Policy) -> list[Part]:
    """Return the test of every purpose with a mart that rests on a legitimate interest."""
    return [
        _balanced(policy, name)
        for name in stored_data.purposes(policy)
        if "legitimate_interest" in policy.purposes[name].bases
    ]


def _balanced(policy: Policy, name: str) -> Part:
    purpose = policy.purposes[name]
    used = [
        category
        for category in stored_data.noticed(policy)
        if name in policy.categories[category].purposes
    ]
    inferred = [category for category in used if policy.categories[category].derived_from]
    others = sorted(
        {
            source
            for category in used
            for source in stored_data.really_from(policy, category)
            if policy.sources[source].third_party
        }
    )
    named = "pseudonym" not in used
    return Part(
        f"{name} ({purpose.clause})",
        (
            Question(
                "Which interest is pursued, and whose",
                f"the policy: {_english(purpose.name)}",
                "the interest in concrete terms, and that it is lawful, real and present",
            ),
            Question(
                "Which data are needed for it",
                f"{_list(used)}; inferred: {_list(inferred)}",
                "why the interest cannot be pursued as well with fewer data or by other means",
            ),
            Question(
                "Whose data they are, and where from",
                f"from others than the registrant: {_list(others)}; "
                f"minimum age {purpose.minimum_age or 'none'}",
                "what the registrants reasonably expect of this use",
            ),
            Question(
                "What it means for the registrants",
                ("by name" if named else "under a pseudonym")
                + f"; received by {_list(_receiving(policy, name))}"
                + f"; kept by {_list(_rules(policy, used))}",
                "the effects on the registrants, good and bad, and how grave they are",
            ),
            Question(
                "Which safeguards there are",
                "who is kept out: " + ", ".join(_kept_out(name)),
                "",
            ),
            Question(
                "Which interest prevails",
                "nothing that the policy or the system shows decides it",
                "the weighing, its outcome, who decided it, and when",
            ),
        ),
    )


def _english(names: Mapping[Any, str]) -> str:
    return names.get("en") or next(iter(names.values()))


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _receiving(policy: Policy, purpose: str) -> list[str]:
    return [name for name, entry in policy.recipients.items() if purpose in entry.purposes]


def _rules(policy: Policy, categories: Iterable[str]) -> list[str]:
    return sorted({code for name in categories for code in policy.categories[name].retention})


def _kept_out(purpose: str) -> list[str]:
    """Return the eligibility rules that keep people out of the purpose."""
    return [
        rule for rule, entry in RULES.items() if entry.effect == "out" and purpose in entry.reach
    ]


def impact(policy: Policy, today: date) -> list[Part]:
    """Return the four parts of an impact assessment."""
    return [_description(policy), _necessity(policy), _risks(policy, today), _measures(policy)]


def _description(policy: Policy) -> Part:
    return Part(
        "Systematic description of the processing (35(7)(a))",
        (
            Question("Purposes", _list(stored_data.purposes(policy))),
            Question("Whose data", "; ".join(people()), "about how many people, and in which area"),
            Question("Data", _list(stored_data.noticed(policy))),
            Question("Sources", _list(stored_data.read(policy))),
            Question(
                "Recipients", _list(policy.recipients), "systems and people that use the databases"
            ),
            Question(
                "Storage",
                "; ".join(f"{rule} {entry.period}" for rule, entry in policy.retention.items()),
            ),
        ),
    )


def _necessity(policy: Policy) -> Part:
    return Part(
        "Necessity and proportionality (35(7)(b))",
        (
            Question(
                "Legal bases",
                "; ".join(
                    f"{name}: {', '.join(policy.purposes[name].bases)}"
                    for name in stored_data.purposes(policy)
                ),
                "why each purpose cannot be reached with less",
            ),
            Question(
                "Rights",
                _list(policy.rights),
                "the views of registrants or their representatives (35(9))",
            ),
            Question(
                "Data protection officer",
                "not stated" if policy.transparency.officer is None else "stated",
                "the officer's advice, if one is designated (35(2))",
            ),
        ),
    )


def _risks(policy: Policy, today: date) -> Part:
    """Return what in the policy points to a high risk, and what the law already objects to."""
    high = [
        conflict
        for conflict in conflicts.conflicts(policy, today)
        if conflict.kind.severity == "high"
    ]
    return Part(
        "Risks to the registrants (35(7)(c))",
        (
            *(
                Question(criterion, _list(found), "how likely and how grave the harm is")
                for criterion, found in _signs(policy).items()
                if found
            ),
            Question(
                "Conflicts rated high",
                _list(sorted({f"{conflict.code} ({conflict.subject})" for conflict in high})),
                "how and by when each is resolved" if high else "",
            ),
        ),
    )


def _signs(policy: Policy) -> dict[str, list[str]]:
    """Return the signs of a high risk (WP 248 rev.01, III.B) that the policy shows, each with the
    categories, sources or recipients that it is in.
    """
    stored = set(stored_data.columns())
    stored_categories = {name: entry for name, entry in policy.categories.items() if name in stored}
    return {
        "Evaluation or scoring": [
            name
            for name, entry in stored_categories.items()
            if entry.derived_from and "analytics" in entry.purposes
        ],
        "Automated decisions": ["stated by the policy"]
        if policy.transparency.automated_decisions
        else [],
        "Sensitive or highly personal data": [
            name
            for name, entry in stored_categories.items()
            if entry.special or name in ("credit", "protection", "identity_code")
        ],
        "Data sets matched or combined": stored_data.read(policy)
        if len(stored_data.read(policy)) > 1
        else [],
        "Vulnerable people": [
            name for name in stored_data.purposes(policy) if not policy.purposes[name].minimum_age
        ],
        "Recipients outside the EEA": [
            name for name, entry in policy.recipients.items() if not transfers.in_eea(entry.country)
        ],
    }


def _measures(policy: Policy) -> Part:
    stated = policy.transparency.protection
    return Part(
        "Measures (35(7)(d))",
        (
            Question("Of the product", "; ".join(SECURITY)),
            Question(
                "Of the organisation",
                _list(stated.measures if stated else ()),
                "which other measures there are, and who has checked them",
            ),
            Question(
                "Remaining risk",
                "nothing that the policy or the system shows decides it",
                "whether it is acceptable, or the authority must be consulted (36(1))",
            ),
        ),
    )


def open_count(parts: Iterable[Part]) -> int:
    """Return how many questions only the controller can answer."""
    return sum(bool(each.open_question) for part in parts for each in part.questions)


def as_data(policy: Policy, today: date, parts: list[Part]) -> dict[str, Any]:
    """Return an assessment for machines."""
    return {
        "policy": {"version": policy.version, "hash": policy.fingerprint},
        "as_of": str(today),
        "open": open_count(parts),
        "parts": [
            {
                "title": part.title,
                "questions": [
                    {
                        "question": each.question,
                        "shown": each.shown,
                        "open": each.open_question,
                    }
                    for each in part.questions
                ],
            }
            for part in parts
        ],
    }


TITLES = {
    "balancing": ("Balancing tests of the legitimate interests", ("gdpr_balance",)),
    "impact": ("Data protection impact assessment: an outline", ("gdpr_impact",)),
}


def assessed(policy: Policy, today: date, which: str) -> list[Part]:
    """Return the assessment of that name in `TITLES`."""
    return balancing(policy) if which == "balancing" else impact(policy, today)


def markdown(policy: Policy, today: date, which: str) -> str:
    """Return the assessment for people, in English."""
    parts, (title, citations) = assessed(policy, today, which), TITLES[which]
    lines = [
        f"# {title}",
        "",
        f"{cited(*citations)}. As of {today}; policy {text(policy.version)} "
        f"({code(policy.fingerprint)}). Generated from the policy: {open_count(parts)} questions "
        f"are {code(OPEN)}, which only the controller can answer.",
        "",
    ]
    for part in parts:
        rows = [
            [
                text(each.question),
                text(each.shown),
                f"{code(OPEN)} {text(each.open_question)}" if each.open_question else "",
            ]
            for each in part.questions
        ]
        lines += [
            f"## {text(part.title)}",
            "",
            table(["question", "policy and system show", "left to the controller"], rows),
            "",
        ]
    return "\n".join(lines)
