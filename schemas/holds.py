"""Holds: on which grounds data of a registrant stays although its time is over, or erasure waits.

Source: GDPR 12(3), 17(3), 18, 21(1); docs/decisions/legal-holds.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HoldGround:
    """A ground: the law, and its meaning. `by_command`: somebody adds and ends it. `refusal`: the
    reason that a registrant reads while an erasure waits, as the ground of a refusal.
    """

    law: str
    meaning: str
    by_command: bool = False
    refusal: str = ""


GROUNDS: dict[str, HoldGround] = {
    "HOLD-CLAIM": HoldGround(
        "GDPR 17(3)(e), 18(2)",
        "party to a legal claim, or to a dispute from which one is to be expected",
        by_command=True,
        refusal="REQ-LEGAL-CLAIMS",
    ),
    "HOLD-AUTHORITY": HoldGround(
        "GDPR 17(3)(b)",
        "a court or an authority has ordered that the data be kept",
        by_command=True,
        refusal="REQ-LEGAL-OBLIGATION",
    ),
    "HOLD-REQUEST": HoldGround(
        "GDPR 12(3), 15-16, 20",
        "a request of the registrant is open, and needs the data to be answered",
    ),
    "HOLD-RESTRICTION": HoldGround(
        "GDPR 18(1)-(2)",
        "the registrant has had the processing restricted: the data is stored until it is lifted",
    ),
    "HOLD-ERASURE": HoldGround(
        "GDPR 17(3), 18(2)",
        "an erasure waits for a hold: until then the data is used for legal claims only",
    ),
    "HOLD-OBJECTION": HoldGround(
        "GDPR 18(1)(d), 21(1)", "an objection of the registrant is being weighed"
    ),
    "HOLD-UNREADABLE": HoldGround(
        "GDPR 5(1)(f), 17(3), 18",
        "the key of a hold or of an open request is missing, so it may be about anybody",
    ),
}
BY_COMMAND = tuple(code for code, ground in GROUNDS.items() if ground.by_command)
CODES = {code: f"{ground.meaning} ({ground.law})" for code, ground in GROUNDS.items()}
