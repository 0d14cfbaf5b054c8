"""Periods, days and lists are written as is usual in each language."""

from __future__ import annotations

from datetime import date
from typing import get_args

import pytest

from assets.documents import grammar
from schemas.policy.model import Period
from schemas.vocabulary import AppliesTo, Basis, Clock, Effect, Language, Mechanism

LANGUAGES = get_args(Language)


@pytest.mark.parametrize(
    ("written", "english", "swedish", "finnish"),
    [
        ("1 months", "one month", "en månad", "kuukausi"),
        ("1 years", "one year", "ett år", "vuosi"),
        ("1 days", "one day", "en dag", "päivä"),
        ("2 months", "two months", "två månader", "kaksi kuukautta"),
        ("3 years", "three years", "tre år", "kolme vuotta"),
        ("12 months", "12 months", "tolv månader", "12 kuukautta"),
        ("13 months", "13 months", "13 månader", "13 kuukautta"),
        ("30 days", "30 days", "30 dagar", "30 päivää"),
    ],
)
def test_a_period_is_written_in_the_right_number_and_case(
    written: str, english: str, swedish: str, finnish: str
) -> None:
    period = Period.parse(written)
    assert [grammar.period(period, language) for language in ("en", "sv", "fi")] == [
        english,
        swedish,
        finnish,
    ]


@pytest.mark.parametrize(
    ("written", "finnish", "swedish"),
    [
        ("1 months", "kuukauden kuluessa", "inom en månad"),
        ("2 months", "kahden kuukauden kuluessa", "inom två månader"),
        ("30 days", "30 päivän kuluessa", "inom 30 dagar"),
        ("1 years", "vuoden kuluessa", "inom ett år"),
    ],
)
def test_a_time_limit_is_in_the_genitive(written: str, finnish: str, swedish: str) -> None:
    assert grammar.within(Period.parse(written), "fi") == finnish
    assert grammar.within(Period.parse(written), "sv") == swedish


def test_a_time_is_extended_in_the_adessive() -> None:
    assert [grammar.by(Period.parse("2 months"), language) for language in LANGUAGES] == [
        "kahdella kuukaudella",
        "med två månader",
        "by two months",
    ]


def test_one_of_a_unit_is_extended_in_the_adessive_too() -> None:
    assert grammar.by(Period.parse("1 months"), "fi") == "yhdellä kuukaudella"


def test_a_day_is_written_as_is_usual() -> None:
    assert [grammar.day(date(2026, 11, 2), language) for language in ("en", "sv", "fi")] == [
        "2 November 2026",
        "2 november 2026",
        "2.11.2026",
    ]


@pytest.mark.parametrize(
    ("several", "expected"),
    [([], ""), (["a"], "a"), (["a", "b"], "a och b"), (["a", "b", "c"], "a, b och c")],
)
def test_a_list_ends_with_and(several: list[str], expected: str) -> None:
    assert grammar.joined(several, "sv") == expected


def test_an_enumeration_has_semicolons_where_one_of_it_has_a_comma() -> None:
    assert grammar.listed(["a", "b and c"]) == "a, b and c"
    assert grammar.listed(["a", "b, c"]) == "a; b, c"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("bases", get_args(Basis)),
        ("clocks", get_args(Clock)),
        ("mechanisms", get_args(Mechanism)),
    ],
)
def test_every_word_of_a_policy_file_has_a_name_in_every_language(
    kind: str, keys: tuple[str, ...]
) -> None:
    assert [
        (key, language)
        for key in keys
        for language in LANGUAGES
        if not grammar.named(kind, key, language)
    ] == []


def test_every_name_is_there_in_every_language() -> None:
    kinds = {
        kind: table
        for kind, table in grammar.words().items()
        if kind not in ("months", "no_period")
    }
    assert [
        (kind, key)
        for kind, table in kinds.items()
        for key, names in table.items()
        if set(names) != set(LANGUAGES)
    ] == []
    assert set(grammar.words()["applies_to"]) <= set(get_args(AppliesTo))
    assert set(grammar.words()["effects"]) <= set(get_args(Effect))
    assert set(grammar.words()["mechanisms"]) == set(get_args(Mechanism))
