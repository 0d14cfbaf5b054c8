"""Contacts as the APIs of CRMs return them: the same statements as in the vendors' exports."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from assets.sources.crm import hubspot, pipedrive, salesforce
from assets.sources.source import Dataset
from tests.support.source_batches import codes, keep, stage

HUBSPOT = {
    "id": "501",
    "properties": {
        "firstname": "Maija",
        "lastname": "Möttönen",
        "email": "maija@example.fi",
        "hs_additional_emails": "m2@example.fi;m3@example.fi",
        "phone": "+358401234501",
        "createdate": "2024-03-12T07:14:00.000Z",
        "hs_email_optout": "true",
        "hs_merged_object_ids": "77;78",
        "zip": "00100",
        "date_of_birth": None,
    },
    "updatedAt": "2026-11-18T00:00:00Z",
    "archived": False,
}
SALESFORCE = {
    "attributes": {"type": "Contact", "url": "/services/data/v62.0/sobjects/Contact/003"},
    "Id": "0035g00000ABCDEAA4",
    "FirstName": "Maija",
    "LastName": "Möttönen",
    "Email": "maija@example.fi",
    "MobilePhone": "+358401234501",
    "Account": {"attributes": {}, "Name": "Yritys Oy"},
    "CreatedDate": "2024-03-12T07:14:00.000+0000",
    "MailingPostalCode": "00100",
    "IsDeleted": False,
    "HasOptedOutOfEmail": True,
}
PIPEDRIVE = {
    "id": 7,
    "first_name": "Maija",
    "last_name": "Möttönen",
    "emails": [{"value": "maija@example.fi", "primary": True}, {"value": "m2@example.fi"}],
    "phones": [{"value": "+358401234501"}],
    "add_time": "2024-03-12T07:14:00Z",
    "is_deleted": False,
    "marketing_status": "unsubscribed",
    "postal_address": {"route": "Katu", "street_number": "5", "postal_code": "00100"},
}
EVERY = pytest.mark.parametrize(
    ("dataset", "record", "contact_id", "origin"),
    [
        (hubspot.FETCHED, HUBSPOT, "501", "crm:hs_email_optout"),
        (salesforce.FETCHED, SALESFORCE, "0035g00000ABCDEAA4", "crm:salesforce_email_optout"),
        (pipedrive.FETCHED, PIPEDRIVE, "pipedrive-7", "crm:pipedrive_unsubscribed"),
    ],
    ids=["hubspot", "salesforce", "pipedrive"],
)


@EVERY
def test_a_contact_states_what_it_states_in_an_export(
    dataset: Dataset, record: dict[str, Any], contact_id: str, origin: str
) -> None:
    staged = stage(dataset, [record])
    assert staged.codes == {}
    assert staged.only("names")["family_name"] == "Möttönen"
    assert staged.only("addresses")["postcode"] == "00100"
    points = {row["match_key"] for row in staged.tables["contact_points"]}
    assert points >= {"maija@example.fi", "+358401234501"}
    assert contact_id in {row["value"] for row in staged.tables["identifiers"]}
    assert {(row["choice"], row["origin"]) for row in staged.tables["marketing_choices"]} == {
        ("prohibited", origin)
    }
    identifiers = keep(dataset, [record]).identifiers[0]
    assert {f"contact_id:{contact_id}", "email:maija@example.fi"} <= set(identifiers)


def test_what_a_contact_was_known_by_before_it_was_merged_is_an_identifier() -> None:
    assert {"contact_id:77", "contact_id:78"} <= set(
        keep(hubspot.FETCHED, [HUBSPOT]).identifiers[0]
    )
    merged = {**PIPEDRIVE, "merge_what_id": 6}
    assert "contact_id:pipedrive-6" in keep(pipedrive.FETCHED, [merged]).identifiers[0]
    known_by = {row["value"] for row in stage(pipedrive.FETCHED, [merged]).tables["identifiers"]}
    assert {"pipedrive-7", "pipedrive-6"} <= known_by


@pytest.mark.parametrize(
    ("dataset", "deleted"),
    [
        (hubspot.FETCHED, {**HUBSPOT, "archived": True}),
        (salesforce.FETCHED, {**SALESFORCE, "IsDeleted": True}),
        (pipedrive.FETCHED, {**PIPEDRIVE, "is_deleted": True}),
    ],
)
def test_of_a_deleted_contact_its_ids_and_opt_outs_stay(
    dataset: Dataset, deleted: dict[str, Any]
) -> None:
    staged = stage(dataset, [deleted])
    assert not any(staged.tables[name] for name in ("names", "contact_points", "addresses"))
    assert staged.tables["identifiers"]
    assert staged.tables["marketing_choices"]


@EVERY
def test_a_location_is_left_out_for_a_protected_registrant(
    dataset: Dataset, record: dict[str, Any], contact_id: str, origin: str
) -> None:
    payload = keep(dataset, [record]).payloads[0]
    with duckdb.connect() as connection:
        (left,) = connection.execute(
            f"SELECT {dataset.without_location} FROM (SELECT $1 AS payload)", [payload]
        ).fetchone()
    assert "00100" in payload
    assert "00100" not in left
    assert "Möttönen" in left


@pytest.mark.parametrize("dataset", [hubspot.FETCHED, salesforce.FETCHED, pipedrive.FETCHED])
@pytest.mark.parametrize(
    "record",
    [
        {},
        {"properties": [1]},
        {"properties": None, "emails": "x", "Account": 3},
        {"emails": [1, None, {"value": [2]}], "phones": {}, "postal_address": []},
    ],
)
def test_a_record_without_an_id_is_quarantined(dataset: Dataset, record: dict[str, Any]) -> None:
    assert "CRM-RECORD-ID" in codes(dataset, record)


def test_people_as_the_first_version_of_the_api_returned_them_are_read_too() -> None:
    old = {
        "id": 8,
        "name": "Matti Möttönen",
        "email": [{"value": "matti@example.fi", "primary": True}],
        "phone": [{"value": "+358401234502"}],
        "active_flag": True,
    }
    staged = stage(pipedrive.FETCHED, [old, {"id": 9, **old, "active_flag": False}])
    points = {row["match_key"] for row in staged.tables["contact_points"]}
    assert points == {"matti@example.fi", "+358401234502"}
    assert len(staged.tables["names"]) == 1
