"""The CRM's contacts, contracts and orders, and what the register takes from them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ingest import raw
from assets.sources.crm.crm import SOURCE
from assets.storage.data_root import DataRoot
from tests.support.deliveries import csv, put
from tests.support.examples import examples
from tests.support.registers import TODAY
from tests.support.source_batches import codes, keep, stage

CONTACTS, CONTRACTS, ORDERS, *_ = SOURCE.datasets
CODE = "020180-999Y"
NO_DATES = [
    "infinity",
    "epoch",
    "now",
    "today",
    "99999-01-01",
    "0000-01-01",
    "0000-00-00",
    "2026/11/20",
    "2026-11-20 BC",
    "2026-11-20+02",
    "2026-11-20T00:00:00",
    "2026-02-30",
    "２０２６-11-20",
]


def key(identifier: str) -> str:
    return hashlib.md5(identifier.encode()).hexdigest()  # noqa: S324


def contact(**fields: str) -> dict[str, str]:
    """A contact; the names of columns are written with `_` for a space."""
    return {"Record ID": "101", "First Name": "Maija", "Last Name": "Esimerkki"} | {
        name.replace("_", " "): value for name, value in fields.items()
    }


class TestContact:
    def test_it_is_the_person_of_its_record_id_in_every_export(self) -> None:
        payload = contact(Customer_number="C0000042")
        done, kept = stage(CONTACTS, [payload]), keep(CONTACTS, [payload])
        assert done.only("names")["person_key"] == key("contact_id:101")
        assert {(row["type"], row["value"]) for row in done.tables["identifiers"]} == {
            ("contact_id", "101"),
            ("customer_number", "C0000042"),
        }
        assert kept.native_keys == ["101"]
        assert CONTACTS.snapshot

    def test_raw_is_found_by_every_identifier_in_it(self) -> None:
        payload = contact(
            Customer_number="C0000042", Email="Maija@Example.FI", Phone_Number="040 123 4567"
        )
        assert keep(CONTACTS, [payload]).identifiers == [
            [
                "contact_id:101",
                "customer_number:C0000042",
                "email:maija@example.fi",
                "phone:+358401234567",
            ]
        ]
        assert keep(
            CONTACTS, [{"Record ID": "101", "Email": "", "Phone Number": ""}]
        ).identifiers == [["contact_id:101"]]

    @pytest.mark.parametrize(
        "payload", [contact(Record_ID=""), contact(Record_ID="  "), {"First Name": "Maija"}]
    )
    def test_without_a_record_id_it_cannot_be_distinguished_from_another(
        self, payload: dict[str, str]
    ) -> None:
        assert codes(CONTACTS, payload) == {"CRM-RECORD-ID"}

    def test_columns_that_the_export_lacks_and_empty_ones_say_nothing(self) -> None:
        bare = stage(CONTACTS, [{"Record ID": "101"}])
        empty = stage(
            CONTACTS,
            [
                dict.fromkeys(
                    [
                        "First Name",
                        "Email",
                        "Phone Number",
                        "City",
                        "Associated Company",
                        "Global bounce",
                    ],
                    "",
                )
                | {"Record ID": "101"}
            ],
        )
        for done in (bare, empty):
            assert done.codes[0] == set()
            assert {table for table, rows in done.tables.items() if rows} == {
                "persons",
                "identifiers",
            }

    def test_its_name_is_the_official_one_as_far_as_it_is_given(self) -> None:
        row = stage(CONTACTS, [contact(Last_Name="")]).only("names")
        assert (row["kind"], row["op"], row["given_names"], row["family_name"]) == (
            "official",
            "state",
            "Maija",
            None,
        )

    @pytest.mark.parametrize(
        "written",
        [
            "2024-03-15 14:30",
            "3/15/2024 2:30 PM",
            "03/15/2024 02:30 pm",
            "2024-03-15",
            "3/15/2024",
            "2024-03-15 14:30:59",
        ],
    )
    def test_dates_come_in_two_formats(self, written: str) -> None:
        row = stage(CONTACTS, [contact(Create_Date=written, Date_of_birth=written)]).only("persons")
        assert (row["last_contact_on"], row["birth_date"], row["birth_date_precision"]) == (
            date(2024, 3, 15),
            date(2024, 3, 15),
            "day",
        )

    def test_the_last_contact_is_the_latest_thing_that_the_registrant_did(self) -> None:
        done = stage(
            CONTACTS,
            [
                contact(Create_Date="2020-01-01 10:00", Recent_Conversion_Date="3/15/2024 2:30 PM"),
                contact(Create_Date="2025-01-01 10:00", Recent_Conversion_Date="3/15/2024 2:30 PM"),
                contact(Create_Date="2025-01-01 10:00"),
            ],
        )
        assert [row["last_contact_on"] for row in done.tables["persons"]] == [
            date(2024, 3, 15),
            date(2025, 1, 1),
            date(2025, 1, 1),
        ]

    @pytest.mark.parametrize("active", ["2026-10-01 10:00", "2199-01-01 10:00", "yesterday"])
    def test_the_companys_own_activity_is_no_contact(self, active: str) -> None:
        """HubSpot's Last Activity Date also counts what the company sends; nothing hangs on it."""
        row = contact(Create_Date="2020-01-01 10:00", Last_Activity_Date=active)
        assert codes(CONTACTS, row) == set()
        assert stage(CONTACTS, [row]).only("persons")["last_contact_on"] == date(2020, 1, 1)

    @pytest.mark.parametrize(
        "written",
        ["2023-06-31 10:00", "13/15/2024 2:30 PM", "15.3.2024", "3/15/24", "infinity", "yesterday"],
    )
    @pytest.mark.parametrize("column", ["Create Date", "Recent Conversion Date", "Date of birth"])
    def test_a_date_that_cannot_be_read_has_a_code(self, column: str, written: str) -> None:
        assert codes(CONTACTS, contact() | {column: written}) == {"CRM-DATE"}

    def test_a_contact_that_is_still_to_come_is_none(self) -> None:
        """It would keep the registrant until long after it."""
        done = stage(
            CONTACTS,
            [contact(Create_Date="2020-01-01 10:00", Recent_Conversion_Date="2199-01-01 10:00")],
        )
        assert done.only("persons")["last_contact_on"] == date(2020, 1, 1)

    @pytest.mark.parametrize("written", [*NO_DATES, "9999-12-31", "12/31/9999"])
    def test_what_is_no_calendar_date_is_none_of_a_contact(self, written: str) -> None:
        assert codes(CONTACTS, contact(Date_of_birth=written)) == {"CRM-DATE"}

    def test_a_birth_date_out_of_living_memory_is_left_out_alone(self) -> None:
        done = stage(CONTACTS, [contact(Date_of_birth="1066-10-14")])
        assert done.row_codes["persons"] == {"PERSON-BIRTH-YEAR"}
        assert len(done.tables["names"]) == 1

    @pytest.mark.clause("P5.1")
    @pytest.mark.parametrize(
        ("written", "language"),
        [
            ("Finnish", "fi"),
            ("suomi", "fi"),
            ("fi-FI", "fi"),
            ("FI", "fi"),
            ("Swedish (Finland)", "sv"),
            ("svenska", "sv"),
            ("sv_SE", "sv"),
            ("English", "en"),
            ("en-gb", "en"),
            ("Eesti", "Eesti"),
            ("", None),
        ],
    )
    def test_its_language_has_the_registers_code(self, written: str, language: str | None) -> None:
        assert (
            stage(CONTACTS, [contact(Preferred_language=written)]).only("persons")["language"]
            == language
        )

    @pytest.mark.clause("P5.2")
    def test_addresses_and_numbers_have_a_form_to_match_by(self) -> None:
        email, phone = stage(
            CONTACTS, [contact(Email=" Maija@Example.FI ", Phone_Number="+358 (0)40 1234567")]
        ).tables["contact_points"]
        assert (email["kind"], email["value"], email["match_key"]) == (
            "email",
            "Maija@Example.FI",
            "maija@example.fi",
        )
        assert (phone["kind"], phone["match_key"]) == ("phone", "+358401234567")

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"Email": "suku@"}, "CONTACT-EMAIL-INVALID"),
            ({"Email": "etu.suku@@example.fi"}, "CONTACT-EMAIL-INVALID"),
            ({"Phone Number": "12"}, "CONTACT-PHONE-INVALID"),
            ({"Phone Number": "ei ole"}, "CONTACT-PHONE-INVALID"),
        ],
    )
    def test_an_invalid_contact_point_is_left_out_alone(
        self, fields: dict[str, str], code: str
    ) -> None:
        done = stage(CONTACTS, [contact() | fields])
        assert done.row_codes["contact_points"] == {code}
        assert len(done.tables["names"]) == 1

    def test_an_address_is_postal_on_one_line_and_in_finland_unless_it_says_otherwise(self) -> None:
        done = stage(
            CONTACTS,
            [
                contact(
                    Street_Address="c/o Malli\nEsimerkkikatu 1 A 2",
                    Postal_Code="00100",
                    City="Helsinki",
                    **{"Country/Region": "Finland"},
                ),
                contact(City="Tukholma", **{"Country/Region": "Sweden"}),
            ],
        )
        data_root, abroad = done.tables["addresses"]
        assert (
            data_root["kind"],
            data_root["street"],
            data_root["postcode"],
            data_root["town"],
        ) == (
            "postal",
            "c/o Malli Esimerkkikatu 1 A 2",
            "00100",
            "Helsinki",
        )
        assert (data_root["country"], abroad["country"], abroad["town"]) == (
            None,
            "Sweden",
            "Tukholma",
        )

    @pytest.mark.clause("P5.3")
    def test_each_company_is_one_of_its_own(self) -> None:
        rows = stage(
            CONTACTS,
            [
                contact(
                    Associated_Company="Esimerkki Oy; Toinen Oy ;;",
                    Job_Title='Päällikkö "Key", Pohjola',
                )
            ],
        ).tables["company_contacts"]
        assert [(row["company_name"], row["position"]) for row in rows] == [
            ("Esimerkki Oy", 7),
            ("Toinen Oy", 8),
        ]
        assert {row["job_title"] for row in rows} == {'Päällikkö "Key", Pohjola'}


