"""What the register takes from providers of contact information, and from Posti's files."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.contact_provider.contact_provider import SOURCE
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

CONSUMERS, CALLBACKS, POSTCODES, STREETS = SOURCE.datasets
CODE = "020180-999Y"


def consumer(**fields: Any) -> dict[str, Any]:
    return {
        "gedi": "G1",
        "legalId": CODE,
        "firstNames": ["Maija", "Liisa"],
        "familyName": "Esimerkki",
        "phoneList": [{"number": "040 123 4567"}],
        "addressList": [],
        **fields,
    }


class TestConsumer:
    @pytest.mark.clause("P6.5")
    def test_it_is_the_person_of_its_legal_id(self) -> None:
        done = stage(CONSUMERS, [consumer(preferredFirstName="Maija")])
        assert {(row["kind"], row["given_names"]) for row in done.tables["names"]} == {
            ("official", "Maija Liisa"),
            ("call", "Maija"),
        }
        assert {(row["type"], row["value"]) for row in done.tables["identifiers"]} == {
            ("identity_code", CODE),
            ("contact_id", "gedi-G1"),
        }

    def test_raw_is_found_by_every_identifier(self) -> None:
        assert set(keep(CONSUMERS, [consumer()]).identifiers[0]) == {
            f"identity_code:{CODE}",
            "contact_id:gedi-G1",
            "phone:+358401234567",
        }

    def test_an_unknown_gedi_identifies_nobody(self) -> None:
        assert codes(CONSUMERS, consumer(gedi="UNKNOWN", legalId=None)) == {"PROVIDER-SUBJECT"}

    @pytest.mark.clause("P5.4")
    @pytest.mark.parametrize("restricted", [True, "true", "1", "yes"])
    def test_a_restriction_prohibits_direct_marketing(self, restricted: object) -> None:
        rows = stage(CONSUMERS, [consumer(directMarketingRestriction=restricted)]).tables[
            "marketing_choices"
        ]
        assert {(row["purpose"], row["channel"], row["choice"]) for row in rows} == {
            ("direct_marketing", "all", "prohibited")
        }
        assert {row["subject"] for row in rows} == {None, "phone:+358401234567"}

    @pytest.mark.parametrize("restricted", [False, None, "", "false"])
    def test_its_absence_says_nothing(self, restricted: object) -> None:
        done = stage(CONSUMERS, [consumer(directMarketingRestriction=restricted)])
        assert done.tables["marketing_choices"] == []

    def test_a_year_of_birth_is_no_day(self) -> None:
        row = stage(CONSUMERS, [consumer(yearOfBirth=1980)]).only("persons")
        assert (row["birth_date"], row["birth_date_precision"]) == (date(1980, 1, 1), "year")

    def test_no_provider_takes_a_death_back(self) -> None:
        done = stage(CONSUMERS, [consumer(deceased=False), consumer(gedi="G2", deceased=True)])
        assert [row["deceased"] for row in done.tables["persons"]] == [None, True]

    def test_a_private_identity_is_protected(self) -> None:
        assert stage(CONSUMERS, [consumer(privateIdentity=True)]).only("persons")["protected"]

    def test_its_sex_reaches_no_disk(self) -> None:
        assert "Female" not in keep(CONSUMERS, [consumer(gender="Female")]).payloads[0]

    @pytest.mark.parametrize(
        ("home", "kind", "country"),
        [
            ({"type": "Postal", "country": "FI"}, "postal", None),
            ({"type": "Visiting"}, "permanent", None),
            ({"type": "Postal", "country": "SE"}, "postal_abroad", "SE"),
        ],
    )
    def test_an_address_has_its_kind(
        self, home: dict[str, str], kind: str, country: str | None
    ) -> None:
        home = {"streetName": "Testikatu", "streetNumber": "1", "entrance": "A", **home}
        row = stage(CONSUMERS, [consumer(addressList=[home])]).only("addresses")
        assert (row["street"], row["kind"], row["country"]) == ("Testikatu 1 A", kind, country)

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"dateOfBirth": "1.1.1980"}, "PROVIDER-DATE"),
            ({"yearOfBirth": "80"}, "PROVIDER-DATE"),
            ({"deceased": "perhaps"}, "PROVIDER-FLAG"),
            ({"phoneList": "0401234567"}, "PROVIDER-LISTS"),
            ({"firstNames": [{"name": "Maija"}]}, "PROVIDER-LISTS"),
        ],
    )
    def test_an_answer_that_cannot_be_used_says_why(
        self, fields: dict[str, Any], code: str
    ) -> None:
        assert codes(CONSUMERS, consumer(**fields)) == {code}


class TestCallback:
    def test_it_is_about_our_customer(self) -> None:
        payload = {"customerNumber": "c1", "person": consumer(gedi="UNKNOWN", legalId=None)}
        assert keep(CALLBACKS, [payload]).native_keys == ["C1"]
        assert stage(CALLBACKS, [payload]).only("names")["family_name"] == "Esimerkki"

    def test_after_a_deletion_the_provider_says_nothing_more(self) -> None:
        done = stage(CALLBACKS, [{"event": "deleted", "person": consumer()}])
        assert {table for table, rows in done.tables.items() if rows} == {"identifiers"}


class TestPosti:
    def test_a_postcode_has_its_post_office(self) -> None:
        line = {"kind": "PONOT", "postcode": "10600", "town": "TAMMISAARI", "town_sv": "EKENÄS"}
        row = stage(POSTCODES, [line | {"municipality_code": "710"}]).only("postcodes")
        assert (row["postcode"], row["town"], row["town_sv"], row["municipality_code"]) == (
            "10600",
            "TAMMISAARI",
            "EKENÄS",
            "710",
        )

    def test_the_fields_have_their_places(self) -> None:
        assert (POSTCODES.format.width, STREETS.format.width) == (220, 256)  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"kind": "KATUN"}, "POSTI-RECORD"),
            ({"postcode": "106"}, "POSTI-POSTCODE"),
            ({"town": ""}, "POSTI-NAME"),
            ({"municipality_code": "7"}, "POSTI-MUNICIPALITY"),
        ],
    )
    def test_a_line_that_cannot_be_used_says_why(self, fields: dict[str, str], code: str) -> None:
        line = {"kind": "PONOT", "postcode": "10600", "town": "TAMMISAARI", **fields}
        assert codes(POSTCODES, line) == {code}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@settings(deadline=None, max_examples=examples(10))
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*consumer(), "directMarketingRestriction", "person", "dateOfBirth"]),
            ANYTHING,
        ),
        min_size=1,
    )
)
def test_every_answer_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    done = stage(CONSUMERS, [json.dumps(row) for row in rows])
    staged = {row["record_no"] for row in done.tables["persons"]}
    failed = {number for number, given_codes in done.codes.items() if given_codes}
    unstaged = set(range(len(rows))) - staged - failed
    assert not unstaged or done.row_codes["persons"]
