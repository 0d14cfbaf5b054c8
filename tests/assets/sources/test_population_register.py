"""Values of the population register's messages: dates, flags, codes, and what now holds behind a
removal.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from assets.sources.population_register import SOURCE
from tests.support.population_register_messages import (
    code,
    day,
    death,
    home_address,
    message,
    name,
    part,
    person,
    protection,
)
from tests.support.source_batches import codes, stage

BASIC, CHANGES = SOURCE.datasets[:2]
MAIJA = code("010190-900")
NO_DATES = [
    "infinity", "-infinity", "epoch", "now", "2026-11-20 (BC)", "0000-01-01", "0000-00-00",
    "2010-00-00",
    "2026-11-20T00:00:00", "2026/11/20", "20261120", "20.11.2026", "99999-01-01", "2026-11-20+02",
]  # fmt: skip
OLD = home_address("Vanhakatu", "1", "00100", "HELSINKI", "2010-01-01")


def born(text: Any) -> dict[str, Any]:
    return part("SYNTYMAPAIVA", syntymapv={"arvo": text, "tarkkuus": "PAIVA"})


def undone(*facts: Any) -> dict[str, Any]:
    """A change that removes an address and says what now holds."""
    removed = home_address("Uusikatu", "2", "02230", "ESPOO", "2026-01-01", "POISTETTU")
    return message(MAIJA, "2026-11-18", {**removed, "voimassaolevatTiedot": list(facts)})


class TestDates:
    @pytest.mark.parametrize("text", [*NO_DATES, "9999-12-31", "2999-02-28"])
    def test_what_is_no_calendar_date_is_no_birth_date(self, text: str) -> None:
        assert codes(BASIC, person(MAIJA, born(text))) == {"VTJ-DATE"}

    @pytest.mark.parametrize("text", NO_DATES)
    @pytest.mark.parametrize("field", ["alkupv", "loppupv"])
    def test_nor_does_anything_begin_or_end_then(self, field: str, text: str) -> None:
        assert codes(BASIC, person(MAIJA, {**OLD, field: day(text)})) == {"VTJ-DATE"}

    @pytest.mark.parametrize("text", ["2100-12-31", "2120-02-28", "2999-02-28", "9999-12-31"])
    def test_an_end_that_stands_for_none_is_open(self, text: str) -> None:
        done = stage(BASIC, [person(MAIJA, {**OLD, "loppupv": day(text)})])
        assert done.only("addresses")["valid_to"] is None

    @pytest.mark.parametrize("text", ["2100-12-31", "2120-02-28", "2999-02-28", "9999-12-31"])
    def test_a_protection_without_an_end_has_none(self, text: str) -> None:
        flag = protection(True)
        done = stage(BASIC, [person(MAIJA, {**flag, "turvaLoppuPv": day(text)})])
        row = done.only("persons")
        assert (row["protected"], row["protected_until"]) == (True, None)

    @pytest.mark.parametrize("value", ["2010-01-01", 20100101, True, ["2010-01-01"]])
    def test_a_date_that_is_no_object_is_not_taken_for_none(self, value: Any) -> None:
        assert codes(BASIC, person(MAIJA, {**OLD, "loppupv": value})) == {"VTJ-DATE"}

    def test_a_date_that_is_null_or_empty_is_none(self) -> None:
        dated = {**OLD, "alkupv": None, "loppupv": {"arvo": None, "tarkkuus": "EI_TIEDOSSA"}}
        row = stage(BASIC, [person(MAIJA, dated)]).only("addresses")
        assert (row["valid_from"], row["valid_to"]) == (None, None)

    def test_nobody_dies_after_the_delivery(self) -> None:
        assert codes(BASIC, person(MAIJA, death(True, on="2026-11-20"))) == set()
        assert codes(BASIC, person(MAIJA, death(True, on="2027-01-01"))) == {"VTJ-DATE"}


class TestMoments:
    """A change that lies ahead would stand above every later one."""

    @pytest.mark.parametrize(
        "text",
        [
            "infinity",
            "9999-12-31T21:00:00Z",
            "2026-12-24T21:00:00.000Z",
            "2026-11-18",
            "epoch",
            "",
            None,
            5,
        ],
    )
    def test_a_change_without_a_past_time_has_a_code(self, text: Any) -> None:
        change = {
            **message(MAIJA, "2026-11-18", name("Maija", "Uusi", "MUUTETTU")),
            "muutospv": text,
        }
        assert codes(CHANGES, change) == {"VTJ-MUUTOSPV"}

    @pytest.mark.parametrize(
        "text", ["2026-11-18T21:00:00.000Z", "2026-11-18 23:00:00+02", "2026-11-18T23:00+0200"]
    )
    def test_iso_8601_with_an_offset_is_read(self, text: str) -> None:
        change = {
            **message(MAIJA, "2026-11-18", name("Maija", "Uusi", "MUUTETTU")),
            "muutospv": text,
        }
        row = stage(CHANGES, [change]).only("names")
        assert row["stated_at"] == datetime(2026, 11, 18, 21, tzinfo=UTC)

    def test_a_change_of_the_delivery_s_own_day_is_read(self) -> None:
        assert codes(CHANGES, message(MAIJA, "2026-11-20", name("Maija", "Uusi"))) == set()


class TestWhatNowHolds:
    @pytest.mark.parametrize(
        ("fact", "code"),
        [
            ({**OLD, "alkupv": day("2010-02-30")}, "VTJ-DATE"),
            ({**OLD, "alkupv": day("01.01.2010")}, "VTJ-DATE"),
            ({**OLD, "alkupv": day("infinity")}, "VTJ-DATE"),
            ({**OLD, "alkupv": "2010-01-01"}, "VTJ-DATE"),
            ({**OLD, "loppupv": day("x")}, "VTJ-DATE"),
            ({**OLD, "alkupv": {"arvo": "2010-01-01", "tarkkuus": "EHKA"}}, "VTJ-DATE"),
            ({**OLD, "postinumero": "1O100"}, "VTJ-POSTCODE"),
            ({**OLD, "postinumero": "100"}, "VTJ-POSTCODE"),
            ({**OLD, "kuntakoodi": "91"}, "VTJ-KUNTAKOODI"),
            ({"turvakieltoAktiivinen": "ehkä"}, "VTJ-FLAG"),
            ({"kuollut": "2"}, "VTJ-FLAG"),
            ("Vanhakatu 1", "VTJ-GROUPS"),
            (5, "VTJ-GROUPS"),
            (None, "VTJ-GROUPS"),
            ([OLD], "VTJ-GROUPS"),
        ],
    )
    def test_it_passes_the_rules_of_the_groups_or_the_message_is_quarantined(
        self, fact: Any, code: str
    ) -> None:
        assert code in codes(CHANGES, undone(fact))
        assert code in codes(CHANGES, undone(OLD, fact))

    @pytest.mark.parametrize("facts", ["Vanhakatu 1", 5, True, {}, {"0": OLD}])
    def test_it_is_a_list(self, facts: Any) -> None:
        removed = {**home_address("Uusikatu", "2", "02230", "ESPOO", "2026-01-01", "POISTETTU")}
        change = message(MAIJA, "2026-11-18", {**removed, "voimassaolevatTiedot": facts})
        assert codes(CHANGES, change) == {"VTJ-GROUPS"}

    @pytest.mark.parametrize("facts", [None, []])
    def test_it_may_be_nothing(self, facts: Any) -> None:
        removed = {**home_address("Uusikatu", "2", "02230", "ESPOO", "2026-01-01", "POISTETTU")}
        change = message(MAIJA, "2026-11-18", {**removed, "voimassaolevatTiedot": facts})
        assert codes(CHANGES, change) == set()

    def test_what_passes_is_stated_behind_the_removal(self) -> None:
        rows = stage(CHANGES, [undone(OLD)]).tables["addresses"]
        assert [(row["op"], row["street"], row["valid_from"]) for row in rows] == [
            ("reset", "Uusikatu 2", date(2026, 1, 1)),
            ("state", "Vanhakatu 1", date(2010, 1, 1)),
        ]


@pytest.mark.parametrize("groups", [[None], ["HENKILON_NIMI"], [5], [{}], {}, "x", None])
def test_groups_are_a_list_of_objects(groups: Any) -> None:
    assert codes(BASIC, {"henkilotunnus": MAIJA, "tietoryhmat": groups}) == {"VTJ-GROUPS"}


def test_a_message_without_groups_is_one() -> None:
    assert codes(BASIC, person(MAIJA)) == set()
