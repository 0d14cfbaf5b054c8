"""Who receives the registrant's data: by name where the policy has it (GDPR 15(1)(c); CJEU
C-154/21).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from assets.documents import notice
from assets.rights.access.gathering import Gathered
from schemas.policy.model import Policy
from schemas.vocabulary import Language


def receiving(
    policy: Policy, gathered: Gathered, language: Language, today: date
) -> list[dict[str, Any]]:
    """Return the recipients of the purposes that the registrant's data are used for: name, country,
    those purposes, and whether data may go to them on the day (GDPR 44).
    """
    used = {
        mart["mart"]
        for mart in gathered.marts
        if any(channel["admitted"] for channel in mart["channels"])
    }
    noticed = zip(
        policy.recipients.values(),
        notice.facts(policy, language, today)["recipients"],
        strict=True,
    )
    return [
        {
            "name": shown.name,
            "country": shown.country,
            "purposes": [name for name in policy.purposes if name in used & {*entry.purposes}],
            "receives": shown.in_eea or bool(shown.mechanisms),
        }
        for entry, shown in noticed
        if used & {*entry.purposes}
    ]
