"""The clocks and effects that the pipeline can enforce, by kind of data.

A policy may contain any lawful rule; one that the pipeline would not keep is refused, so that the
notice describes what happens. `no_data` marks the kinds that no source delivers yet: their rules
are listed and have nothing to do.
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
    "without_purpose": Enforced(("last_purpose",), ("delete",)),
}


def faults(policy: Policy) -> list[Fault]:
    """Retention rules that the pipeline cannot enforce as written."""
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

    No source delivers data of that kind, or it is handled at ingest (full IP addresses are
    truncated). Books are only what category `order` names as such.
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
