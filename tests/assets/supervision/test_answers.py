"""What no record answers is not answered."""

from __future__ import annotations

from assets.supervision.answers import NO_EVIDENCE, Answer, counted


def test_a_question_without_a_record_has_no_evidence() -> None:
    answer = Answer("E13", "How are they trained?")
    assert not answer.is_answered
    assert answer.as_data()["answer"] == NO_EVIDENCE == "no evidence"


def test_values_are_counted_and_nothing_has_no_counts() -> None:
    assert counted(["b", "a", "b"]) == {"a": 1, "b": 2}
    assert counted([]) == {}
