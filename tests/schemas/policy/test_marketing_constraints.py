"""917/2014, 201 and 205 §: what the law forbids of visits and telephone marketing is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from schemas.policy.loader import load_policy
from tests.support.changed_policy import changed, refused


class TestVisitsAndProducts:
    """917/2014, 201 and 205 §: what the law forbids is refused with the policy."""

    @pytest.mark.parametrize(
        ("where", "value", "expected"),
        [
            (("purposes", "analytics", "visits"), None, "without a consent"),
            (("purposes", "analytics", "bases"), ["legitimate_interest"], "lacks 'consent'"),
            (("purposes", "analytics", "visits"), {"by": "own_measurement"}, "nothing says why"),
            (
                ("purposes", "analytics", "visits"),
                {"by": "own_measurement", "reason": "  "},
                "it is blank",
            ),
            (
                ("purposes", "customer_care", "visits"),
                {"by": "own_measurement", "reason": "we count"},
                "more than count visits",
            ),
            (
                ("categories", "website", "purposes"),
                ["analytics", "direct_marketing"],
                "without a consent",
            ),
            (("products", "mobile", "mobile_subscription"), None, "called a mobile subscription"),
        ],
    )
    def test_it_is_refused(
        self, tmp_path: Path, where: tuple[str, ...], value: object, expected: str
    ) -> None:
        assert expected in str(refused(tmp_path, changed(where, value)))

    def test_measuring_with_a_reason_is_accepted(self, tmp_path: Path) -> None:
        use = {"by": "own_measurement", "reason": "counts only, on our own server"}
        path = tmp_path / "policy.yaml"
        content = changed(("purposes", "products_and_services", "visits"), use)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        visits = load_policy(path).purposes["products_and_services"].visits
        assert visits
        assert visits.by == "own_measurement"

    @pytest.mark.parametrize(
        "name", ["5G-liittymä", "Prepaid-liittymä", "mobile phone contract", "5G plan",
                 "surfabonnemang", "mobilt bredbandsabonnemang"],
    )  # fmt: skip
    def test_whatever_a_mobile_subscription_is_called(self, name: str, tmp_path: Path) -> None:
        product = {"name": {"en": name, "fi": name, "sv": name}}
        (fault,) = refused(tmp_path, changed(("products", "new"), product)).faults
        assert fault.where == ("products", "new")

    def test_a_product_that_only_sounds_like_one_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "policy.yaml"
        content = changed(("products", "mobile", "mobile_subscription"), False)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        assert "mobile" in load_policy(path).marketed_by("phone")
