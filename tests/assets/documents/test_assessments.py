"""Balancing tests and the impact assessment: drawn from the policy, with open questions counted."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from assets.documents import assessments, stored_data
from tests.assets.documents.mended import policy

TODAY = date(2026, 11, 20)


def titles(*changes: tuple[tuple[str, ...], Any]) -> list[str]:
    return [part.title.split(" ")[0] for part in assessments.balancing(policy(*changes))]


def test_every_purpose_on_a_legitimate_interest_has_its_test_and_no_other() -> None:
    shipped = policy()
    expected = [
        name
        for name in stored_data.purposes(shipped)
        if "legitimate_interest" in shipped.purposes[name].bases
    ]
    assert titles() == expected
    assert "analytics" not in titles((("purposes", "analytics", "bases"), ["consent"]))


@pytest.mark.parametrize("which", list(assessments.TITLES))
def test_what_only_the_controller_can_say_is_open_and_counted(which: str) -> None:
    text = assessments.markdown(policy(), TODAY, which)
    parts = assessments.assessed(policy(), TODAY, which)
    count = assessments.open_count(parts)
    assert count > 0
    assert f"{count} questions are `OPEN`" in text
    assert text.count("`OPEN`") == count + 1


def test_a_conflict_that_is_resolved_is_no_risk_any_more() -> None:
    def named(*changes: tuple[tuple[str, ...], Any]) -> str:
        return assessments.markdown(policy(*changes), TODAY, "impact")

    assert "CONFLICT-DECISIONS-UNSTATED" in named()
    stated = (("transparency", "automated_decisions", "significant"), False)
    assert "CONFLICT-DECISIONS-UNSTATED" not in named(stated)


def test_the_data_of_a_purpose_follow_the_policy() -> None:
    fewer = (("categories", "region", "purposes"), ["contracts"])
    [before] = [part for part in assessments.balancing(policy()) if "customer_care" in part.title]
    [after] = [
        part for part in assessments.balancing(policy(fewer)) if "customer_care" in part.title
    ]
    assert "region" in before.questions[1].shown
    assert "region" not in after.questions[1].shown
