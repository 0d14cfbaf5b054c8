"""The rights of a registrant: receipt and verification of requests, and the grounds to refuse them.

Source: GDPR 12, 15-22; Regulation 1182/71; policy P9, P10; docs/decisions/request-ledger.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Right = Literal[
    "access",
    "portability",
    "rectification",
    "erasure",
    "restriction",
    "objection",
    "withdrawal",
    "human_review",
]
Channel = Literal["written", "in-person", "other"]
RIGHTS: tuple[str, ...] = get_args(Right)
CHANNELS: tuple[str, ...] = get_args(Channel)
# The identifiers that a request may give; a company's number identifies no person.
IDENTIFIERS = (
    "identity_code",
    "customer_number",
    "contact_id",
    "user_id",
    "visitor_id",
    "email",
    "phone",
)
# Right -> the choice that it becomes in the consent log.
RIGHTS_AS_CHOICES: Mapping[str, str] = {
    "restriction": "restricted",
    "objection": "objected",
    "withdrawal": "withdrawn",
    "human_review": "review_requested",
}
# The outcomes of a review: the profile stands, or the registrant is profiled no more.
ReviewOutcome = Literal["upheld", "withdrawn"]
REVIEW_OUTCOMES: tuple[str, ...] = get_args(ReviewOutcome)
# Marketing may be objected to without a reason, and the objection cannot be refused (GDPR
# 21(2)-(3)).
UNCONDITIONAL = ("direct_marketing", "targeted_advertising")
# A restriction is recorded under the purpose that allows no objection, so that lifting it lifts
# nothing else.
RESTRICTED_UNDER = "legal_claims"
# A review is recorded under a purpose that allows no objection, for the same reason: ending it ends
# nothing else. It suspends profiles until a person has looked (GDPR 22(3)).
REVIEWED_UNDER = "contracts"

# The means of verification -> its level of assurance (the levels of Regulation 910/2014, 8).
MEANS: Mapping[str, str] = {
    "identity_document": "high",
    "strong_identification": "high",
    "code_to_contact": "substantial",
    "signed_in": "substantial",
    "known_details": "low",
}
EXTENSION_REASONS: Mapping[str, str] = {
    "complexity": "the request is complex",
    "number": "there are many requests",
}


@dataclass(frozen=True)
class Ground:
    """The ground of a refusal: the rights that it can refuse, the law, and the condition."""

    rights: tuple[str, ...]
    law: str
    meaning: str


_REFUSABLE = tuple(right for right in RIGHTS if right not in ("withdrawal", "human_review"))
GROUNDS: dict[str, Ground] = {
    "REQ-NOT-IDENTIFIED": Ground(
        RIGHTS, "GDPR 11(2), 12(2)", "we have shown that we cannot tell who the registrant is"
    ),
    "REQ-EXCESSIVE": Ground(
        _REFUSABLE,
        "GDPR 12(5)(b)",
        "the request is manifestly unfounded or excessive, which we can show",
    ),
    "REQ-RIGHTS-OF-OTHERS": Ground(
        ("access", "portability"),
        "GDPR 15(4), 20(4)",
        "it would adversely affect the rights and freedoms of others",
    ),
    "REQ-NOT-PORTABLE": Ground(
        ("portability",),
        "GDPR 20(1)",
        "the data rest on neither consent nor contract, or were not provided by the registrant",
    ),
    "REQ-ACCURATE": Ground(
        ("rectification",), "GDPR 16", "the data are accurate, which we can show"
    ),
    "REQ-STILL-NEEDED": Ground(
        ("erasure",),
        "GDPR 17(1)",
        "none of the grounds for erasure applies: the data are needed, on a basis that holds",
    ),
    "REQ-EXPRESSION": Ground(
        ("erasure",), "GDPR 17(3)(a)", "needed for the freedom of expression and information"
    ),
    "REQ-LEGAL-OBLIGATION": Ground(
        ("erasure",), "GDPR 17(3)(b)", "a statute makes us keep the data"
    ),
    "REQ-LEGAL-CLAIMS": Ground(
        ("erasure", "objection"),
        "GDPR 17(3)(e), 21(1)",
        "needed to establish, exercise or defend legal claims",
    ),
    "REQ-NO-CASE-FOR-RESTRICTION": Ground(
        ("restriction",), "GDPR 18(1)", "none of the four cases for restriction applies"
    ),
    "REQ-COMPELLING": Ground(
        ("objection",),
        "GDPR 21(1)",
        "compelling legitimate grounds override the registrant's interests, which we can show",
    ),
}
# Why a request file is set aside. Messages name the code and our fields, never a value.
INBOX = {
    "REQ-INBOX-NOT-A-FILE": "it is a link, a folder or a device: write a regular file",
    "REQ-INBOX-SIZE": "the request file is larger than 64 KiB",
    "REQ-INBOX-JSON": "the request file is not one JSON object in UTF-8",
    "REQ-INBOX-FIELDS": "a field of the request file is missing, unknown, or not of its form",
    "REQ-INBOX-IDENTIFIER": (
        "the request names nobody, or an identifier in it is not valid for its type"
    ),
    "REQ-INBOX-RECEIVED": "the request was received on a day that is to come",
}
DEADLINES = {
    "REQ-OVERDUE": (
        "a request, or a notice to a recipient, is past the day by which it must be answered"
    ),
    "REQ-DUE-SOON": "a request must be answered within the policy's days of warning",
    "REQ-NOTICE-OPEN": "a recipient has not acknowledged its notice",
}
# The outcome of an erasure by identifiers that register, raw and quarantine do not know.
NOBODY_FOUND = "nobody_found"
# The outcome of a request of which a category or an item was refused or is retained by law.
PARTLY_REFUSED = "partly_refused"
ERASURES = {
    "REQ-NOBODY-FOUND": (
        "neither the register nor raw nor quarantine knows anybody by what was given: nothing was "
        "erased"
    ),
    "REQ-PAIRS-LEFT": (
        "pairs of records that may be one person: somebody decided that one half is erased "
        "without the other"
    ),
    "REQ-LEFT-OUT": (
        "identifiers that are (also) somebody else's: nothing was erased or suppressed by them"
    ),
    "REQ-BYSTANDERS": (
        "records that name somebody else as well: somebody looked at them and decided that they go"
    ),
    "REQ-UNVERIFIED": (
        "nobody verified who asked: somebody decided that the erasure goes on without"
    ),
    "REQ-ACTIVE-CONTRACTS": (
        "contracts of the registrant were active: somebody decided that the erasure goes on"
    ),
}
# The end of the requests of an erased registrant.
OF_THE_ERASED = {
    "REQ-ERASED": (
        "the person the request names has been erased: it ends, and nothing is written for them"
    ),
}
CODES = {
    **{code: ground.meaning for code, ground in GROUNDS.items()},
    **INBOX,
    **DEADLINES,
    **ERASURES,
    **OF_THE_ERASED,
}

# The events in a request's history.
EVENTS = {
    "received": "recorded",
    "found": "the registrant was found by certain links",
    "unclear": "what was given does not certainly mean one registrant",
    "left_out": (
        "identifiers that are (also) somebody else's are left out: nothing is erased or "
        "suppressed by them"
    ),
    "registrant_decided": "somebody decided which registrant the request means",
    "corrected": "what was given was corrected, so many identifiers",
    "pair_decided": "somebody decided on a pair of records that may be one person",
    "bystanders_decided": (
        "somebody looked at records that name somebody else as well, and decided that they go"
    ),
    "unverified_decided": (
        "somebody decided that the erasure goes on although nobody verified who asked"
    ),
    "active_contracts_decided": (
        "somebody decided that the erasure goes on although contracts are active"
    ),
    "suppression_lifted": "so many hashes were taken from the suppression list",
    "removed_before": "so many rows had been removed before and cannot come back",
    "code_sent": "a one-time code was sent to a contact that was on file",
    "code_refused": "a wrong or late code was given",
    "verified": "the identity was verified",
    "extended": "the time was extended, and the registrant notified",
    "decided": "a category was decided on",
    "near_matches_decided": "somebody decided whether records near the registrant are theirs",
    "reviewed": "somebody looked at what an access package withholds, and decided",
    "reviewer": "who reviews the profile or decision: a role or staff number",
    "review_decided": "a person reviewed the profile or decision",
    "packed": "the package was written, to be handed out",
    "applied": "what was asked was delivered to the register",
    "in_force": "the marts follow it",
    "lifting_announced": "the registrant was notified that the restriction will be lifted",
    "lifted": "the restriction or suspension was lifted",
    "erasing": "the erasure has begun",
    "confirmation_written": (
        "the confirmation, with what is kept and until when, was written before anything was erased"
    ),
    "confirmation_taken": "the confirmation was taken to be sent",
    "ends_others": "these other requests of the registrant end with the erasure",
    "recipients_told": "notices to recipients were written",
    "refused": "refused on a recorded ground",
    "closed": "closed; what identified the registrant was destroyed",
}


def refusable(right: str, purpose: str) -> list[str]:
    """The codes of the grounds on which such a request may be refused.

    An objection to marketing only because the registrant cannot be identified.
    """
    if right == "objection" and purpose in UNCONDITIONAL:
        return ["REQ-NOT-IDENTIFIED"]
    return [code for code, ground in GROUNDS.items() if right in ground.rights]
