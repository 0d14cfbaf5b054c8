"""What a column means: its own description, or that of the column that it comes from."""

from __future__ import annotations

from schemas import marts, quarantine, register, staged
from schemas.meanings import meanings, meanings_of
from schemas.sources.crm import OrderRecord


def test_a_description_of_its_own_counts() -> None:
    assert meanings()[register.RegistrantCreditReports]["registrant_id"] == (
        "null: the report is about a company"
    )


def test_without_one_a_column_means_what_it_did_in_the_layer_before() -> None:
    stated = meanings()[staged.Orders]["amount"]
    assert stated
    assert meanings()[register.RegistrantOrders]["amount"] == stated
    assert meanings()[marts.MartOrders]["amount"] == stated


def test_the_nearest_layer_counts() -> None:
    """The register's language is chosen of those that are staged."""
    chosen = meanings()[register.Registrants]["language"]
    assert chosen != meanings()[staged.Persons]["language"]
    assert meanings()[marts.CareRegistrants]["language"] == chosen


def test_nothing_comes_from_quarantine_or_another_mart() -> None:
    stated = meanings()[staged.Persons]["stated_at"]
    assert meanings()[quarantine.Quarantine]["stated_at"] != stated
    assert meanings()[register.Provenance]["stated_at"] == stated
    assert (
        meanings()[marts.ClaimParties]["registrant_id"]
        == (meanings()[marts.CareRegistrants]["registrant_id"])
    )


def test_a_vendors_record_has_descriptions_of_its_own() -> None:
    assert meanings_of(OrderRecord)["time_readable"] == "passes ORDER-TIME"
