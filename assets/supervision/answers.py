"""A question of an authority with the answer that the records give, and where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NO_EVIDENCE = "no evidence"


@dataclass(frozen=True)
class Answer:
    """A question with its answer.

    Attributes:
        question: A number within the pack, such as `E3`.
        text: What is asked, in our words.
        answer: In words; `NO_EVIDENCE` where no record tells it: the controller must answer.
        evidence: Where the records are: paths below the data root, commands, documents.
        figures: Counts, days and codes; nothing personal.
    """

    question: str
    text: str
    answer: str = NO_EVIDENCE
    evidence: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        """Whether records answer it."""
        return self.answer != NO_EVIDENCE

    def as_data(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "question": self.question,
            "text": self.text,
            "answer": self.answer,
            "evidence": list(self.evidence),
            "figures": dict(self.figures),
        }


def counted(values: Sequence[str]) -> dict[str, int]:
    """Return how often each value occurs, by value."""
    return {value: values.count(value) for value in sorted({*values})}