class TestOptOut:
    @pytest.mark.clause("P5.4", "P9.6")
    @pytest.mark.parametrize(
        ("column", "origin"),
        [
            ("Unsubscribed from all email", "crm:hs_email_optout"),
            ("Global bounce", "crm:global_bounce"),
        ],
    )
    @pytest.mark.parametrize("cell", ["true", "TRUE", "Yes", "1", "2026-05-01 10:00", "kyllä"])
    def test_it_prohibits_marketing_to_the_address(
        self, column: str, origin: str, cell: str
    ) -> None:
        choice = stage(CONTACTS, [contact(Email="Maija@Example.FI") | {column: cell}]).only(
            "marketing_choices"
        )
        expected = {
            "purpose": "direct_marketing",
            "channel": "email",
            "choice": "prohibited",
            "origin": origin,
            "subject": "email:maija@example.fi",
        }
        assert {name: choice[name] for name in expected} == expected

    def test_without_an_address_it_is_the_contact_that_is_opted_out(self) -> None:
        assert (
            stage(CONTACTS, [contact(Unsubscribed_from_all_email="true")]).only(
                "marketing_choices"
            )["subject"]
            == "contact_id:101"
        )

    @pytest.mark.parametrize("cell", ["false", "False", "No", "0", "", " "])
    def test_its_absence_says_nothing(self, cell: str) -> None:
        assert (
            stage(CONTACTS, [contact(Unsubscribed_from_all_email=cell, Global_bounce=cell)]).tables[
                "marketing_choices"
            ]
            == []
        )

    def test_a_date_that_cannot_be_read_does_not_quarantine_it(self) -> None:
        done = stage(
            CONTACTS, [contact(Unsubscribed_from_all_email="true", Create_Date="2023-06-31 10:00")]
        )
        assert done.codes[0] == set()
        assert done.only("marketing_choices")["choice"] == "prohibited"
        assert done.only("persons")["last_contact_on"] is None


