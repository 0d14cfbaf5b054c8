"""The privacy notice and its facts: ten sections, as in the policy.

It describes what the running system does: only categories with a column, sources that are read and
purposes with a mart; the periods and clocks in force; only transfers that are lawful on the day. A
promise of the policy that is not kept is left out, and is in the report of conflicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from assets.documents import grammar, stored_data
from assets.documents.pages import text
from schemas.columns import categories
from schemas.policy import transfers
from schemas.policy.model import Policy, RetentionRule
from schemas.staged import VisitActions, Visits
from schemas.vocabulary import AppliesTo, Language

# What the notice covers besides the data itself, by the rule that ends it.
BOOKKEEPING: tuple[AppliesTo, ...] = (
    "raw",
    "quarantine",
    "suppressions",
    "requests",
    "backups",
    "without_purpose",
)


@dataclass(frozen=True)
class NoticedPurpose:
    """A purpose in the notice."""

    name: str
    bases: str
    minimum_age: int


@dataclass(frozen=True)
class NoticedRecipient:
    """A recipient in the notice; `mechanisms` are only those in force on the day, `past` the others
    that the policy still names. The organisation comes first where the policy names it.
    """

    name: str
    country: str
    in_eea: bool
    mechanisms: str
    past: str


def markdown(policy: Policy, language: Language, today: date) -> str:
    """Return the notice in Markdown, as of `today`.

    Raises:
        KeyError: The policy is not in this language.
    """
    # Not HTML: `finalize` escapes values for Markdown, which is rendered with raw HTML disabled.
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
    """Return all values of the template, in its language."""
    noticed, read = stored_data.noticed(policy), stored_data.read(policy)
    names = {name: policy.categories[name].name[language] for name in policy.categories}
    purposes = stored_data.purposes(policy)
    return {
        "day": grammar.day(today, language),
        "version": policy.version,
        "controller": policy.controller,
        "contact": policy.contact,
        "role": policy.contact.role[language],
        "register": policy.register_name.name[language],
        "purposes": [_purpose(policy, name, language) for name in purposes],
        "does": set(purposes),
        "visit_items": grammar.listed(_visit_items(language)),
        "uses": _uses(policy, noticed, language),
        "officer": policy.transparency.officer,
        "decisions": _decisions(policy, language),
        "cookies": policy.transparency.cookies,
        "visits_used": {
            by: grammar.listed(_using_visits(policy, purposes, by, language))
            for by in ("consent", "own_measurement")
        },
        "measures": [
            grammar.named("measures", measure, language)
            for measure in (
                policy.transparency.protection.measures if policy.transparency.protection else ()
            )
        ],
        "code_purposes": grammar.joined(
            [
                policy.purposes[name].name[language]
                for name in purposes
                if "identity_code" in noticed and policy.allows("identity_code", name)
            ],
            language,
        ),
        "adult_age": max((policy.purposes[name].minimum_age for name in purposes), default=0),
        "profiles": grammar.listed([names[name] for name in noticed if _is_profile(policy, name)]),
        "groups": _groups(policy, noticed, language),
        "holds": set(noticed),
        "mandatory": any(policy.categories[name].mandatory for name in noticed),
        "drops_passwords": "password" not in policy.categories
        or not policy.categories["password"].stored,
        "own_sources": [
            policy.sources[source].name[language]
            for source in read
            if not policy.sources[source].third_party
        ],
        "third_parties": [
            policy.sources[source].name[language]
            for source in read
            if policy.sources[source].third_party
        ],
        "informed_within": grammar.within(policy.article_14.informed_within, language),
        "recipients": [_recipient(policy, name, language, today) for name in policy.recipients],
        "retention": _retention(policy, noticed, language),
        "kept": {kind: _kept(policy.rule(kind)[1], language) for kind in BOOKKEEPING},
        "keeps_proofs": "marketing_choice" in noticed
        and policy.rule("consent_proofs")[1].effect == "segregate",
        "answered_within": grammar.within(policy.requests.answered_within, language),
        "extended_by": grammar.by(policy.requests.extended_by, language),
        "channels": [
            grammar.named("channels", channel, language) for channel in policy.requests.channels
        ],
        "authority": grammar.named("authorities", policy.country, language),
    }


def _purpose(policy: Policy, name: str, language: Language) -> NoticedPurpose:
    purpose = policy.purposes[name]
    bases = grammar.joined(
        [grammar.named("bases", basis, language) for basis in purpose.bases], language
    )
    return NoticedPurpose(purpose.name[language], bases, purpose.minimum_age)


def _visit_items(language: Language) -> list[str]:
    """Return what a visit has, by the columns that there are."""
    columns = {name for model in (Visits, VisitActions) for name in categories(model)}
    return [
        named[language] for name, named in grammar.words()["visit_items"].items() if name in columns
    ]


def _uses(policy: Policy, noticed: list[str], language: Language) -> list[tuple[str, str, str]]:
    """Return (purpose, its data, its bases) of every purpose with a mart."""
    return [
        (
            policy.purposes[name].name[language],
            grammar.listed(
                [
                    policy.categories[category].name[language]
                    for category in noticed
                    if policy.allows(category, name)
                ]
            ),
            _purpose(policy, name, language).bases,
        )
        for name in stored_data.purposes(policy)
    ]


def _decisions(policy: Policy, language: Language) -> dict[str, Any] | None:
    """Return the automated decisions that the policy states, in words; None if it states none."""
    stated = policy.transparency.automated_decisions
    if stated is None:
        return None
    return {
        "identify": stated.identify[language],
        "used_for": stated.used_for[language],
        "significant": stated.significant,
    }


def _using_visits(policy: Policy, purposes: list[str], by: str, language: Language) -> list[str]:
    """Return the names of the purposes that use visits by consent, or by own measurement."""
    return [
        policy.purposes[name].name[language]
        for name in purposes
        if (use := policy.purposes[name].visits) and use.by == by
    ]


def _is_profile(policy: Policy, category: str) -> bool:
    """Return whether the category is derived and may be analysed; a pseudonym is no profile."""
    declared = policy.categories[category]
    analysed = "analytics" in declared.purposes
    return bool(declared.derived_from) and analysed and category != "pseudonym"


def _groups(policy: Policy, noticed: list[str], language: Language) -> list[tuple[str, str]]:
    """Return the groups of data in the policy's order with their categories; `*` is mandatory."""
    groups: dict[str, list[str]] = {}
    for name in sorted(
        noticed,
        key=lambda key: (
            policy.categories[key].clause
            if policy.categories[key].clause.startswith("P5.")
            else "P6"
        ),
    ):
        category = policy.categories[name]
        groups.setdefault(grammar.named("groups", category.clause, language), []).append(
            category.name[language] + ("*" if category.mandatory else "")
        )
    return [(group, grammar.listed(several)) for group, several in groups.items()]


