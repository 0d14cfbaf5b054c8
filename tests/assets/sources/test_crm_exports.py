"""Contacts of Salesforce and people of Pipedrive, as the register takes them in."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.sources.crm.crm import SOURCE
from assets.sources.source import Dataset
from tests.support.examples import examples
from tests.support.source_batches import codes, keep, stage

SALESFORCE = SOURCE.datasets[3]
PIPEDRIVE = SOURCE.datasets[4]
ID = "0030X00002AbCdEQAV"


def contact(**fields: str) -> dict[str, str]:
    return {"Id": ID, "FirstName": "Matti", "LastName": "Testi", "IsDeleted": "false", **fields}


def person(**fields: str) -> dict[str, str]:
    """A person; `Email_Work` is the column `Person - Email - Work`."""
    named = {f"Person - {name.replace('_', ' - ')}": value for name, value in fields.items()}
    return {"Person - ID": "1", "Person - Name": "Matti Olavi Testi", **named}


class TestSalesforce:
    def test_an_id_of_15_characters_is_the_one_of_18(self) -> None:
        kept = keep(SALESFORCE, [contact(), contact(Id=ID[:15])])
        assert kept.native_keys == [ID, ID]

    def test_a_merged_contact_is_found_by_its_former_id(self) -> None:
        """The loser is deleted and names the winner; both are one person's ids."""
        loser = contact(Id="0030000000LOSER", IsDeleted="true", MasterRecordId=ID)
        done = stage(SALESFORCE, [loser])
        assert f"contact_id:{ID}" in keep(SALESFORCE, [loser]).identifiers[0]
        assert {row["value"][:15] for row in done.tables["identifiers"]} == {
            ID[:15],
            "0030000000LOSER",
        }

    def test_of_a_deleted_contact_its_ids_and_opt_outs_stay(self) -> None:
        done = stage(
            SALESFORCE,
            [contact(IsDeleted="true", Email="matti@example.fi", HasOptedOutOfEmail="true")],
        )
        assert {table for table, rows in done.tables.items() if rows} == {
            "identifiers",
            "marketing_choices",
        }

    @pytest.mark.clause("P5.4")
    @pytest.mark.parametrize(
        ("column", "value", "channel", "subject"),
        [
            ("HasOptedOutOfEmail", "true", "email", "email:matti@example.fi"),
            ("EmailBouncedDate", "2026-01-02T03:04:05.000Z", "email", "email:matti@example.fi"),
            ("DoNotCall", "1", "phone", "phone:+358401234567"),
        ],
    )
    def test_an_opt_out_prohibits_its_channel(
        self, column: str, value: str, channel: str, subject: str
    ) -> None:
        row = contact(Email="Matti@Example.fi", MobilePhone="040 123 4567") | {column: value}
        choice = stage(SALESFORCE, [row]).only("marketing_choices")
        assert (choice["choice"], choice["channel"], choice["subject"]) == (
            "prohibited",
            channel,
            subject,
        )

    def test_a_fax_is_no_channel(self) -> None:
        done = stage(SALESFORCE, [contact(HasOptedOutOfFax="true", HasOptedOutOfEmail="false")])
        assert done.tables["marketing_choices"] == []

    def test_an_address_over_two_lines_is_one(self) -> None:
        row = contact(
            MailingStreet="Testikatu 1\nA 2", MailingPostalCode="00100", MailingCountry="Finland"
        )
        address = stage(SALESFORCE, [row]).only("addresses")
        assert (address["street"], address["country"]) == ("Testikatu 1 A 2", None)

    def test_it_came_into_the_crm_on_a_local_day(self) -> None:
        row = contact(CreatedDate="2025-01-02T22:30:00.000Z")
        assert stage(SALESFORCE, [row]).only("persons")["last_contact_on"] == date(2025, 1, 3)


class TestPipedrive:
    def test_its_number_is_not_that_of_another_crm(self) -> None:
        assert keep(PIPEDRIVE, [person()]).native_keys == ["pipedrive-1"]

    def test_merged_people_stay_findable(self) -> None:
        kept = keep(PIPEDRIVE, [{**person(), "Person - Merged IDs": "7;8"}])
        assert set(kept.identifiers[0]) >= {"contact_id:pipedrive-7", "contact_id:pipedrive-8"}

    def test_a_field_may_have_several_values_and_each_counts_once(self) -> None:
        row = person(
            Email_Work="matti@example.fi, m.testi@example.fi",
            Email_Home="MATTI@example.fi",
            Phone_Work="0401234567, +358401234567",
        )
        points = stage(PIPEDRIVE, [row]).tables["contact_points"]
        assert sorted(row["match_key"] for row in points) == [
            "+358401234567",
            "m.testi@example.fi",
            "matti@example.fi",
        ]
        first = max((row for row in points if row["kind"] == "email"), key=lambda p: p["position"])
        assert first["match_key"] == "matti@example.fi"

    def test_a_name_in_one_piece_is_parted_before_its_last_word(self) -> None:
        name = stage(PIPEDRIVE, [person()]).only("names")
        assert (name["given_names"], name["family_name"]) == ("Matti Olavi", "Testi")

    @pytest.mark.parametrize(
        ("status", "origins"),
        [
            ("Unsubscribed", {"crm:pipedrive_unsubscribed"}),
            ("Archived", {"crm:pipedrive_unsubscribed"}),
            ("Bounced", {"crm:pipedrive_bounce"}),
            ("Subscribed", set()),
            ("No consent", set()),
            ("", set()),
        ],
    )
    def test_its_marketing_status_refuses_and_never_consents(
        self, status: str, origins: set[str]
    ) -> None:
        row = {**person(Email_Work="matti@example.fi"), "Person - Marketing status": status}
        rows = stage(PIPEDRIVE, [row]).tables["marketing_choices"]
        assert {row["origin"] for row in rows} == origins


@pytest.mark.parametrize("dataset", [SALESFORCE, PIPEDRIVE], ids=lambda dataset: dataset.name)
@settings(deadline=None, max_examples=examples(15))
@given(data=st.data())
def test_every_row_is_staged_or_has_a_code(dataset: Dataset, data: st.DataObject) -> None:
    columns = st.sampled_from(dataset.format.columns)  # type: ignore[union-attr]
    rows = data.draw(st.lists(st.dictionaries(columns, st.text(max_size=20)), min_size=1))
    done = stage(dataset, rows)
    staged = {row["record_no"] for row in done.tables["identifiers"]}
    quarantined = {number for number, given_codes in done.codes.items() if given_codes}
    assert staged | quarantined == set(range(len(rows)))


def test_a_contact_without_an_id_says_so() -> None:
    assert codes(SALESFORCE, contact(Id="")) == {"CRM-RECORD-ID"}
    assert codes(PIPEDRIVE, person() | {"Person - ID": "N/A"}) == {"CRM-RECORD-ID"}
