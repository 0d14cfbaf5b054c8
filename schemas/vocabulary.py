"""The words of the policy file and of requests, each known to the pipeline by this name.

Strings only: the command line imports them to offer choices, without the models of the tables.
"""

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
    "last_purpose",
    "withdrawal",
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
    "without_purpose",
    "withdrawn",
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
# The categories that columns of the tables have.
CATEGORIES = (
    "address",
    "age_band",
    "birth_date",
    "call_recording",
    "company",
    "consumption",
    "contact",
    "contract",
    "correction",
    "correspondence",
    "credit",
    "customer_number",
    "diet",
    "hashed_contact",
    "identity_code",
    "interests",
    "language",
    "life_event",
    "marketing_choice",
    "name",
    "order",
    "other_with_consent",
    "participation",
    "protection",
    "pseudonym",
    "region",
    "registrant_id",
    "segment",
    "social_media",
    "technical",
    "website",
    "website_identifier",
)
# By which a registrant is contacted, or forbids it.
CHANNELS = ("email", "sms", "phone", "post", "web", "all")
# What a consent, an objection or a withdrawal can be about: a purpose of the policy, profiling
# alone, or everything that rests on legitimate interest.
REGISTRANT_PURPOSES = (*PURPOSES, "profiling", "legitimate_interest")
# What a registrant can have corrected; an identifier is corrected by its issuer.
RECTIFIABLE = (
    "given_names",
    "call_name",
    "family_name",
    "birth_date",
    "language",
    "email",
    "phone",
    "street",
    "postcode",
    "town",
    "country",
    "company_name",
    "job_title",
)
