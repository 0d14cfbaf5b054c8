"""The words that a policy file may use, each known to the pipeline by this name."""

from __future__ import annotations

from typing import Literal

# A retention rule's name for data that lives as long as the rest of its row.
WITH_ROW = "with_row"

Basis = Literal["consent", "contract", "legal_obligation", "legitimate_interest"]
Effect = Literal["delete", "anonymise", "segregate", "truncate", "review"]
Clock = Literal[
    "last_contact",
    "contract_end",
    "relationship_end",
    "calendar_year_end",
    "financial_year_end",
    "visit",
    "first_seen",
    "event_end",
    "made",
    "bureau_expiry",
    "report",
    "delivery",
    "erasure",
    "closed",
    "rectification",
    "backup",
]
AppliesTo = Literal[
    "prospects",
    "customers",
    "vouchers",
    "books",
    "visits",
    "ip_addresses",
    "cookies",
    "diets",
    "participations",
    "call_recordings",
    "correspondence",
    "credit_marks",
    "credit_reports",
    "consent_proofs",
    "quarantine",
    "raw",
    "suppressions",
    "requests",
    "rectified",
    "backups",
]
Language = Literal["fi", "sv", "en"]
Mechanism = Literal["adequacy", "scc_2021", "bcr", "dpf", "scc_2010", "privacy_shield"]
Right = Literal[
    "access",
    "rectification",
    "erasure",
    "editing",
    "restriction",
    "objection",
    "withdrawal",
    "portability",
    "complaint",
    "human_review",
]
# The purposes that the pipeline makes marts for.
PURPOSES = (
    "products_and_services",
    "contracts",
    "customer_care",
    "analytics",
    "direct_marketing",
    "targeted_advertising",
    "credit_decision",
    "legal_claims",
)
