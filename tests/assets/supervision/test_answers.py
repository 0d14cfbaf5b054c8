"""Durations by nearest rank, and what no record answers is not answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assets.supervision.answers import NO_EVIDENCE, Answer, counted, spread


def test_a_question_without_a_record_has_no_evidence() -> None:
    answer = Answer("E13", "How are they trained?")
    assert not answer.is_answered
    assert answer.as_data()["answer"] == NO_EVIDENCE == "no evidence"


@given(st.lists(st.integers(0, 400), min_size=1))
def test_durations_are_those_of_requests_and_in_order(days: list[int]) -> None:
    measured = spread(days)
    assert {*measured.values()} <= {*days}
    assert measured["median_days"] <= measured["p95_days"] <= measured["longest_days"]
    assert measured["longest_days"] == max(days)
    assert sum(day <= measured["median_days"] for day in days) * 2 >= len(days)


def test_nothing_has_no_durations_and_no_counts() -> None:
    assert spread([]) == counted([]) == {}
