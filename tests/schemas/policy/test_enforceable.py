"""A rule that the pipeline would not keep is refused; whatever it accepts, it does."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml

from schemas.policy.enforceable import ENDED_BY, ENFORCED, without_data
from schemas.policy.loader import load_policy
from schemas.vocabulary import CATEGORIES, AppliesTo
from tests.support.changed_policy import changed, refused, written


def test_everything_that_a_rule_may_apply_to_is_declared() -> None:
    assert set(ENFORCED) == set(get_args(AppliesTo))


@pytest.mark.parametrize(
    ("code", "field", "value", "fix"),
    [
        ("RET-PROSPECT-3Y", "effect", "anonymise", "write delete"),
        ("RET-VISITS-25M", "effect", "segregate", "write delete"),
        ("RET-IP-30D", "effect", "delete", "write truncate"),
        ("RET-CONSENT-3Y", "effect", "review", "write segregate or delete"),
        ("RET-SUPPRESSION-3Y", "effect", "delete", "write review"),
        ("RET-VISITS-25M", "clock", "first_seen", "write visit"),
        ("RET-CUSTOMER-3Y", "clock", "last_contact", "write contract_end"),
        ("RET-RAW-13M", "clock", "made", "write delivery"),
    ],
)
def test_a_clock_or_effect_that_the_pipeline_does_not_have_is_refused(
    tmp_path: Path, code: str, field: str, value: str, fix: str
) -> None:
    message = str(refused(tmp_path, changed(("retention", code, field), value)))
    assert "policy.yaml line " in message
    assert f"retention.{code}.{field}: the pipeline cannot" in message
    assert fix in message


def test_orders_that_no_statute_ends_are_refused(tmp_path: Path) -> None:
    message = str(
        refused(tmp_path, changed(("categories", "order", "retention"), ["RET-CUSTOMER-3Y"]))
    )
    assert "categories.order.retention" in message
    assert "name RET-VOUCHER-6Y or RET-BOOKS-10Y" in message


def test_rules_without_data_of_their_kind_are_named() -> None:
    assert without_data(load_policy()) == ["RET-BOOKS-10Y", "RET-IP-30D"]


# A category, the rules it names, the place of the only fault and what the message has.
ENDED_OTHERWISE = [
    ("contact", ["RET-IP-30D"], ".0", "RET-IP-30D counts from 'visit' and ends ip_addresses"),
    ("credit", ["RET-CUSTOMER-3Y"], ".0", "name RET-CREDIT-EXPIRY and RET-CREDIT-REPORT-13M"),
    ("credit", ["RET-CREDIT-REPORT-13M"], "", "the rule of credit_marks ends it too"),
    ("name", ["RET-PROSPECT-3Y"], "", "the rule of customers ends it too"),
    ("name", ["RET-PROSPECT-3Y", "RET-CUSTOMER-3Y", "RET-RAW-13M"], ".2", "ends raw, which"),
    ("website", ["RET-PROSPECT-3Y"], ".0", "name RET-VISITS-25M"),
    ("website_identifier", ["RET-COOKIE-13M"], "", "the rule of ip_addresses ends it too"),
    ("diet", ["RET-PARTICIPATION-24M"], ".0", "name RET-DIET-14D"),
    ("order", ["RET-VOUCHER-6Y", "RET-CUSTOMER-3Y"], ".1", "name RET-VOUCHER-6Y and RET-BOOKS-10Y"),
    ("marketing_choice", ["RET-CUSTOMER-3Y"], ".0", "name RET-CONSENT-3Y"),
]


@pytest.mark.parametrize(("category", "rules", "place", "message"), ENDED_OTHERWISE)
def test_a_category_is_ended_by_the_rules_of_its_kind_and_names_all_of_them(
    category: str, rules: list[str], place: str, message: str, tmp_path: Path
) -> None:
    error = refused(tmp_path, changed(("categories", category, "retention"), rules))
    places = {".".join(map(str, fault.where)) for fault in error.faults}
    assert f"categories.{category}.retention{place}" in places
    assert all(each.startswith(f"categories.{category}.retention") for each in places)
    assert message in str(error)


def test_a_category_of_ones_own_is_ended_by_no_rule_of_a_layer(tmp_path: Path) -> None:
    """The register has no columns of it: any rule of what registrants have may end it."""
    own = written()
    own["categories"]["feedback"] = {
        **written()["categories"]["correspondence"],
        "retention": ["RET-PARTICIPATION-24M"],
    }
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(own, allow_unicode=True), encoding="utf-8")
    assert "feedback" in load_policy(path).categories
    own["categories"]["feedback"]["retention"] = ["RET-BACKUP-14D"]
    (fault,) = refused(tmp_path, own).faults
    assert fault.where == ("categories", "feedback", "retention", 0)


def test_every_category_that_is_shipped_has_its_rules() -> None:
    stored = {
        name
        for name, category in load_policy().categories.items()
        if category.stored and name != "technical"
    }
    assert stored == set(ENDED_BY)
    assert set(CATEGORIES) - {"technical"} <= set(ENDED_BY)
