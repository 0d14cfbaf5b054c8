"""The consistency of a policy: unknown names, data without source or end, repeated rules."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from schemas.policy import enforceable
from schemas.policy.diagnostics import RULE_CODE, Fault, unknown
from schemas.vocabulary import PURPOSES, WITH_ROW, AppliesTo

if TYPE_CHECKING:
    from schemas.policy.model import Policy

TOPIC = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Shorter pieces of text occur in too many contents to be specific.
MIN_CONTENT = 4


def faults(policy: Policy) -> list[Fault]:
    """All contradictions in the policy."""
    return [
        *_unknown_names(policy),
        *_without_origin_or_end(policy),
        *_untranslated(policy),
        *_missing_or_repeated_rules(policy),
        *_impossible_values(policy),
        *_vague_topics(policy),
        *enforceable.faults(policy),
    ]


def _unknown_names(policy: Policy) -> list[Fault]:
    faults = [
        unknown(("purposes", name), name, PURPOSES, "purposes")
        for name in policy.purposes
        if name not in PURPOSES
    ]
    faults += [
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
            faults += [
                unknown(("categories", name, field, number), value, known, field)
                for number, value in enumerate(used)
                if value not in known
            ]
    for name, recipient in policy.recipients.items():
        faults += [
            unknown(("recipients", name, "purposes", number), purpose, purposes, "purposes")
            for number, purpose in enumerate(recipient.purposes)
            if purpose not in purposes
        ]
    return faults


def _without_origin_or_end(policy: Policy) -> list[Fault]:
    faults = []
    for name, category in policy.categories.items():
        where = ("categories", name)
        if not category.sources and not category.derived_from:
            faults.append(
                Fault(
                    where,
                    "the category has no source",
                    "name the `sources` it comes from, or the categories it is `derived_from`",
                )
            )
        if name in set().union(*(policy.derivation(origin) for origin in category.derived_from)):
            faults.append(
                Fault(
                    (*where, "derived_from"),
                    "the category is derived from itself",
                    "break the circle: name only what it is really worked out from",
                )
            )
        if category.stored and not category.retention:
            faults.append(
                Fault(
                    (*where, "retention"),
                    "the category has no retention rule",
                    "name the rules of `retention` that end it",
                )
            )
        if not category.stored and (category.retention or category.purposes):
            faults.append(
                Fault(
                    where,
                    "what is not stored has a purpose or a retention rule",
                    "empty `purposes` and `retention`, or take out `stored: false`",
                )
            )
        if WITH_ROW in category.retention and name != "technical":
            faults.append(
                Fault(
                    (*where, "retention"),
                    f"only `technical` lives as long as its row, not {name!r}",
                    "name a retention rule of its own",
                )
            )
    return faults


def _untranslated(policy: Policy) -> list[Fault]:
    """The names in the notice must exist in each of the policy's languages (GDPR 12(1))."""
    named = [
        (("contact", "role"), policy.contact.role),
        (("register", "name"), policy.register_name.name),
        *(
            ((section, name, "name"), entry.name)
            for section in ("purposes", "categories", "sources", "recipients")
            for name, entry in getattr(policy, section).items()
        ),
        *(
            (("profiles", "interests", name, "name"), topic.name)
            for name, topic in policy.profiles.interests.items()
        ),
    ]
    return [
        Fault(where, f"the name is missing in {language!r}", f"add `{language}:` beside the others")
        for where, names in named
        for language in policy.languages
        if language not in names
    ]


def _missing_or_repeated_rules(policy: Policy) -> list[Fault]:
    """Each kind of data needs exactly one retention rule, with a valid code.

    The pipeline looks rules up by what they apply to.
    """
    faults = []
    applied = [rule.applies_to for rule in policy.retention.values()]
    for kind in get_args(AppliesTo):
        if applied.count(kind) != 1:
            problem = f"there are {applied.count(kind)} retention rules for {kind!r}, not one"
            faults.append(
                Fault(("retention",), problem, f"keep exactly one rule with `applies_to: {kind}`")
            )
    for code in policy.retention:
        if not RULE_CODE.fullmatch(code):
            faults.append(
                Fault(
                    ("retention", code),
                    f"{code!r} is no code of a rule",
                    "call it RET-, then capitals, digits and hyphens",
                )
            )
    return faults


def _impossible_values(policy: Policy) -> list[Fault]:
    faults = []
    try:
        ZoneInfo(policy.time_zone)
    except (KeyError, ValueError, OSError):
        faults.append(
            Fault(
                ("time_zone",),
                f"{policy.time_zone!r} is no time zone",
                "name one of the IANA database, such as Europe/Helsinki",
            )
        )
    try:
        date.fromisoformat(f"2001-{policy.controller.financial_year_ends}")
    except ValueError:
        problem = f"{policy.controller.financial_year_ends!r} is no day of every year"
        faults.append(
            Fault(
                ("controller", "financial_year_ends"),
                problem,
                "write the last day of the financial year as MM-DD, such as 12-31",
            )
        )
    return faults


def _vague_topics(policy: Policy) -> list[Fault]:
    """A topic needs a valid name, and contents that are specific.

    A pattern for any text would allow everything.
    """
    faults = []
    for name, topic in policy.profiles.interests.items():
        where = ("profiles", "interests", name)
        if not TOPIC.fullmatch(name):
            faults.append(
                Fault(
                    where,
                    f"{name!r} is no name of a topic",
                    "write small letters, digits and underscores, such as electricity",
                )
            )
        for number, content in enumerate(topic.contents):
            if not any(len(word) >= MIN_CONTENT for word in content.split("*")):
                problem = f"{content!r} says too little of what a content is"
                faults.append(
                    Fault(
                        (*where, "contents", number),
                        problem,
                        f"write at least {MIN_CONTENT} characters in a row, such as "
                        "'tuotteet/sahko*'",
                    )
                )
    return faults
