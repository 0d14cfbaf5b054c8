"""The list of the sources, `SOURCES`, and the check that the policy names each."""

from __future__ import annotations

from assets.sources import (
    consents,
    correspondence,
    credit_bureau,
    crm,
    events,
    population_register,
    self_service,
    social_media,
    website,
)
from schemas.declarations import DeclarationError
from schemas.policy.model import Policy

SOURCES = (
    credit_bureau.SOURCE,
    website.SOURCE,
    crm.SOURCE,
    consents.SOURCE,
    self_service.SOURCE,
    events.SOURCE,
    correspondence.SOURCE,
    social_media.SOURCE,
    # Last: its intake may be limited to people whom the others have delivered.
    population_register.SOURCE,
)


def check_sources(policy: Policy) -> None:
    """Raise DeclarationError for a source that would be read without a policy entry (P6)."""
    if unknown := [source.name for source in SOURCES if source.name not in policy.sources]:
        raise DeclarationError(
            f"policy.yaml says nothing of {', '.join(unknown)}: add an entry under `sources`, "
            "or stop reading it"
        )
