"""The consistency of a policy: unknown names, data without source or end, repeated rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from schemas.policy import enforceable, transfers
from schemas.policy.clauses import CLAUSES
from schemas.policy.diagnostics import RULE_CODE, Fault, Where, nearest, shown, unknown
from schemas.policy.legal_constraints import is_secret
from schemas.reference.tables import read_reference
from schemas.source_names import source_names
from schemas.vocabulary import CATEGORIES, PURPOSES, WITH_ROW, AppliesTo

if TYPE_CHECKING:
    from schemas.policy.model import Policy

# The zones by which the days of the law are counted there; elsewhere any zone is believed.
_TIME_ZONES = {
    "FI": ("Europe/Helsinki", "Europe/Mariehamn"),
    "SE": ("Europe/Stockholm",),
}
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
        *_clauses(policy),
        *_contradictions(policy),
        *_impossible_values(policy),
        *_vague_topics(policy),
        *enforceable.faults(policy),
    ]


def _unknown_names(policy: Policy) -> list[Fault]:
    known: dict[str, set[str]] = {
        "purposes": {*policy.purposes, *PURPOSES},
        # Those that are missing are reported once, by `_missing_entries`.
        "sources": {*policy.sources, *source_names()},
        "categories": {*policy.categories, *CATEGORIES},
        "retention": {*policy.retention, WITH_ROW},
    }
    references: dict[tuple[str, str], list[Where]] = {}
    for where, section, names in _references(policy):
        for number, name in enumerate(names):
            if name not in known[section]:
                references.setdefault((section, name), []).append((*where, number))
    return [
        *_purposes(policy),
        *_missing_entries(policy),
        *(
            _unknown(section, name, places, known[section])
            for (section, name), places in references.items()
        ),
    ]


def _references(policy: Policy) -> Iterator[tuple[Where, str, tuple[str, ...]]]:
    """Each list of names, its place and the section that has to have them."""
    for name, category in policy.categories.items():
        yield ("categories", name, "purposes"), "purposes", category.purposes
        yield ("categories", name, "sources"), "sources", category.sources
        yield ("categories", name, "derived_from"), "categories", category.derived_from
        yield ("categories", name, "retention"), "retention", category.retention
    for name, recipient in policy.recipients.items():
        yield ("recipients", name, "purposes"), "purposes", recipient.purposes


def _unknown(section: str, name: str, places: list[Where], known: set[str]) -> Fault:
    """One fault for all places that name what is not there."""
    fault = unknown(
        places[0], name, known, "retention rules" if section == "retention" else section
    )
    more = len(places) - 1
    others = f", and {more} more place{'s name' if more > 1 else ' names'} it" if more else ""
    add = "" if section == "purposes" else f", or add `{name}:` under `{section}`"
    return fault._replace(problem=fault.problem + others, fix=fault.fix + add)


def _purposes(policy: Policy) -> list[Fault]:
    """There is exactly one entry for each mart."""
    others = [name for name in policy.purposes if name not in PURPOSES]
    misspelt = {nearest(name, PURPOSES) for name in others}
    return [
        *(unknown(("purposes", name), name, PURPOSES, "purposes") for name in others),
        *(
            Fault(
                ("purposes",),
                f"there is no purpose {name!r}, for which the pipeline makes a mart",
                f"add `{name}:` with name, clause and bases",
            )
            for name in PURPOSES
            if name not in policy.purposes and name not in misspelt
        ),
    ]


def _missing_entries(policy: Policy) -> list[Fault]:
    """There is an entry for each source that is read, and for each category that tables have."""
    return [
        _missing(section, name, set(getattr(policy, section)) - set(needed), why, fields)
        for section, needed, why, fields in (
            (
                "sources",
                source_names(),
                "which the pipeline reads",
                "name, clause, trust and owner",
            ),
            (
                "categories",
                CATEGORIES,
                "of which the register has columns",
                "name, clause, sources, purposes and retention",
            ),
        )
        for name in needed
        if name not in getattr(policy, section)
    ]


def _missing(section: str, name: str, others: set[str], why: str, fields: str) -> Fault:
    renamed = nearest(name, others)
    return Fault(
        (section, renamed) if renamed else (section,),
        f"{name!r} is none of the {section} that there are, {why}",
        f"call this one `{name}:`" if renamed else f"add `{name}:` with {fields}",
    )


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
        if category.stored and not category.retention and not is_secret(name, category):
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
        if name == "technical" and category.retention != (WITH_ROW,):
            problem = "it lives as long as its row, whatever a rule says"
            faults.append(Fault((*where, "retention"), problem, f"write [{WITH_ROW}]"))
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
        *((("products", name, "name"), product.name) for name, product in policy.products.items()),
        *(
            (("transparency", "automated_decisions", field), getattr(decisions, field))
            for decisions in (policy.transparency.automated_decisions,)
            for field in ("identify", "used_for")
            if decisions
        ),
        *(
            (("profiles", "interests", name, "name"), topic.name)
            for name, topic in policy.profiles.interests.items()
        ),
    ]
    return [
        Fault(where, f"it is missing in {language!r}", f"add `{language}:` beside the others")
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


# The sections of the policy that a part of the file can express.
_EXPRESSES = {
    "purposes": ("P4",),
    "profiles": ("P4",),
    "minors": ("P4",),
    "categories": ("P4", "P5", "P6", "P8"),
    "sources": ("P5", "P6"),
    "article_14": ("P6",),
    "recipients": ("P7",),
    "transfers": ("P7",),
    "retention": ("P8", "P9"),
    "protection": ("P6", "P8"),
    "rights": ("P9",),
    "requests": ("P10",),
    "automated_decisions": ("P4",),
    "cookies": ("P5",),
}


def _clauses(policy: Policy) -> list[Fault]:
    """Every clause that the file points at is one that the policy has, of the part's section."""
    parts: list[tuple[Where, object]] = []
    for section, value in policy:
        parts.append(((section,), value))
        if isinstance(value, Mapping):
            parts += [((section, name), entry) for name, entry in value.items()]
    parts += [(("transparency", name), part) for name, part in policy.transparency]
    faults = []
    for where, part in parts:
        clause = getattr(part, "clause", None)
        sections = _EXPRESSES.get(str(where[-1])) or _EXPRESSES.get(str(where[0]), ())
        if clause and clause not in CLAUSES:
            problem, fix = f"the policy has no clause {clause}", ", ".join(_items(clause))
        elif clause and sections and clause.split(".")[0] not in sections:
            problem = f"{clause} is not about this: {CLAUSES[clause]}"
            fix = f"an item of {' or '.join(sections)}"
        else:
            continue
        faults.append(Fault((*where, "clause"), problem, f"write one of {fix}"))
    return faults


