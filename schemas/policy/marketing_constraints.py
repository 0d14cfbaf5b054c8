"""What the act on electronic communications (917/2014) allows of visits and telephone marketing.

A policy that breaks it is refused at start-up, as with `schemas.policy.legal_constraints`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from schemas.policy.diagnostics import Fault
from schemas.policy.legal_constraints import PSEUDONYMOUS

if TYPE_CHECKING:
    from schemas.policy.model import Policy


def faults(policy: Policy) -> list[Fault]:
    """All provisions of the policy that the act does not allow."""
    return [*_visits(policy), *_mobile_subscriptions(policy)]


def _visits(policy: Policy) -> list[Fault]:
    """Visits are used by consent, or only counted, for a reason (917/2014, 205 §)."""
    faults = []
    for name, purpose in policy.purposes.items():
        where = ("purposes", name, "visits")
        used = [
            category
            for category, entry in policy.categories.items()
            if name in entry.purposes and "website" in policy.derivation(category)
        ]
        if used and purpose.visits is None:
            faults.append(
                Fault(
                    ("purposes", name),
                    f"it uses visits ({', '.join(used)}) without a consent (917/2014, 205 §)",
                    "write `visits: {by: consent}`, or take the purpose out of the categories",
                )
            )
        if purpose.visits is None:
            continue
        if purpose.visits.by == "consent" and "consent" not in purpose.bases:
            faults.append(
                Fault(
                    ("purposes", name, "bases"),
                    "it uses visits by consent and lacks 'consent'",
                    "add consent",
                )
            )
        if purpose.visits.by == "own_measurement" and name not in PSEUDONYMOUS:
            faults.append(
                Fault(
                    where,
                    f"{name!r} does more than count visits, which needs consent (917/2014, 205 §)",
                    "write `by: consent`",
                )
            )
        if purpose.visits.by == "own_measurement" and not purpose.visits.reason:
            faults.append(
                Fault(
                    where,
                    "nothing says why counting visits needs no consent (917/2014, 205 §)",
                    "write the `reason`, or `by: consent`",
                )
            )
    return faults


_MOBILE = re.compile(
    r"(mobile|phone|sim|prepaid|\b[2-6]g)\b.{0,12}\b(subscription|plan|contract)"
    r"|(puhelin|kännykkä|mobiili|prepaid|data|nettitikku|\b[2-6]g)[ -]?liittym"
    r"|(mobilt?|telefon|surf|kontantkort|\b[2-6]g)[ -]?[a-zåäö]{0,12}[ -]?abonnemang",
    re.IGNORECASE,
)


def _mobile_subscriptions(policy: Policy) -> list[Fault]:
    """A product that is called a mobile subscription says whether it is one (917/2014, 201 §)."""
    return [
        Fault(
            ("products", name),
            "it is called a mobile subscription, and telephone marketing of those is barred "
            "(917/2014, 201 §)",
            "write `mobile_subscription: true`, or false if it is none",
        )
        for name, product in policy.products.items()
        if product.mobile_subscription is None
        and any(_MOBILE.search(text) for text in (name, *product.name.values()))
    ]