class TestPasswords:
    @pytest.mark.clause("P5.1")
    @pytest.mark.parametrize(
        "column", ["Password", "portal_password_2", "PASSWORD", "Salasana", "Lösenord"]
    )
    def test_none_reaches_the_disk(self, data_root: DataRoot, column: str) -> None:
        put(data_root, "crm", "2026-11-17", "contacts", csv([contact() | {column: "hemligt!"}]), 1)
        raw.ingest(data_root, SOURCE, None, TODAY)
        (path,) = data_root.files("raw")
        assert [json.loads(text) for text in pq.read_table(path)["payload"].to_pylist()] == [
            contact()
        ]

    def test_a_contact_without_one_stays_byte_for_byte(self) -> None:
        payload = '{"Record ID": "101", "Note":"forgot the password, ä 😀"}'
        assert keep(CONTACTS, [payload]).payloads == [payload]


def contract(**fields: str) -> dict[str, str]:
    return {
        "contract_number": "S1",
        "contact_id": "101",
        "customer_number": "C1",
        "identity_code": CODE,
        "product": "Sähkö",
        "status": "active",
        "starts_on": "2024-01-01",
        "ends_on": "",
        "monthly_fee": "12.50",
        "currency": "EUR",
        "updated_at": "2026-01-02T03:04:05+02:00",
        **fields,
    }