def _contradictions(policy: Policy) -> list[Fault]:
    """What one part of the file says is not undone by another."""
    faults = []
    for name, category in policy.categories.items():
        where: Where = ("categories", name)
        if name in CATEGORIES and not category.stored:
            problem = "the register stores it, and this says that it is not stored"
            faults.append(Fault((*where, "stored"), problem, "take `stored` out"))
        if category.mandatory and not category.sources:
            problem = "nobody can be obliged to give what is derived"
            faults.append(Fault((*where, "mandatory"), problem, "take `mandatory` out"))
    for name, source in policy.sources.items():
        if source.subscription and name != "population_register":
            faults.append(
                Fault(
                    ("sources", name, "subscription"),
                    "it delivers no people by their identity codes that could be chosen from",
                    "take `subscription` out",
                )
            )
    officer = policy.transparency.officer
    if officer and officer.email and not officer.designated:
        problem = "there is no officer, and this is the officer's address"
        where = ("transparency", "officer", "email")
        faults.append(Fault(where, problem, "write `designated: true`, or take it out"))
    return faults


def _items(clause: str) -> list[str]:
    """The items of the clause's section."""
    section = clause.split(".", maxsplit=1)[0]
    return [each for each in CLAUSES if each.split(".")[0] == section]


@cache
def _countries() -> frozenset[str]:
    """The codes of ISO 3166-1, alpha-2."""
    return frozenset(row["country"] for row in read_reference("countries.csv"))


def _impossible_values(policy: Policy) -> list[Fault]:
    faults = []
    countries = [
        (("country",), policy.country),
        *(
            (("recipients", name, "country"), each.country)
            for name, each in policy.recipients.items()
        ),
    ]
    faults += [
        Fault(where, f"{country!r} is no country", "write its two letters (ISO 3166), such as FI")
        for where, country in countries
        if country not in _countries()
    ]
    if policy.country in _countries() and not transfers.in_eea(policy.country):
        problem = (
            "a controller outside the EEA has a representative in it (GDPR 27), whom the notice "
            "would have to name"
        )
        faults.append(
            Fault(("country",), problem, "write the country of the controller in the EEA")
        )
    try:
        today = datetime.now(ZoneInfo(policy.time_zone)).date()
        if policy.time_zone not in _TIME_ZONES.get(policy.country, (policy.time_zone,)):
            problem = f"days in {policy.country} do not begin by {shown(policy.time_zone)}"
            fix = f"write {' or '.join(_TIME_ZONES[policy.country])}"
            faults.append(Fault(("time_zone",), problem, fix))
        faults += [
            Fault((*where, field), f"{day} is to come", "write the day on which it was done")
            for where, recipient in (
                (("recipients", name), entry) for name, entry in policy.recipients.items()
            )
            for field, day in (
                ("checked", recipient.checked),
                ("certified_on", recipient.certified_on),
            )
            if day and day > today
        ]
    except (KeyError, ValueError, OSError):
        faults.append(
            Fault(
                ("time_zone",),
                f"{shown(policy.time_zone)} is no time zone",
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