def _recipient(policy: Policy, name: str, language: Language, today: date) -> NoticedRecipient:
    recipient = policy.recipients[name]
    in_force = transfers.mechanisms_in_force(policy, recipient, today)
    mechanisms = [grammar.named("mechanisms", each, language) for each in in_force]
    past = [
        grammar.named("past_mechanisms", each, language)
        for each in recipient.mechanisms
        if each not in in_force
    ]
    named = recipient.name[language]
    country = (
        grammar.words()["countries"].get(recipient.country, {}).get(language, recipient.country)
    )
    return NoticedRecipient(
        f"{recipient.organisation}, {named}" if recipient.organisation else named,
        country,
        transfers.in_eea(recipient.country),
        grammar.joined(mechanisms, language),
        grammar.joined(past, language),
    )


def _retention(policy: Policy, noticed: list[str], language: Language) -> list[tuple[str, str]]:
    """Return (categories, period); those that end by the same rules are in one row."""
    same: dict[tuple[str, ...], list[str]] = {}
    for name in noticed:
        codes = tuple(policy.categories[name].retention)
        same.setdefault(codes, []).append(policy.categories[name].name[language])
    return [
        (grammar.listed(names), _periods(policy, codes, language)) for codes, names in same.items()
    ]


def _periods(policy: Policy, codes: tuple[str, ...], language: Language) -> str:
    periods = []
    for code in codes:
        rule = policy.retention[code]
        several = grammar.words()["applies_to"].get(rule.applies_to) if len(codes) > 1 else None
        # Shortened on arrival, an IP address stays with its visit, also when the cookie is gone.
        ends = policy.rule("visits")[1] if rule.effect == "truncate" else rule
        kept = _kept(ends, language)
        periods.append(several[language].format(period=kept) if several else kept)
    return "; ".join(periods)


def _kept(rule: RetentionRule, language: Language) -> str:
    """Return how long, from when, and the effect unless it is deletion."""
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