class TestContract:
    @pytest.mark.clause("P5.6")
    def test_it_is_between_the_person_of_its_identity_code_and_the_company(self) -> None:
        done, kept = stage(CONTRACTS, [contract()]), keep(CONTRACTS, [contract()])
        row = done.only("contracts")
        assert row["person_key"] == key(f"identity_code:{CODE}")
        assert row["stated_at"] == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
        assert (row["starts_on"], row["ends_on"], row["monthly_fee"], row["status"]) == (
            date(2024, 1, 1),
            None,
            Decimal("12.50"),
            "active",
        )
        assert {
            (identifier["type"], identifier["value"]) for identifier in done.tables["identifiers"]
        } == {
            ("contact_id", "101"),
            ("customer_number", "C1"),
            ("identity_code", CODE),
        }
        # The account is named too: its own contact states who it belongs to.
        assert {identifier["person_key"] for identifier in done.tables["identifiers"]} == {
            row["person_key"],
            key("contact_id:101"),
        }
        assert kept.native_keys == ["S1"]
        assert set(kept.identifiers[0]) == {
            "contract_number:S1",
            "contact_id:101",
            "customer_number:C1",
            f"identity_code:{CODE}",
        }

    @pytest.mark.parametrize(
        ("contact_id", "party"), [("101", "contact_id:101"), ("", "customer_number:C1")]
    )
    def test_without_an_identity_code_it_is_the_accounts(self, contact_id: str, party: str) -> None:
        done = stage(CONTRACTS, [contract(identity_code="", contact_id=contact_id)])
        assert done.only("contracts")["person_key"] == key(party)

    def test_an_invalid_identity_code_is_left_out_and_the_contract_stays(self) -> None:
        done = stage(CONTRACTS, [contract(identity_code="020180-999X")])
        assert done.row_codes["identifiers"] == {"IDENTIFIER-IDENTITY-CODE"}
        assert {identifier["type"] for identifier in done.tables["identifiers"]} == {
            "contact_id",
            "customer_number",
        }
        assert len(done.tables["contracts"]) == 1

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"contract_number": " "}, "CONTRACT-NUMBER"),
            ({"contact_id": "", "customer_number": ""}, "CONTRACT-PARTY"),
            ({"ends_on": "2023-12-31"}, "CONTRACT-DATES"),
            ({"starts_on": ""}, "CONTRACT-DATE"),
            ({"starts_on": "1.1.2024"}, "CONTRACT-DATE"),
            ({"starts_on": "infinity"}, "CONTRACT-DATE"),
            ({"ends_on": "2024-02-30"}, "CONTRACT-DATE"),
            ({"updated_at": "2026-01-02T03:04:05"}, "CONTRACT-UPDATED"),
            ({"updated_at": "2026-13-02T03:04:05Z"}, "CONTRACT-UPDATED"),
            ({"monthly_fee": "12,50"}, "CONTRACT-FEE"),
            ({"monthly_fee": "NaN"}, "CONTRACT-FEE"),
            ({"monthly_fee": "9" * 30}, "CONTRACT-FEE"),
            ({"status": "paused"}, "CONTRACTS-STATUS-UNKNOWN"),
            ({"product": ""}, "CONTRACTS-PRODUCT-MISSING"),
            ({"monthly_fee": "-1"}, "CONTRACTS-MONTHLY-FEE-RANGE"),
            ({"currency": "euro"}, "CONTRACTS-CURRENCY-FORMAT"),
        ],
    )
    def test_a_contract_that_cannot_be_used_says_why(
        self, fields: dict[str, str], code: str
    ) -> None:
        assert codes(CONTRACTS, contract(**fields)) == {code}

    @pytest.mark.parametrize("written", ["9999-12-31", "2999-12-31", "2100-12-31", ""])
    def test_an_end_that_stands_for_none_is_an_open_contract(self, written: str) -> None:
        assert stage(CONTRACTS, [contract(ends_on=written)]).only("contracts")["ends_on"] is None

    @pytest.mark.parametrize("written", [*NO_DATES, "9999-12-31", "2999-12-31"])
    def test_what_is_no_calendar_date_starts_no_contract(self, written: str) -> None:
        assert codes(CONTRACTS, contract(starts_on=written)) == {"CONTRACT-DATE"}

    @pytest.mark.parametrize("written", NO_DATES)
    def test_and_ends_none(self, written: str) -> None:
        assert codes(CONTRACTS, contract(ends_on=written)) == {"CONTRACT-DATE"}

    @pytest.mark.parametrize(
        "written", ["infinity", "9999-12-31T00:00:00Z", "2026-12-24T12:00:00Z"]
    )
    def test_a_change_that_lies_ahead_has_a_code(self, written: str) -> None:
        assert codes(CONTRACTS, contract(updated_at=written)) == {"CONTRACT-UPDATED"}

    @pytest.mark.parametrize("written", ["2026-11-01 12:00:00+02", "2026-11-01T10:00Z"])
    def test_a_change_with_any_offset_is_read(self, written: str) -> None:
        row = stage(CONTRACTS, [contract(updated_at=written)]).only("contracts")
        assert row["stated_at"] == datetime(2026, 11, 1, 10, tzinfo=UTC)

    @pytest.mark.parametrize("written", ["19.999", "19,90", "1e2", "nan", "9" * 17])
    def test_a_fee_is_not_rounded(self, written: str) -> None:
        assert codes(CONTRACTS, contract(monthly_fee=written)) == {"CONTRACT-FEE"}

    def test_a_fee_with_zeros_behind_is_the_fee(self) -> None:
        row = stage(CONTRACTS, [contract(monthly_fee="19.9000")]).only("contracts")
        assert row["monthly_fee"] == Decimal("19.90")

    def test_without_a_time_of_change_it_is_stated_at_its_delivery(self) -> None:
        assert stage(CONTRACTS, [contract(updated_at="")]).only("contracts")[
            "stated_at"
        ] == datetime(2026, 11, 19, 22, tzinfo=UTC)


