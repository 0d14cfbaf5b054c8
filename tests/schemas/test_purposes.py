"""What the purposes of P4 may see, whatever tables there are yet."""

from __future__ import annotations

import pytest

from schemas.columns import categories
from schemas.marts import MARTS
from schemas.policy.legal_constraints import IDENTIFYING
from schemas.policy.loader import load_policy

POLICY = load_policy()


def usable(purpose: str) -> set[str]:
    """The categories that the policy lets the purpose use, and those that its mart has."""
    return {
        name for name, category in POLICY.categories.items() if purpose in category.purposes
    } | {category for model in MARTS.get(purpose, ()) for category in categories(model).values()}


@pytest.mark.clause("P4.1", "P4.4")
@pytest.mark.parametrize("purpose", ["products_and_services", "analytics"])
def test_purposes_of_analysis_use_no_identifying_category(purpose: str) -> None:
    assert not usable(purpose) & IDENTIFYING


@pytest.mark.clause("P4.6")
def test_advertising_sees_hashes_and_choices_of_adults_who_consented() -> None:
    assert usable("targeted_advertising") == {"technical", "hashed_contact", "marketing_choice"}
    assert POLICY.purposes["targeted_advertising"].bases == ("consent",)
    assert POLICY.purposes["targeted_advertising"].minimum_age == 18


@pytest.mark.clause("P4.5", "P4.6", "P6.4")
@pytest.mark.parametrize(
    "purpose",
    [
        "direct_marketing",
        "targeted_advertising",
        "analytics",
        "products_and_services",
        "customer_care",
    ],
)
def test_credit_and_special_categories_are_in_none_of_them(purpose: str) -> None:
    assert not usable(purpose) & {
        "credit",
        "identity_code",
        "diet",
        "protection",
        "website_identifier",
    }


@pytest.mark.clause("P5.5")
def test_a_special_diet_serves_no_purpose_and_needs_explicit_consent() -> None:
    diet = POLICY.categories["diet"]
    assert (diet.purposes, diet.special) == ((), "explicit_consent")
    assert not [
        purpose
        for purpose, models in MARTS.items()
        for model in models
        if "diet" in categories(model).values()
    ]
