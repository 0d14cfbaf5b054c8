"""Whether a policy contradicts itself: names that lead nowhere, data without source or end, rules that are not one."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from schemas import enforceable
from schemas.policy_text import RULE_CODE, Fault, unknown
from schemas.vocabulary import PURPOSES, WITH_ROW, AppliesTo

if TYPE_CHECKING:
    from schemas.policy import Policy

TOPIC = re.compile(r"[a-z][a-z0-9_]{0,39}")
# A shorter piece of text is in too many contents to mean one thing.
LEAST_CONTENT = 4


def faults(policy: Policy) -> list[Fault]:
    """What contradicts itself: names that lead nowhere, data without source or end, a time zone that is none."""
    return [
        *_unknown_names(policy),
        *_without_origin_or_end(policy),
        *_untranslated(policy),
        *_rules_that_are_not_one(policy),
        *_impossible_values(policy),
        *_vague_topics(policy),
        *enforceable.faults(policy),
    ]


def _unknown_names(policy: Policy) -> list[Fault]:
    found = [
        unknown(("purposes", name), name, PURPOSES, "purposes")
        for name in policy.purposes
        if name not in PURPOSES
    ]
    found += [
        Fault(
            ("purposes",),
            f"there is no purpose {name!r}, for which the pipeline makes a mart",
            f"add `{name}:` with name, clause and bases",
        )
        for name in PURPOSES
        if name not in policy.purposes
    ]
    purposes = {*policy.purposes, *PURPOSES}
    for name, category in policy.categories.items():
        for field, used, known in (
            ("purposes", category.purposes, purposes),
            ("sources", category.sources, set(policy.sources)),
            ("derived_from", category.derived_from, set(policy.categories)),
            ("retention", category.retention, {*policy.retention, WITH_ROW}),
        ):
            found += [
                unknown(("categories", name, field, number), one, known, field)
                for number, one in enumerate(used)
                if one not in known
            ]
    for name, recipient in policy.recipients.items():
        found += [
            unknown(("recipients", name, "purposes", number), one, purposes, "purposes")
            for number, one in enumerate(recipient.purposes)
            if one not in purposes
        ]
    return found


def _without_origin_or_end(policy: Policy) -> list[Fault]:
    found = []
    for name, category in policy.categories.items():
        where = ("categories", name)
        if not category.sources and not category.derived_from:
            found.append(
                Fault(
                    where,
                    "the category has no source",
                    "name the `sources` it comes from, or the categories it is `derived_from`",
                )
            )
        if name in set().union(*(policy.derivation(one) for one in category.derived_from)):
            found.append(
                Fault(
                    (*where, "derived_from"),
                    "the category is derived from itself",
                    "break the circle: name only what it is really worked out from",
                )
            )
        if category.stored and not category.retention:
            found.append(
                Fault(
                    (*where, "retention"),
                    "the category has no retention rule",
                    "name the rules of `retention` that end it",
                )
            )
        if not category.stored and (category.retention or category.purposes):
            found.append(
                Fault(
                    where,
                    "what is not stored has a purpose or a retention rule",
                    "empty `purposes` and `retention`, or take out `stored: false`",
                )
            )
        if WITH_ROW in category.retention and name != "technical":
            found.append(
                Fault(
                    (*where, "retention"),
                    f"only `technical` lives as long as its row, not {name!r}",
                    "name a retention rule of its own",
                )
            )
    return found


def _untranslated(policy: Policy) -> list[Fault]:
    """What the notice tells must be told in each of the policy's languages (GDPR 12(1))."""
    named = [
        (("contact", "role"), policy.contact.role),
        (("register", "name"), policy.register_name.name),
        *(
            ((section, name, "name"), one.name)
            for section in ("purposes", "categories", "sources", "recipients")
            for name, one in getattr(policy, section).items()
        ),
        *(
            (("profiles", "interests", name, "name"), one.name)
            for name, one in policy.profiles.interests.items()
        ),
    ]
    return [
        Fault(where, f"the name is missing in {language!r}", f"add `{language}:` beside the others")
        for where, names in named
        for language in policy.languages
        if language not in names
    ]


def _rules_that_are_not_one(policy: Policy) -> list[Fault]:
    """The pipeline looks a rule up by what it applies to: each must be there, once, with a code that looks like one."""
    found = []
    applied = [rule.applies_to for rule in policy.retention.values()]
    for one in get_args(AppliesTo):
        if applied.count(one) != 1:
            problem = f"there are {applied.count(one)} retention rules for {one!r}, not one"
            found.append(
                Fault(("retention",), problem, f"keep exactly one rule with `applies_to: {one}`")
            )
    for code in policy.retention:
        if not RULE_CODE.fullmatch(code):
            found.append(
                Fault(
                    ("retention", code),
                    f"{code!r} is no code of a rule",
                    "call it RET-, then capitals, digits and hyphens",
                )
            )
    return found


def _impossible_values(policy: Policy) -> list[Fault]:
    found = []
    try:
        ZoneInfo(policy.time_zone)
    except (KeyError, ValueError, OSError):
        found.append(
            Fault(
                ("time_zone",),
                f"{policy.time_zone!r} is no time zone",
                "name one of the IANA database, such as Europe/Helsinki",
            )
        )
    try:
        date.fromisoformat(f"2001-{policy.controller.financial_year_ends}")
    except ValueError:
        told = f"{policy.controller.financial_year_ends!r} is no day of every year"
        found.append(
            Fault(
                ("controller", "financial_year_ends"),
                told,
                "write the last day of the financial year as MM-DD, such as 12-31",
            )
        )
    return found


def _vague_topics(policy: Policy) -> list[Fault]:
    """A topic must be called by a word, and its contents must say what they are: a pattern for anything allows everything."""
    found = []
    for name, topic in policy.profiles.interests.items():
        where = ("profiles", "interests", name)
        if not TOPIC.fullmatch(name):
            found.append(
                Fault(
                    where,
                    f"{name!r} is no name of a topic",
                    "write small letters, digits and underscores, such as electricity",
                )
            )
        for number, content in enumerate(topic.contents):
            if not any(len(word) >= LEAST_CONTENT for word in content.split("*")):
                told = f"{content!r} says too little of what a content is"
                found.append(
                    Fault(
                        (*where, "contents", number),
                        told,
                        f"write at least {LEAST_CONTENT} characters in a row, such as 'tuotteet/sahko*'",
                    )
                )
    return found