def order(**fields: str) -> dict[str, str]:
    return {
        "order_number": "T1",
        "contact_id": "101",
        "customer_number": "C1",
        "ordered_at": "2026-01-02T03:04:05Z",
        "status": "placed",
        "amount": "99.90",
        "currency": "EUR",
        "items": "3",
        **fields,
    }


class TestOrder:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"amount": "10.999"}, "ORDER-AMOUNT"),
            ({"amount": "nan"}, "ORDER-AMOUNT"),
            ({"amount": "9" * 5000}, "ORDER-AMOUNT"),
            ({"ordered_at": "infinity"}, "ORDER-TIME"),
            ({"ordered_at": "2026-12-24T12:00:00Z"}, "ORDER-TIME"),
            ({"ordered_at": "2026-11-01T24:00:00Z"}, "ORDER-TIME"),
            ({"items": "1e2"}, "ORDER-ITEMS"),
            ({"items": "9" * 5000}, "ORDER-ITEMS"),
        ],
    )
    def test_a_value_that_would_be_guessed_has_a_code(
        self, fields: dict[str, str], code: str
    ) -> None:
        assert codes(ORDERS, order(**fields)) == {code}

    @pytest.mark.clause("P5.6")
    def test_it_is_its_contacts_at_the_time_it_was_made(self) -> None:
        done, kept = stage(ORDERS, [order()]), keep(ORDERS, [order()])
        row = done.only("orders")
        assert (row["person_key"], row["amount"], row["items"]) == (
            key("contact_id:101"),
            Decimal("99.90"),
            3,
        )
        assert row["ordered_at"] == row["stated_at"] == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        assert kept.native_keys == ["T1"]
        assert set(kept.identifiers[0]) == {
            "order_number:T1",
            "contact_id:101",
            "customer_number:C1",
        }

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"order_number": ""}, "ORDER-NUMBER"),
            ({"contact_id": "", "customer_number": ""}, "ORDER-PARTY"),
            ({"ordered_at": ""}, "ORDER-TIME"),
            ({"ordered_at": "2026-01-02"}, "ORDER-TIME"),
            ({"ordered_at": "2026-01-02T03:04:05"}, "ORDER-TIME"),
            ({"amount": ""}, "ORDER-AMOUNT"),
            ({"amount": "99,90"}, "ORDER-AMOUNT"),
            ({"items": "many"}, "ORDER-ITEMS"),
            ({"items": "-1"}, "ORDER-ITEMS"),
            ({"status": "lost"}, "ORDERS-STATUS-UNKNOWN"),
            ({"amount": "100000000.00"}, "ORDERS-AMOUNT-RANGE"),
            ({"currency": ""}, "ORDERS-CURRENCY-MISSING"),
        ],
    )
    def test_an_order_that_cannot_be_used_says_why(self, fields: dict[str, str], code: str) -> None:
        assert codes(ORDERS, order(**fields)) == {code}


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(
        [
            "infinity",
            "-infinity",
            "epoch",
            "now",
            "NaN",
            "1e400",
            "0000-00-00",
            "9999-12-31",
            "12/31/9999 11:59 PM",
            "2026-01-01T00:00:00+99:99",
        ]
    ),
)


@settings(max_examples=examples(5), deadline=None)
@given(data=st.data())
@pytest.mark.parametrize(
    ("dataset", "whole", "table"),
    [
        (CONTACTS, contact(), "identifiers"),
        (CONTRACTS, contract(), "contracts"),
        (ORDERS, order(), "orders"),
    ],
)
def test_whatever_the_texts_every_row_is_staged_or_has_a_code(
    data: Any, dataset: Any, whole: dict[str, str], table: str
) -> None:
    names = [
        *whole,
        "Email",
        "Phone Number",
        "Create Date",
        "Date of birth",
        "Preferred language",
        "Associated Company",
        "Global bounce",
    ]
    rows = data.draw(
        st.lists(
            st.dictionaries(st.sampled_from(names), TEXTS, max_size=4), min_size=10, max_size=30
        )
    )
    keep(dataset, [whole | row for row in rows])
    done = stage(dataset, [whole | row for row in rows])
    assert {row["record_no"] for row in done.tables[table]} | {
        record for record, codes_of_record in done.codes.items() if codes_of_record
    } == set(range(len(rows)))
