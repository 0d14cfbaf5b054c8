"""Companies of the business register, and what the register takes of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.business_register import SOURCE
from tests.assets.sources.test_contact_provider import ANYTHING
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

COMPANIES, FOUND = SOURCE.datasets
NUMBER = "9000001-1"


def company(**fields: Any) -> dict[str, Any]:
    return {
        "businessId": {"value": NUMBER, "registrationDate": "2009-08-27"},
        "names": [
            {"name": "Uusi Oy", "type": "1", "registrationDate": "2020-01-01"},
            {
                "name": "Vanha Oy",
                "type": 1,
                "registrationDate": "2009-08-27",
                "endDate": "2019-12-31",
            },
            {"name": "Ny Ab", "type": "2"},
        ],
        **fields,
    }


@pytest.mark.clause("P5.3")
def test_a_company_has_its_name_in_force_and_its_former_names() -> None:
    done = stage(COMPANIES, [company()])
    assert done.codes[0] == set()
    row = done.only("companies")
    assert (row["business_id"], row["name"], row["registered_on"], row["ceased_on"]) == (
        NUMBER,
        "Uusi Oy",
        date(2009, 8, 27),
        None,
    )
    assert {
        (row["kind"], row["name"], row["valid_to"]) for row in done.tables["company_names"]
    } == {
        ("main", "Uusi Oy", None),
        ("main", "Vanha Oy", date(2019, 12, 31)),
        ("parallel", "Ny Ab", None),
    }
    assert row["person_key"] is None


def test_the_postal_address_counts_and_names_nobody() -> None:
    homes = [
        {"type": 1, "street": "Käyntikatu", "postCode": "00100"},
        {
            "type": 2,
            "street": "Postikatu",
            "buildingNumber": "1",
            "postCode": "00200",
            "co": "c/o Maija Esimerkki",
            "postOffices": [
                {"city": "HELSINGFORS", "languageCode": "2"},
                {"city": "HELSINKI", "languageCode": "1"},
            ],
        },
    ]
    row = stage(COMPANIES, [company(addresses=homes)]).only("companies")
    assert (row["street"], row["postcode"], row["town"]) == ("Postikatu 1", "00200", "HELSINKI")
    assert "Maija" not in keep(COMPANIES, [company(addresses=homes)]).payloads[0]


@pytest.mark.parametrize(
    "ending",
    [
        {"endDate": "2024-05-01"},
        {"registeredEntries": [{"type": "4", "register": "1", "registrationDate": "2024-05-01"}]},
    ],
)
def test_a_ceased_company_says_when(ending: dict[str, Any]) -> None:
    row = stage(COMPANIES, [company(**ending)]).only("companies")
    assert row["ceased_on"] == date(2024, 5, 1)


def test_situations_in_force_are_kept() -> None:
    situations = [{"type": "SANE", "endDate": "2020-01-01"}, {"type": "KONK"}]
    row = stage(COMPANIES, [company(companySituations=situations)]).only("companies")
    assert row["situation"] == "KONK"


@pytest.mark.parametrize("nothing", [None, "", []])
def test_absent_null_and_empty_are_one(nothing: object) -> None:
    row = company(addresses=nothing, companySituations=nothing, companyForms=nothing)
    assert codes(COMPANIES, row) == set()


def test_of_a_sole_trader_only_the_number_reaches_the_disk() -> None:
    row = company(companyForms=[{"type": 26}])
    assert codes(COMPANIES, row) == {"COMPANY-SOLE-TRADER"}
    assert "Uusi" not in keep(COMPANIES, [row]).payloads[0]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"businessId": {"value": None}}, "COMPANY-BUSINESS-ID"),
        ({"businessId": {"value": "9000001-8"}}, "COMPANY-BUSINESS-ID"),
        ({"names": []}, "COMPANY-NAME"),
        ({"endDate": "1.1.2020"}, "COMPANY-DATE"),
        ({"addresses": {"type": 1}}, "COMPANY-LISTS"),
    ],
)
def test_a_company_that_cannot_be_used_says_why(fields: dict[str, Any], code: str) -> None:
    assert codes(COMPANIES, company(**fields)) == {code}


@settings(deadline=None, max_examples=examples(10))
@given(st.lists(st.dictionaries(st.sampled_from([*company(), "addresses"]), ANYTHING), min_size=1))
def test_every_company_is_staged_or_has_a_code(rows: list[dict[str, Any]]) -> None:
    done = stage(COMPANIES, rows)
    staged = {row["record_no"] for row in done.tables["companies"]}
    failed = {number for number, given_codes in done.codes.items() if given_codes}
    assert staged | failed == set(range(len(rows)))
