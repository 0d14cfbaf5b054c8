"""Prohibition lists and browsers' signals are choices that no newer grant overrides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.prohibitions import SOURCE
from assets.sources.source import Dataset
from tests.assets.sources.test_contact_provider import ANYTHING
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

PHONES, ADDRESSES, SIGNALS = SOURCE.datasets
MAIJA = {
    "given_names": "Maija Liisa",
    "family_name": "Esimerkki",
    "street": "Testikatu 1 A 2",
    "postcode": "00100",
}
COOKIE = "0a1b2c3d4e5f6071"


@pytest.mark.clause("P5.4")
def test_a_listed_number_is_prohibited_until_its_last_day() -> None:
    row = {"phone": "040 123 4567", "listed_from": "2026-01-01", "valid_to": "2026-12-31"}
    first, last = stage(PHONES, [row]).tables["marketing_choices"]
    assert (first["choice"], first["channel"], first["subject"], first["stated_at"]) == (
        "prohibited",
        "phone",
        "phone:+358401234567",
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert (last["choice"], last["stated_at"]) == ("lifted", datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("valid_to", ["", "9999-12-31"])
def test_without_a_last_day_nothing_lifts_it(valid_to: str) -> None:
    row = {"phone": "040 123 4567", "listed_from": "2026-01-01", "valid_to": valid_to}
    assert stage(PHONES, [row]).only("marketing_choices")["choice"] == "prohibited"


def test_of_the_postal_list_no_name_is_stored() -> None:
    kept = keep(ADDRESSES, [{**MAIJA, "listed_from": "2026-01-01"}]).payloads[0]
    assert not any(text in kept for text in ("Maija", "Esimerkki", "Testikatu", "00100"))


def test_one_person_at_one_address_has_one_key() -> None:
    other = {**MAIJA, "given_names": "MAIJA", "street": "Testikatu 1A2", "postcode": "FI-00100"}
    first, second = stage(ADDRESSES, [MAIJA, other]).tables["marketing_choices"]
    assert (first["subject"], first["channel"]) == (second["subject"], "post")


@pytest.mark.parametrize(
    ("dataset", "row", "code"),
    [
        (PHONES, {"phone": "12"}, "PROHIBITION-PHONE"),
        (PHONES, {"phone": "0401234567", "listed_from": "soon"}, "PROHIBITION-DATE"),
        (
            PHONES,
            {"phone": "0401234567", "listed_from": "2026-02-01", "valid_to": "2026-01-01"},
            "PROHIBITION-DATE",
        ),
        (ADDRESSES, {**MAIJA, "postcode": "1"}, "PROHIBITION-ADDRESS"),
        (SIGNALS, {"gpc": "1"}, "PROHIBITION-SUBJECT"),
        (SIGNALS, {"visitor_id": COOKIE, "gpc": "maybe"}, "PROHIBITION-SIGNAL"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(
    dataset: Dataset, row: dict[str, str], code: str
) -> None:
    assert codes(dataset, row) == {code}


def choices(**fields: Any) -> set[tuple[str, str]]:
    row = {"visitor_id": COOKIE, "at": "2026-11-01T10:00:00Z", **fields}
    return {
        (row["purpose"], row["choice"]) for row in stage(SIGNALS, [row]).tables["marketing_choices"]
    }


# Made 2024-10-01, all purposes consented to.
ALL = "CQF0FMAQF0FMAAAAAAAAAAAAAP___wAAAAAA"


class TestSignals:
    def test_privacy_control_refuses_advertising_and_profiles(self) -> None:
        assert choices(gpc=True) == {
            ("targeted_advertising", "prohibited"),
            ("profiling", "prohibited"),
        }

    def test_it_wins_over_a_consent_of_the_same_moment(self) -> None:
        both = choices(gpc="1", tc_string=ALL)
        assert ("targeted_advertising", "withdrawn") in both
        assert not {purpose for purpose, choice in both if choice == "granted"} & {
            "targeted_advertising",
            "profiling",
        }

    def test_a_cut_string_refuses_everything(self) -> None:
        assert {choice for _, choice in choices(tc_string=ALL[:20])} == {"withdrawn"}

    def test_without_a_time_nothing_is_granted_or_lifted(self) -> None:
        assert {choice for _, choice in choices(tc_string=ALL, at="", gpc="0")} == {"withdrawn"}

    def test_a_sound_string_consents_purpose_by_purpose(self) -> None:
        assert {choice for _, choice in choices(tc_string=ALL)} == {"granted"}


@pytest.mark.parametrize("dataset", SOURCE.datasets, ids=lambda dataset: dataset.name)
@settings(deadline=None, max_examples=examples(10))
@given(data=st.data())
def test_every_record_is_staged_or_has_a_code(dataset: Dataset, data: st.DataObject) -> None:
    fields = ["phone", *MAIJA, "listed_from", "valid_to", "at", "visitor_id", "gpc", "tc_string"]
    rows = data.draw(st.lists(st.dictionaries(st.sampled_from(fields), ANYTHING), min_size=1))
    done = stage(dataset, rows)
    staged = {row["record_no"] for row in done.tables["marketing_choices"]}
    failed = {number for number, given_codes in done.codes.items() if given_codes}
    unstaged = set(range(len(rows))) - staged - failed
    # A browser that says that it refuses nothing, without a time, chooses nothing.
    assert all(str(rows[number].get("gpc")).lower() in ("0", "false") for number in unstaged)
