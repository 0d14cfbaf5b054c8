"""A bounded part of the field fuzz: an odd value concerns no record but its own."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.findings import Findings
from tests.fuzz.mutations import IDENTIFYING, Mutation, every_mutation, shared_mutations
from tests.fuzz.rounds import Rounds
from tests.fuzz.trial import Failure, leaked
from tests.fuzz.values import Odd, catalogue, text_value
from tests.fuzz.whole_records import KINDS, person

_OF_EACH_DATASET = 120
_TOGETHER = 350
# Values that stand for nobody, in every field that identifies, of two persons each.
_PLACEHOLDERS = ("0", "N/A", "(not set)", "{{userId}}", "1.24E+11", "010190-900C")


@pytest.fixture(scope="module")
def every() -> list[Mutation]:
    return list(every_mutation())


@pytest.fixture(scope="module")
def chosen(every: list[Mutation]) -> list[Mutation]:
    """As many odd records of each dataset, the same in every run; few with files of their own."""
    rng = random.Random(20261120)
    shuffled = rng.sample(every, len(every))
    shared = [
        item for text in _PLACEHOLDERS for item in shared_mutations(text_value("shared", text))
    ]
    picked = []
    for source, dataset in KINDS:
        theirs = [item for item in shuffled if (item.source, item.dataset) == (source, dataset)]
        picked += [item for item in theirs if not item.alone][:_OF_EACH_DATASET]
        picked += [item for item in theirs if item.alone][:4]
    rng.shuffle(picked)
    return [*shared, *picked]


def test_an_odd_value_stops_loses_and_changes_nothing_but_its_own_record(
    chosen: list[Mutation], tmp_path: Path
) -> None:
    """Taken in dataset by dataset, then refreshed together, through to what is handed out."""
    findings = Findings()
    rounds = Rounds(tmp_path, findings, lambda text: None, halvings=10)
    good = rounds.take_in(rounds.numbered(chosen))
    rounds.refresh(good[: len(chosen) // 4 + _TOGETHER])
    assert not findings.entries, findings.text()


def test_every_field_meets_every_value(every: list[Mutation]) -> None:
    """The catalogue is of fields times values, so that nothing is left out by choice."""
    fields = {(item.dataset, item.kind, item.field) for item in every}
    assert len(fields) > 400
    assert len(every) > len(fields) * len([odd for odd in catalogue() if odd.cell])


def test_the_same_value_is_put_into_every_identifying_field_of_several_persons() -> None:
    items = list(shared_mutations(Odd("shared", '"0"', "0"), times=2))
    assert len(items) == 2 * sum(len(fields) for *_, fields in IDENTIFYING)


def test_a_value_of_a_record_in_a_message_is_noticed() -> None:
    (item, *_) = shared_mutations(Odd("shared", '"0"', "0"))
    item = item.about(7)
    assert leaked(f"no such name: {person(7).given}", [item])
    assert not leaked("no such name", [item])


def test_a_failure_of_another_record_is_the_same_failure() -> None:
    assert Failure("lost", "crm", (1,)) == Failure("lost", "crm", (2,))
