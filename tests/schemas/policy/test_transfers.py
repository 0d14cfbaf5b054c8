"""When data may go outside the EEA: mechanism, country, day and what is recorded (GDPR 44-49)."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy import transfers
from schemas.policy.loader import load_policy
from schemas.policy.model import Recipient
from schemas.reference.tables import read_reference
from schemas.vocabulary import Mechanism
from tests.support.changed_policy import written
from tests.support.examples import examples


def recipient(**parts: Any) -> Recipient:
    """The recipient in the United States of the shipped policy, with other parts."""
    return Recipient.model_validate({**written()["recipients"]["marketing_automation"], **parts})


def objection(mechanism: str, today: str, **parts: Any) -> str | None:
    changed = recipient(**{"mechanisms": [mechanism], **parts})
    return transfers.objection(
        load_policy(),
        changed,
        changed.mechanisms[0],
        date.fromisoformat(today),
    )


# Mechanism, country, day of the check, today, what else is recorded, and the objection.
JUDGED: list[tuple[str, str, str, str, dict[str, str], str | None]] = [
    # Adequacy: by the Commission's list, with its days.
    ("adequacy", "CN", "2026-01-01", "2026-11-20", {}, "has not found CN adequate"),
    ("adequacy", "IN", "2026-01-01", "2026-11-20", {}, "has not found IN adequate"),
    ("adequacy", "US", "2026-01-01", "2026-11-20", {}, "only certified recipients are (dpf)"),
    ("adequacy", "CH", "2026-01-01", "2026-11-20", {}, None),
    ("adequacy", "JP", "2018-06-01", "2019-01-22", {}, "valid from 2019-01-23"),
    ("adequacy", "JP", "2019-01-23", "2019-01-23", {}, None),
    ("adequacy", "KR", "2021-12-16", "2022-01-10", {}, "before it was valid (2021-12-17)"),
    ("adequacy", "BR", "2025-12-01", "2026-02-01", {}, "before it was valid (2026-01-26)"),
    ("adequacy", "BR", "2026-01-26", "2026-02-01", {}, None),
    ("adequacy", "GB", "2026-01-01", "2026-11-20", {}, None),
    ("adequacy", "GB", "2031-06-01", "2031-12-27", {}, None),
    ("adequacy", "GB", "2031-06-01", "2031-12-28", {}, "void since 2031-12-28"),
    # Standard clauses: the new ones from their day, the old ones until theirs.
    ("scc_2021", "US", "2021-06-26", "2021-12-01", {}, "before it was valid (2021-06-27)"),
    ("scc_2021", "US", "2021-06-27", "2021-12-01", {}, None),
    ("scc_2021", "CN", "2026-01-01", "2026-11-20", {}, None),
    ("scc_2021", "US", "2026-12-01", "2026-11-20", {}, "which is to come"),
    ("scc_2021", "US", "2020-01-01", "2026-11-20", {}, "before it was valid"),
    ("scc_2010", "US", "2022-06-01", "2022-12-26", {}, None),
    ("scc_2010", "US", "2022-06-01", "2022-12-27", {}, "void since 2022-12-27"),
    # The Data Privacy Framework: in the US, from its day, and for certified recipients.
    ("dpf", "US", "2026-01-01", "2026-11-20", {"certified_on": "2024-01-01"}, None),
    ("dpf", "US", "2026-01-01", "2026-11-20", {}, "no certification is recorded"),
    ("dpf", "US", "2026-01-01", "2026-06-01", {"certified_on": "2026-06-02"}, "no certification"),
    ("dpf", "CA", "2026-01-01", "2026-11-20", {"certified_on": "2024-01-01"}, "in US only"),
    ("dpf", "CN", "2026-01-01", "2026-11-20", {"certified_on": "2024-01-01"}, "in US only"),
    ("dpf", "US", "2023-07-09", "2023-08-01", {"certified_on": "2023-07-10"}, "before it was"),
    ("dpf", "US", "2023-07-01", "2023-07-09", {"certified_on": "2023-07-01"}, "valid from 2023"),
    # Privacy Shield: never since the judgment, whatever was checked when.
    ("privacy_shield", "US", "2020-01-01", "2020-07-15", {}, None),
    ("privacy_shield", "US", "2020-01-01", "2020-07-16", {}, "void since 2020-07-16"),
    ("privacy_shield", "US", "2026-01-01", "2026-11-20", {}, "void since 2020-07-16"),
    ("privacy_shield", "CH", "2020-01-01", "2020-07-15", {}, "in US only"),
    # Binding corporate rules: with an approval.
    ("bcr", "IN", "2026-01-01", "2026-11-20", {}, "an authority's approval, and none is recorded"),
    ("bcr", "IN", "2026-01-01", "2026-11-20", {"approval": "CNIL 2020-01"}, None),
    # A check counts for the policy's period, to the day.
    ("scc_2021", "US", "2025-11-20", "2026-11-20", {}, None),
    ("scc_2021", "US", "2025-11-20", "2026-11-21", {}, "more than 12 months ago"),
    ("adequacy", "CH", "2019-06-27", "2026-11-20", {}, "more than 12 months ago"),
    ("bcr", "IN", "2024-01-01", "2026-11-20", {"approval": "CNIL 2020-01"}, "more than 12 months"),
]


@pytest.mark.clause("P7", "P7.3")
@pytest.mark.parametrize(("mechanism", "country", "checked", "today", "parts", "reason"), JUDGED)
def test_a_mechanism_holds_for_its_countries_and_days_only(
    mechanism: str,
    country: str,
    checked: str,
    today: str,
    parts: dict[str, str],
    reason: str | None,
) -> None:
    found = objection(mechanism, today, country=country, checked=checked, **parts)
    assert (found is None) if reason is None else reason in (found or "")


def test_the_policys_period_is_what_a_check_counts_for() -> None:
    policy = load_policy()
    shorter = policy.model_copy(
        update={
            "transfers": policy.transfers.model_copy(
                update={"checked_within": type(policy.transfers.checked_within).parse("30 days")}
            )
        }
    )
    checked = recipient(mechanisms=["scc_2021"], checked="2026-10-01")
    today = date(2026, 11, 20)
    assert transfers.allowed(policy, checked, today)
    assert not transfers.allowed(shorter, checked, today)


@pytest.mark.parametrize("country", ["FI", "SE", "IS", "LI", "NO"])
def test_no_mechanism_is_needed_in_the_eea(country: str) -> None:
    assert transfers.allowed(
        load_policy(), recipient(country=country, mechanisms=[]), date(2026, 11, 20)
    )


@pytest.mark.parametrize("country", ["GB", "CH", "US", "CN"])
def test_a_mechanism_is_needed_elsewhere(country: str) -> None:
    assert not transfers.allowed(
        load_policy(), recipient(country=country, mechanisms=[]), date(2026, 11, 20)
    )


@settings(max_examples=examples(60), deadline=None)
@given(
    mechanism=st.sampled_from(get_args(Mechanism)),
    country=st.sampled_from([*(row["country"] for row in read_reference("countries.csv"))]),
    checked=st.dates(date(2015, 1, 1), date(2035, 1, 1)),
    today=st.dates(date(2015, 1, 1), date(2035, 1, 1)),
)
def test_a_transfer_is_allowed_if_and_only_if_a_mechanism_has_no_objection(
    mechanism: Mechanism, country: str, checked: date, today: date
) -> None:
    changed = recipient(
        country=country,
        mechanisms=[mechanism],
        checked=checked,
        certified_on="2023-07-10",
        approval="an authority",
    )
    reason = transfers.objection(load_policy(), changed, mechanism, today)
    allowed = transfers.allowed(load_policy(), changed, today)
    assert allowed is (transfers.in_eea(country) or reason is None)
    if reason is None:
        assert checked <= today
        assert mechanism != "privacy_shield" or today < date(2020, 7, 16)
        assert mechanism != "adequacy" or country not in ("US", "CN", "IN", "RU")


def test_each_decision_has_a_country_once_and_says_where_it_was_read() -> None:
    rows = read_reference("adequacy.csv")
    countries = {row["country"] for row in read_reference("countries.csv")}
    assert len({row["country"] for row in rows}) == len(rows)
    for row in rows:
        assert row["country"] in countries
        assert not transfers.in_eea(row["country"])
        assert row["read_at"]
        assert row["decision"]
        assert date.fromisoformat(row["valid_from"]) < date(2027, 1, 1)
