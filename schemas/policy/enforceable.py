"""The clocks and effects that the pipeline can enforce, by kind of data.

A policy may contain any lawful rule; one that the pipeline would not keep is refused, so that the
notice describes what happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.policy.diagnostics import Fault
from schemas.vocabulary import AppliesTo, Clock, Effect

if TYPE_CHECKING:
    from schemas.policy.model import Policy


class Enforced(NamedTuple):
    """Clocks and effects that the pipeline has for one kind of data."""

    clocks: tuple[Clock, ...]
    effects: tuple[Effect, ...]


ENFORCED: dict[AppliesTo, Enforced] = {
    "prospects": Enforced(("last_contact",), ("delete",)),
    "customers": Enforced(("contract_end",), ("delete",)),
    "vouchers": Enforced(("calendar_year_end",), ("segregate",)),
    "books": Enforced(("financial_year_end",), ("segregate",)),
    "visits": Enforced(("visit",), ("delete",)),
    "ip_addresses": Enforced(("visit",), ("truncate",)),
    "cookies": Enforced(("first_seen",), ("delete",)),
    "diets": Enforced(("event_end",), ("delete",)),
    "participations": Enforced(("event_end",), ("anonymise", "delete")),
    "call_recordings": Enforced(("made",), ("delete",)),
    "correspondence": Enforced(("made",), ("delete",)),
    "credit_marks": Enforced(("bureau_expiry",), ("delete",)),
    "credit_reports": Enforced(("report",), ("delete",)),
    "consent_proofs": Enforced(("relationship_end",), ("segregate", "delete")),
    "quarantine": Enforced(("delivery",), ("delete",)),
    "raw": Enforced(("delivery",), ("delete",)),
    "suppressions": Enforced(("erasure",), ("review",)),
    "requests": Enforced(("closed",), ("delete",)),
    "rectified": Enforced(("rectification",), ("delete",)),
    "backups": Enforced(("backup",), ("delete",)),
    "without_purpose": Enforced(("last_purpose",), ("delete",)),
    "withdrawn": Enforced(("withdrawal",), ("delete",)),
}


# A registrant's row goes by the rule of those without contract, or of customers.
_REGISTRANT: tuple[AppliesTo, ...] = ("prospects", "customers")
# Category -> the kinds of rules that end it in the pipeline, each of which the policy names. Of
# `order`, either is enough.
ENDED_BY: dict[str, tuple[AppliesTo, ...]] = {
    **dict.fromkeys(
        (
            "registrant_id",
            "pseudonym",
            "name",
            "birth_date",
            "language",
            "customer_number",
            "identity_code",
            "contact",
            "hashed_contact",
            "address",
            "region",
            "company",
            "consumption",
            "age_band",
            "life_event",
            "protection",
        ),
        _REGISTRANT,
    ),
    "marketing_choice": ("consent_proofs",),
    "correction": ("rectified", *_REGISTRANT),
    "other_with_consent": ("withdrawn", *_REGISTRANT),
    "participation": ("participations",),
    "diet": ("diets",),
    "contract": ("customers",),
    "order": ("vouchers", "books"),
    "interests": ("visits",),
    "segment": ("visits", *_REGISTRANT),
    "call_recording": ("call_recordings",),
    "correspondence": ("correspondence",),
    "website": ("visits",),
    "website_identifier": ("cookies", "ip_addresses"),
    "social_media": ("visits",),
    "credit": ("credit_marks", "credit_reports"),
}
# Rules of a layer, or of what the register keeps about its own work; they end no category.
_OF_NO_CATEGORY: tuple[AppliesTo, ...] = (
    "quarantine",
    "raw",
    "suppressions",
    "requests",
    "backups",
)


def faults(policy: Policy) -> list[Fault]:
    """Retention rules that the pipeline cannot enforce as written."""
    return [*_rules(policy), *_categories(policy)]


def _categories(policy: Policy) -> list[Fault]:
    """Rules that end another kind of data than the category's, and rules of its own kind that it
    does not name."""
    faults = []
    for name, category in policy.categories.items():
        if not category.stored or not category.retention:
            continue
        where = ("categories", name, "retention")
        kinds = {
            code: policy.retention[code].applies_to
            for code in category.retention
            if code in policy.retention
        }
        ends = ENDED_BY.get(name)
        faults += [
            Fault(
                (*where, number),
                f"{code} counts from {policy.retention[code].clock!r} and ends {kinds[code]}, "
                "which this is not",
                f"name {_codes(policy, ends)}" if ends else "name a rule of such data",
            )
            for number, code in enumerate(category.retention)
            if code in kinds
            and (kinds[code] not in ends if ends else kinds[code] in _OF_NO_CATEGORY)
        ]
        missing = [kind for kind in ends or () if kind not in kinds.values()]
        if missing and name != "order" and not set(category.retention) - set(kinds):
            faults.append(
                Fault(
                    where,
                    f"the rule of {' and '.join(missing)} ends it too, and is not named",
                    f"name {_codes(policy, ends or ())}",
                )
            )
    return faults


def _codes(policy: Policy, kinds: tuple[AppliesTo, ...]) -> str:
    codes = [code for code, rule in policy.retention.items() if rule.applies_to in kinds]
    return " and ".join(codes) or f"a rule with applies_to {' or '.join(kinds)}"


def _rules(policy: Policy) -> list[Fault]:
    faults = []
    for name, rule in policy.retention.items():
        enforced = ENFORCED[rule.applies_to]
        if rule.clock not in enforced.clocks:
            problem = f"the pipeline cannot count {rule.clock!r} for {rule.applies_to}"
            fix = f"write {' or '.join(enforced.clocks)}"
            faults.append(Fault(("retention", name, "clock"), problem, fix))
        if rule.effect not in enforced.effects:
            problem = f"the pipeline cannot {rule.effect} {rule.applies_to}"
            fix = f"write {' or '.join(enforced.effects)}"
            faults.append(Fault(("retention", name, "effect"), problem, fix))
    statutory = [
        name for name, rule in policy.retention.items() if rule.applies_to in ("vouchers", "books")
    ]
    if "order" in policy.categories and not set(statutory) & set(
        policy.categories["order"].retention
    ):
        faults.append(
            Fault(
                ("categories", "order", "retention"),
                "orders are vouchers or books of account (1336/1997, 2:10), and no rule of either "
                "ends them",
                f"name {' or '.join(statutory) or 'a rule for vouchers'}",
            )
        )
    return faults


def without_data(policy: Policy) -> list[str]:
    """Codes of the rules that have nothing to do.

    Full IP addresses are truncated at ingest. Books are only what category `order` names as such.
    """
    used = policy.categories["order"].retention
    idle = [code for code, rule in policy.retention.items() if rule.applies_to == "ip_addresses"]
    return sorted(
        [
            *idle,
            *(
                code
                for code, rule in policy.retention.items()
                if rule.applies_to in ("books", "vouchers") and code not in used
            ),
        ]
    )
