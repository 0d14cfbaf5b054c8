"""A rule that the pipeline would not keep is refused; whatever it accepts, it does."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from schemas.policy.enforceable import ENFORCED, without_data
from schemas.policy.loader import load_policy
from schemas.vocabulary import AppliesTo
from tests.support.changed_policy import changed, refused


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
    assert without_data(load_policy()) == [
        "RET-BOOKS-10Y",
        "RET-CALL-6M",
        "RET-CORRESPONDENCE-24M",
        "RET-DIET-14D",
        "RET-IP-30D",
        "RET-PARTICIPATION-24M",
    ]
