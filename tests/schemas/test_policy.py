"""The policy as data: periods counted as the law counts, and a file that contradicts itself is refused."""

from __future__ import annotations

import copy
import functools
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.marts import MARTS, PurposeError, check_purposes
from schemas.policy import POLICY_FILE, Period, Policy, load_policy

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))


@functools.cache
def _written() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(POLICY_FILE.read_text(encoding="utf-8"))
    return found


def written() -> dict[str, Any]:
    return copy.deepcopy(_written())


def slowly_before(count: int, unit: str, day: date) -> date:
    """The latest start whose period has ended on the day, by trying every day back from it."""
    start = day
    while start + relativedelta(**{unit: count}) > day:
        start -= timedelta(days=1)
    return start


class TestPeriod:
    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 40), st.sampled_from(["days", "months"]), DAYS)
    def test_it_ends_when_a_calendar_says_so(self, count: int, unit: str, day: date) -> None:
        assert Period.parse(f"{count} {unit}").before(day) == slowly_before(count, unit, day)

    @settings(max_examples=15, deadline=None)
    @given(st.integers(0, 6), DAYS)
    def test_years_too(self, count: int, day: date) -> None:
        assert Period.parse(f"{count} years").before(day) == slowly_before(count, "years", day)

    @given(st.integers(0, 40), st.sampled_from(["days", "months", "years"]), DAYS)
    def test_a_later_day_never_keeps_less_time(self, count: int, unit: str, day: date) -> None:
        period = Period.parse(f"{count} {unit}")
        assert period.before(day) <= period.before(day + timedelta(days=1))

    @pytest.mark.parametrize(
        ("period", "day", "start"),
        [
            ("13 months", "2026-11-20", "2025-10-20"),
            ("25 months", "2026-11-20", "2024-10-20"),
            ("1 months", "2026-02-28", "2026-01-31"),
            ("1 months", "2026-02-27", "2026-01-27"),
            ("1 years", "2025-02-28", "2024-02-29"),
            ("3 years", "2027-02-28", "2024-02-29"),
            ("30 days", "2026-11-20", "2026-10-21"),
            ("0 days", "2026-11-20", "2026-11-20"),
        ],
    )
    def test_it_is_over_for_whatever_started_on_or_before(self, period: str, day: str, start: str) -> None:
        assert Period.parse(period).before(date.fromisoformat(day)) == date.fromisoformat(start)

    @pytest.mark.parametrize(
        "text", ["", "months", "13", "13 month", "thirteen months", "-1 days", "1.5 years", "13 months 2 days", "13months", None, 13, "² months"]
    )
    def test_what_is_no_period_is_refused_by_its_text(self, text: object) -> None:
        with pytest.raises(ValueError, match="a period is"):
            Period.parse(text)


class TestPolicy:
    def test_the_file_that_is_shipped_holds_and_fits_every_mart(self) -> None:
        check_purposes(load_policy())
        assert set(MARTS) == set(load_policy().purposes)

    def test_a_category_that_names_an_unknown_purpose_is_refused(self) -> None:
        told = written()
        told["categories"]["name"]["purposes"].append("gossip")
        with pytest.raises(ValidationError, match=r"'name' names unknown purposes \['gossip'\]"):
            Policy.model_validate(told)

    @pytest.mark.parametrize(
        ("where", "value"),
        [
            (("retention", "RET-RAW-13M", "period"), "soon"),
            (("retention", "RET-RAW-13M", "effect"), "keep"),
            (("retention", "RET-RAW-13M", "basis"), "Z"),
            (("retention", "RET-RAW-13M", "grace"), "1 days"),
            (("purposes", "analytics", "bases"), []),
            (("purposes", "analytics", "bases"), ["curiosity"]),
            (("purposes", "analytics", "clause"), "P11"),
            (("categories", "name", "clause"), "5.1"),
            (("sources", "crm", "trust"), 0),
            (("surplus",), 1),
        ],
    )
    def test_a_wrong_field_is_refused_by_its_name(self, where: tuple[str, ...], value: object) -> None:
        told = written()
        functools.reduce(lambda inner, key: inner[key], where[:-1], told)[where[-1]] = value
        with pytest.raises(ValidationError) as refusal:
            Policy.model_validate(told)
        assert refusal.value.errors()[0]["loc"][: len(where)] == where

    def test_an_unknown_time_zone_is_refused(self) -> None:
        with pytest.raises((ValidationError, KeyError)):
            Policy.model_validate({**written(), "time_zone": "Europe/Nowhere"})

    def test_its_fingerprint_changes_with_what_it_says_and_not_with_its_layout(self, tmp_path: Path) -> None:
        told = written()
        same = tmp_path / "same.yaml"
        same.write_text(yaml.safe_dump(told, allow_unicode=True, sort_keys=False), encoding="utf-8")
        assert load_policy(same).fingerprint == load_policy().fingerprint
        told["retention"]["RET-RAW-13M"]["period"] = "14 months"
        assert Policy.model_validate(told).fingerprint != load_policy().fingerprint

    def test_an_unknown_category_may_be_used_for_nothing(self) -> None:
        assert not any(load_policy().allows("horoscope", purpose) for purpose in load_policy().purposes)


class TestPurposes:
    def test_a_column_that_its_purpose_may_not_see_is_named(self) -> None:
        told = written()
        told["categories"]["identity_code"]["purposes"].remove("contracts")
        with pytest.raises(PurposeError, match=r"registrants\.identity_code of mart 'contracts' has category 'identity_code'"):
            check_purposes(Policy.model_validate(told))

    def test_a_mart_without_a_purpose_is_named(self) -> None:
        told = written()
        del told["purposes"]["analytics"]
        for category in told["categories"].values():
            category["purposes"] = [purpose for purpose in category["purposes"] if purpose != "analytics"]
        with pytest.raises(PurposeError, match="mart 'analytics' has no purpose"):
            check_purposes(Policy.model_validate(told))

    @pytest.mark.parametrize(
        ("category", "purposes"),
        [("identity_code", {"contracts", "credit_decision"}), ("credit", {"credit_decision"}), ("protection", set()), ("website_identifier", set())],
    )
    def test_the_most_sensitive_categories_stay_where_the_law_has_them(self, category: str, purposes: set[str]) -> None:
        assert set(load_policy().categories[category].purposes) == purposes
