"""`self`: edits of one's own data and corrections, made of what a portal or `register rectify`
writes.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.self_service import SOURCE
from schemas.vocabulary import RECTIFIABLE
from tests.support.activity_records import other_data
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

EDITS, CORRECTIONS, OTHER_DATA = SOURCE.datasets
REQUEST, HASH = "Q0123456789ABCDEFG", "ab" * 32


def edit(**changes: object) -> dict[str, Any]:
    return {
        "edit_id": "1",
        "edited_at": "2026-11-19T10:00:00+02:00",
        "subject_key_type": "customer_number",
        "subject_key": "C1",
        "changes": changes,
    }


def correction(attribute: str, value: object, **more: object) -> dict[str, Any]:
    envelope = {
        "made_at": "2026-11-19T10:00:00+02:00",
        "request_id": REQUEST,
        "subject_key_type": "customer_number",
        "subject_key": "C1",
    }
    return {
        **envelope,
        "attribute": attribute,
        "value": value,
        "overrides": "crm",
        "replaces": HASH,
        **more,
    }


@pytest.mark.clause("P9.2")
def test_an_edit_is_about_the_signed_in_registrant() -> None:
    done = stage(
        EDITS,
        [edit(email="Uusi@Example.fi", phone="040 123 4567", language="SV", call_name="Ansku")],
    )
    assert {
        (row["kind"], row["value"], row["match_key"]) for row in done.tables["contact_points"]
    } == {
        ("email", "Uusi@Example.fi", "uusi@example.fi"),
        ("phone", "+358401234567", "+358401234567"),
    }
    assert done.only("persons")["language"] == "sv"
    assert done.only("names")["given_names"] == "Ansku"
    assert (done.only("identifiers")["type"], done.only("identifiers")["value"]) == (
        "customer_number",
        "C1",
    )


def test_a_name_an_address_and_a_company_come_whole() -> None:
    whole = edit(
        given_names="Aino",
        family_name="Uusi",
        street="Katu 1",
        postcode="00100",
        town="HELSINKI",
        company_name="Oy",
        job_title="ostaja",
    )
    done = stage(EDITS, [whole])
    assert (done.only("names")["given_names"], done.only("names")["family_name"]) == (
        "Aino",
        "Uusi",
    )
    assert (done.only("addresses")["street"], done.only("addresses")["kind"]) == (
        "Katu 1",
        "postal",
    )
    assert done.only("company_contacts")["job_title"] == "ostaja"
    for part in (
        {"family_name": "Uusi"},
        {"street": "Katu 1"},
        {"job_title": "ostaja"},
        {"country": "SE"},
    ):
        assert codes(EDITS, edit(**part)) == {"SELF-WHOLE"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"edited_at": "2026-11-19 10:00"}, "SELF-TIME"),
        ({"subject_key": ""}, "SELF-SUBJECT"),
        ({"subject_key_type": "shoe_size"}, "SELF-SUBJECT"),
        ({"subject_key_type": "identity_code", "subject_key": "140285-91"}, "SELF-SUBJECT"),
        ({"changes": {}}, "SELF-CHANGES"),
        ({"changes": {"call_name": "A", "identity_code": "x"}}, "SELF-CHANGES"),
        ({"changes": "call_name"}, "SELF-CHANGES"),
        ({"changes": {"email": "nobody"}}, "SELF-VALUE"),
        ({"changes": {"birth_date": "2026-02-30"}}, "SELF-VALUE"),
        ({"changes": {"call_name": "A", "language": {"a": 1}}}, "SELF-VALUE"),
    ],
)
def test_what_is_wrong_with_an_edit_has_a_code(changed: dict[str, Any], code: str) -> None:
    assert code in codes(EDITS, {**edit(call_name="A"), **changed})


def test_an_edit_is_matched_by_its_subject_and_by_its_new_values() -> None:
    identifiers = keep(EDITS, [edit(email=" Uusi@Example.fi", phone="0401234567")]).identifiers
    assert [sorted(identifier_list) for identifier_list in identifiers] == [
        ["customer_number:C1", "email:uusi@example.fi", "phone:+358401234567"]
    ]


def test_a_correction_is_a_statement_of_its_own() -> None:
    done = stage(CORRECTIONS, [correction("family_name", "Oikea")])
    row = done.only("corrections")
    assert (row["attribute"], row["value"], row["request"], row["overrides"], row["replaces"]) == (
        "family_name",
        "Oikea",
        REQUEST,
        "crm",
        HASH,
    )
    assert set(done.tables) == {"corrections", "identifiers"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"attribute": "identity_code"}, "SELF-CHANGES"),
        ({"value": ""}, "SELF-CHANGES"),
        ({"attribute": "email"}, "SELF-VALUE"),
        ({"request_id": "x"}, "SELF-CORRECTION"),
        ({"replaces": "Vanha"}, "SELF-CORRECTION"),
    ],
)
def test_what_is_wrong_with_a_correction_has_a_code(changed: dict[str, Any], code: str) -> None:
    assert code in codes(CORRECTIONS, {**correction("family_name", "Oikea"), **changed})


TEXTS = st.one_of(
    st.text(max_size=12),
    st.none(),
    st.integers(),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


@settings(deadline=None, max_examples=examples(8))
@given(
    st.lists(
        st.fixed_dictionaries(
            {"edited_at": TEXTS, "subject_key_type": TEXTS, "subject_key": TEXTS, "changes": TEXTS}
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_edit_is_staged_or_has_a_code(records: list[dict[str, Any]]) -> None:
    done = stage(EDITS, records)
    assert {row["record_no"] for row in done.tables["persons"]} | {
        number for number, codes_of_record in done.codes.items() if codes_of_record
    } == set(range(len(records)))


@settings(deadline=None, max_examples=examples(8))
@given(
    st.lists(
        st.fixed_dictionaries(
            {"attribute": st.one_of(st.sampled_from(RECTIFIABLE), TEXTS), "value": TEXTS}
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_correction_is_staged_or_has_a_code(records: list[dict[str, Any]]) -> None:
    done = stage(CORRECTIONS, [{**correction("email", "x"), **record} for record in records])
    assert {row["record_no"] for row in done.tables["corrections"]} | {
        number for number, codes_of_record in done.codes.items() if codes_of_record
    } == set(range(len(records)))


def test_of_someone_under_protected_identity_no_address_stays() -> None:
    import duckdb

    with duckdb.connect() as connection:
        for dataset, payload in (
            (EDITS, '{"changes": {"street": "Katu 1", "email": "a@example.fi"}}'),
            (CORRECTIONS, '{"attribute": "town", "value": "Katu 1"}'),
        ):
            bare = connection.execute(
                f"SELECT {dataset.without_location} FROM (SELECT $1 AS payload)", [payload]
            ).fetchone()
            assert bare
            assert "Katu" not in bare[0]


@pytest.mark.clause("P5.7")
class TestOtherData:
    def test_it_is_kept_with_the_text_that_was_accepted(self) -> None:
        row = stage(OTHER_DATA, [other_data(1, "2026-11-16T08:00:00Z")]).only("other_data")
        assert (row["topic"], row["value"], row["consent"], row["text_version"]) == (
            "harrastus",
            "purjehdus 1",
            "granted",
            "2026-1",
        )

    @pytest.mark.parametrize("status", ["withdrawn", "unknown", ""])
    def test_without_a_consent_its_value_never_reaches_the_disk(self, status: str) -> None:
        kept = keep(OTHER_DATA, [other_data(1, "2026-11-16T08:00:00Z", status)])
        assert "purjehdus" not in kept.payloads[0]

    def test_a_withdrawal_counts_without_a_readable_time(self) -> None:
        staged = stage(OTHER_DATA, [other_data(1, "soon", "withdrawn", text_version="")])
        assert staged.only("other_data")["consent"] == "withdrawn"

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"data_id": ""}, "SELF-DATA"),
            ({"topic": ""}, "SELF-DATA"),
            ({"value": ""}, "SELF-DATA"),
            ({"text_version": ""}, "SELF-DATA"),
            ({"given_at": "2026-11-16"}, "SELF-TIME"),
            ({"subject_key": "nobody"}, "SELF-SUBJECT"),
        ],
    )
    def test_what_cannot_be_used_says_why(self, wrong: dict[str, str], code: str) -> None:
        assert codes(OTHER_DATA, {**other_data(1, "2026-11-16T08:00:00Z"), **wrong}) == {code}
