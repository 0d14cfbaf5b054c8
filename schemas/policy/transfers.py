"""Transfers to recipients outside the EEA: which mechanism holds for which country on which day.

Sources: GDPR 44-47; decisions (EU) 2021/914, Art. 4 (standard clauses), (EU) 2023/1795 (Data
Privacy Framework); CJEU C-311/18 (Privacy Shield); adequacy decisions: `reference/adequacy.csv`.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

from schemas.policy.model import Policy, Recipient
from schemas.reference.tables import read_reference
from schemas.vocabulary import Mechanism

_EEA = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS"}
)
_EEA |= {"IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
# Mechanism -> its first day, and the day from which it is void. `adequacy` depends on the country.
IN_FORCE: dict[Mechanism, tuple[date, date]] = {
    "privacy_shield": (date(2016, 7, 12), date(2020, 7, 16)),
    "scc_2010": (date(2010, 5, 15), date(2022, 12, 27)),
    "scc_2021": (date(2021, 6, 27), date.max),
    "dpf": (date(2023, 7, 10), date.max),
    "bcr": (date.min, date.max),
}
# Mechanisms of one country only; both are for certified recipients.
ONLY_IN: dict[Mechanism, str] = {"privacy_shield": "US", "dpf": "US"}


@cache
def _adequacy() -> dict[str, tuple[date, date]]:
    """Country -> the first day of its adequacy decision, and the day from which it is void."""
    return {
        row["country"]: (
            date.fromisoformat(row["valid_from"]),
            date.fromisoformat(row["valid_until"]) + timedelta(days=1)
            if row["valid_until"]
            else date.max,
        )
        for row in read_reference("adequacy.csv")
    }


def in_eea(country: str) -> bool:
    """Whether the country is in the EEA, where data may go without a transfer mechanism."""
    return country in _EEA


def objection(
    policy: Policy, recipient: Recipient, mechanism: Mechanism, today: date
) -> str | None:
    """Why a transfer to the recipient cannot rest on the mechanism on `today`; None if it can."""
    country = recipient.country
    if country != ONLY_IN.get(mechanism, country):
        return f"{mechanism} is for recipients in {ONLY_IN[mechanism]} only"
    if mechanism == "adequacy" and country not in _adequacy():
        instead = (
            "; there, only certified recipients are (dpf)" if country == ONLY_IN["dpf"] else ""
        )
        return f"the Commission has not found {country} adequate{instead}"
    first, void = _adequacy()[country] if mechanism == "adequacy" else IN_FORCE[mechanism]
    if not first <= today < void:
        return f"{mechanism} is {f'void since {void}' if today >= void else f'valid from {first}'}"
    return _unchecked(policy, recipient, mechanism, first, today) or _unproven(
        recipient, mechanism, today
    )


def _unchecked(
    policy: Policy, recipient: Recipient, mechanism: Mechanism, first: date, today: date
) -> str | None:
    checked, period = recipient.checked, policy.transfers.checked_within
    if checked > today:
        return f"{mechanism} is checked on {checked}, which is to come"
    if checked < first:
        return f"{mechanism} was last checked on {checked}, before it was valid ({first})"
    if period.after(checked) < today:
        return f"{mechanism} was last checked on {checked}, more than {period} ago"
    return None


def _unproven(recipient: Recipient, mechanism: Mechanism, today: date) -> str | None:
    certified = recipient.certified_on is not None and recipient.certified_on <= today
    if mechanism == "dpf" and not certified:
        return "dpf is for certified recipients, and no certification is recorded (certified_on)"
    if mechanism == "bcr" and not recipient.approval:
        return "bcr need an authority's approval, and none is recorded (approval)"
    return None


def mechanisms_in_force(policy: Policy, recipient: Recipient, today: date) -> list[Mechanism]:
    """The recipient's mechanisms that a transfer can rest on on `today`."""
    return [
        mechanism
        for mechanism in recipient.mechanisms
        if objection(policy, recipient, mechanism, today) is None
    ]


def allowed(policy: Policy, recipient: Recipient, today: date) -> bool:
    """Whether data may go to the recipient on `today`: in the EEA, or under a mechanism in force.

    Source: GDPR 44-46.
    """
    return in_eea(recipient.country) or bool(mechanisms_in_force(policy, recipient, today))
