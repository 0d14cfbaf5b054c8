"""Which clocks the pipeline can count for which data, and what it can do when they are over.

A policy may write any lawful rule; one that the pipeline would not keep is refused, so that what the notice says is what
happens. `no_data` names the kinds of which no source delivers anything yet: their rules are listed and have nothing to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from schemas.policy_text import Fault
from schemas.vocabulary import AppliesTo, Clock, Effect

if TYPE_CHECKING:
    from schemas.policy import Policy


class Enforced(NamedTuple):
    """Clocks and effects that the pipeline has for one kind of data."""

    clocks: tuple[Clock, ...]
    effects: tuple[Effect, ...]
    no_data: bool = False


ENFORCED: dict[AppliesTo, Enforced] = {
    "prospects": Enforced(("last_contact",), ("delete",)),
    "customers": Enforced(("contract_end",), ("delete",)),
    "vouchers": Enforced(("calendar_year_end",), ("segregate",)),
    "books": Enforced(("financial_year_end",), ("segregate",)),
    "visits": Enforced(("visit",), ("delete",)),
    "ip_addresses": Enforced(("visit",), ("truncate",)),
    "cookies": Enforced(("first_seen",), ("delete",)),
    "diets": Enforced(("event_end",), ("delete",), no_data=True),
    "participations": Enforced(("event_end",), ("anonymise", "delete"), no_data=True),
    "call_recordings": Enforced(("made",), ("delete",), no_data=True),
    "correspondence": Enforced(("made",), ("delete",), no_data=True),
    "credit_marks": Enforced(("bureau_expiry",), ("delete",)),
    "credit_reports": Enforced(("report",), ("delete",)),
    "consent_proofs": Enforced(("relationship_end",), ("segregate", "delete")),
    "quarantine": Enforced(("delivery",), ("delete",)),
    "raw": Enforced(("delivery",), ("delete",)),
    "suppressions": Enforced(("erasure",), ("review",)),
    "requests": Enforced(("closed",), ("delete",)),
    "rectified": Enforced(("rectification",), ("delete",)),
    "backups": Enforced(("backup",), ("delete",)),
}


def faults(policy: Policy) -> list[Fault]:
    """Rules that the pipeline could not keep as they are written."""
    found = []
    for name, rule in policy.retention.items():
        can = ENFORCED[rule.applies_to]
        for field, said, known in (
            ("clock", rule.clock, can.clocks),
            ("effect", rule.effect, can.effects),
        ):
            if said not in known:
                told = (
                    f"the pipeline cannot count {said!r} for {rule.applies_to}"
                    if field == "clock"
                    else f"the pipeline cannot {said} {rule.applies_to}"
                )
                found.append(Fault(("retention", name, field), told, f"write {' or '.join(known)}"))
    held = [
        name for name, rule in policy.retention.items() if rule.applies_to in ("vouchers", "books")
    ]
    if "order" in policy.categories and not set(held) & set(policy.categories["order"].retention):
        told = "orders are vouchers or books of account (1336/1997, 2:10), and no rule of either ends them"
        found.append(
            Fault(
                ("categories", "order", "retention"),
                told,
                f"name {' or '.join(held) or 'a rule for vouchers'}",
            )
        )
    return found


def without_data(policy: Policy) -> list[str]:
    """Codes of the rules that have nothing to do: no source delivers data of that kind, or it is dealt with when it comes.

    Full IP addresses are truncated when they are taken in. Books are only what category `order` says is one.
    """
    used = policy.categories["order"].retention
    idle = [
        code
        for code, rule in policy.retention.items()
        if ENFORCED[rule.applies_to].no_data or rule.applies_to == "ip_addresses"
    ]
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
