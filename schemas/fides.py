"""The terms of Fides (fideslang 3) for those of the policy and the pipeline.

A test checks each key against fideslang. Source: the default taxonomy of the `fideslang` package.
Where it has no term as narrow as ours, the nearest wider one is used.
"""

from __future__ import annotations

from schemas.vocabulary import Basis, Mechanism

# Category of the policy -> data categories of Fides.
DATA_CATEGORIES: dict[str, tuple[str, ...]] = {
    "technical": ("system.operations",),
    "registrant_id": ("user.unique_id",),
    "pseudonym": ("user.unique_id.pseudonymous",),
    "name": ("user.name",),
    "birth_date": ("user.demographic.date_of_birth",),
    "language": ("user.demographic.language",),
    "customer_number": ("user.account",),
    "identity_code": ("user.government_id.national_identification_number", "user.unique_id"),
    "password": ("user.authorization.password",),
    "contact": ("user.contact.email", "user.contact.phone_number"),
    "hashed_contact": (
        "user.contact.email",
        "user.contact.phone_number",
        "user.unique_id.pseudonymous",
    ),
    "address": ("user.contact.address",),
    "region": ("user.location.imprecise",),
    "company": ("user.contact.organization", "user.job_title"),
    "marketing_choice": ("user.privacy_preferences",),
    "correction": ("user.name", "user.contact", "user.demographic"),
    "participation": ("user.behavior",),
    "diet": ("user.health_and_medical", "user.demographic.religious_belief"),
    "contract": ("user.account",),
    "order": ("user.behavior.purchase_history",),
    "consumption": ("user.behavior.purchase_history", "user.demographic.profile"),
    "age_band": ("user.demographic.age_range",),
    "interests": ("user.demographic.profile", "user.behavior"),
    "segment": ("user.demographic.profile",),
    "call_recording": ("user.biometric.voice",),
    "correspondence": ("user.content.private",),
    "other_with_consent": ("user.content",),
    "website": ("user.behavior.browsing_history", "user.behavior.search_history", "user.device"),
    "website_identifier": (
        "user.device.cookie_id",
        "user.device.device_id",
        "user.device.ip_address",
    ),
    "social_media": ("user.social",),
    "life_event": ("user.demographic",),
    "protection": ("user.privacy_preferences",),
    "credit": ("user.financial",),
}
# A category that a controller has added.
ANY_CATEGORY = ("user",)
# Purpose -> data use.
DATA_USES = {
    "products_and_services": "functional.service.improve",
    "contracts": "essential.service",
    "customer_care": "essential.service.operations.support",
    "analytics": "personalize.profiling",
    "direct_marketing": "marketing.communications",
    "targeted_advertising": "marketing.advertising.third_party.targeted",
    "credit_decision": "finance",
    "legal_claims": "essential.legal_obligation",
}
# The data subjects of the register.
DATA_SUBJECTS = ("customer", "prospect", "visitor")
BASES: dict[Basis, str] = {
    "consent": "Consent",
    "contract": "Contract",
    "legal_obligation": "Legal obligations",
    "legitimate_interest": "Legitimate interests",
}
TRANSFERS: dict[Mechanism, str] = {
    "adequacy": "Adequacy Decision",
    "dpf": "Adequacy Decision",
    "scc_2021": "SCCs",
    "bcr": "BCRs",
}
