"""The facts of the notice, and the notice: ten sections, as the policy has them.

Told is what the running system does: only categories that have a column, sources that are read, purposes that have a mart; the
periods and clocks that are in force; of a transfer only what holds on the day. A promise of the policy that does not hold is
left out, and stands in the report of conflicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from assets.documents import grammar, stored_data
from assets.documents.pages import text
from schemas import law
from schemas.policy import Policy, RetentionRule
from schemas.vocabulary import AppliesTo, Language

# What the notice tells beside the data itself, by the rule that ends it.
BOOKKEEPING: tuple[AppliesTo, ...] = ("raw", "quarantine", "suppressions", "requests", "backups")


@dataclass(frozen=True)
class Used:
    """A purpose as the notice tells it."""

    name: str
    bases: str
    minimum_age: int


@dataclass(frozen=True)
class Receives:
    """A recipient as the notice tells it; `mechanisms` are only those that hold on the day."""

    name: str
    country: str
    in_eea: bool
    mechanisms: str


def markdown(policy: Policy, language: Language, today: date) -> str:
    """The notice in Markdown, true on `today`. Raises KeyError for a language that the policy is not in."""
    # Not HTML: values are escaped for Markdown by `finalize`, and Markdown's HTML is made with raw HTML switched off.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("assets.documents", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=text,
        keep_trailing_newline=True,
    )
    environment.filters["sentence"] = grammar.sentence
    return environment.get_template(f"{language}.md.jinja").render(facts(policy, language, today))


def facts(policy: Policy, language: Language, today: date) -> dict[str, Any]:
    """Everything that a template may tell, in its language."""
    told, read = stored_data.told(policy), stored_data.read(policy)
    names = {name: policy.categories[name].name[language] for name in policy.categories}
    purposes = stored_data.purposes(policy)
    return {
        "day": grammar.day(today, language),
        "version": policy.version,
        "controller": policy.controller,
        "contact": policy.contact,
        "role": policy.contact.role[language],
        "register": policy.register_name.name[language],
        "purposes": [_used(policy, name, language) for name in purposes],
        "does": set(purposes),
        "adult_age": max((policy.purposes[name].minimum_age for name in purposes), default=0),
        "profiles": grammar.listed([names[one] for one in told if _is_profile(policy, one)]),
        "groups": _groups(policy, told, language),
        "holds": set(told),
        "mandatory": any(policy.categories[one].mandatory for one in told),
        "drops_passwords": "password" not in policy.categories
        or not policy.categories["password"].stored,
        "own_sources": [
            policy.sources[one].name[language]
            for one in read
            if not policy.sources[one].third_party
        ],
        "third_parties": [
            policy.sources[one].name[language] for one in read if policy.sources[one].third_party
        ],
        "informed_within": grammar.within(policy.article_14.informed_within, language),
        "recipients": [_receives(policy, one, language, today) for one in policy.recipients],
        "retention": _retention(policy, told, language),
        "kept": {one: _kept(policy.rule(one)[1], language) for one in BOOKKEEPING},
        "keeps_proofs": "marketing_choice" in told
        and policy.rule("consent_proofs")[1].effect == "segregate",
        "answered_within": grammar.within(policy.requests.answered_within, language),
        "extended_by": grammar.by(policy.requests.extended_by, language),
        "channels": [grammar.named("channels", one, language) for one in policy.requests.channels],
        "authority": grammar.named("authorities", policy.country, language),
    }


def _used(policy: Policy, name: str, language: Language) -> Used:
    purpose = policy.purposes[name]
    bases = grammar.joined(
        [grammar.named("bases", basis, language) for basis in purpose.bases], language
    )
    return Used(purpose.name[language], bases, purpose.minimum_age)


def _is_profile(policy: Policy, category: str) -> bool:
    """Whether the category is worked out about a registrant and may be analysed; a pseudonym says nothing of them."""
    one = policy.categories[category]
    return bool(one.derived_from) and "analytics" in one.purposes and category != "pseudonym"


def _groups(policy: Policy, told: list[str], language: Language) -> list[tuple[str, str]]:
    """The groups of data in the order of the policy's list, each with its categories; `*` marks the mandatory ones."""
    groups: dict[str, list[str]] = {}
    for name in sorted(
        told,
        key=lambda one: (
            policy.categories[one].clause
            if policy.categories[one].clause.startswith("P5.")
            else "P6"
        ),
    ):
        category = policy.categories[name]
        groups.setdefault(grammar.named("groups", category.clause, language), []).append(
            category.name[language] + ("*" if category.mandatory else "")
        )
    return [(group, grammar.listed(several)) for group, several in groups.items()]


def _receives(policy: Policy, name: str, language: Language, today: date) -> Receives:
    one = policy.recipients[name]
    holding = [
        grammar.named("mechanisms", each, language)
        for each in one.mechanisms
        if law.mechanism_holds(each, one.checked, today)
    ]
    country = grammar.words()["countries"].get(one.country, {}).get(language, one.country)
    return Receives(
        one.name[language], country, law.in_eea(one.country), grammar.joined(holding, language)
    )


def _retention(policy: Policy, told: list[str], language: Language) -> list[tuple[str, str]]:
    """(what, how long): categories that end by the same rules are told together. An address that is cut on arrival has no period."""
    same: dict[tuple[str, ...], list[str]] = {}
    for name in told:
        codes = tuple(
            code
            for code in policy.categories[name].retention
            if policy.retention[code].effect != "truncate"
        )
        same.setdefault(codes, []).append(policy.categories[name].name[language])
    return [
        (grammar.listed(names), _periods(policy, codes, language)) for codes, names in same.items()
    ]


def _periods(policy: Policy, codes: tuple[str, ...], language: Language) -> str:
    told = []
    for code in codes:
        rule = policy.retention[code]
        several = grammar.words()["applies_to"].get(rule.applies_to) if len(codes) > 1 else None
        told.append(
            several[language].format(period=_kept(rule, language))
            if several
            else _kept(rule, language)
        )
    return "; ".join(told)


def _kept(rule: RetentionRule, language: Language) -> str:
    """How long, from when, and what then, unless it is simply deleted."""
    clock = grammar.named("clocks", rule.clock, language)
    if rule.period.count == 0:
        of_its_own = grammar.words()["no_period_of"].get(rule.clock)
        return (
            str(of_its_own[language])
            if of_its_own
            else str(grammar.words()["no_period"][language]).format(clock=clock)
        )
    length = grammar.period(rule.period, language)
    preposition = {"en": " from ", "sv": " från ", "fi": " "}[language]
    then = grammar.words()["effects"].get(rule.effect)
    return f"{length}{preposition}{clock}{f'; {then[language]}' if then else ''}"
