"""The record of processing has all that Art. 30(1) asks for, and says of the system what is so."""

from __future__ import annotations

import stat
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import pytest

from assets.documents import processing, stored_data
from assets.documents.pages import html
from assets.storage.data_root import DataRoot
from schemas.columns import categories, table_name
from schemas.declarations import LAYERS
from schemas.marts import MARTS, About
from schemas.policy.loader import load_policy
from tests.assets.documents.mended import policy

TODAY = date(2026, 11, 20)
HOUSE = Path(__file__).parents[3]


def test_it_has_every_point_of_article_30() -> None:
    page = processing.markdown(load_policy(), TODAY)
    assert [letter for letter in "abcdefg" if f"({letter})" not in page] == []
    ET.fromstring(html(page, "en").split("\n", 1)[1])  # noqa: S314  (our own page)


@pytest.mark.clause("P4")
def test_every_purpose_has_its_bases_and_the_columns_of_its_mart() -> None:
    purposes = {
        purpose["purpose"]: purpose
        for purpose in processing.record(load_policy(), TODAY)["purposes"]
    }
    assert set(purposes) == set(load_policy().purposes)
    for name, models in MARTS.items():
        assert purposes[name]["mart"] == {
            table_name(model): list(categories(model)) for model in (*models, About)
        }
        assert purposes[name]["bases"] == list(load_policy().purposes[name].bases)


@pytest.mark.clause("P5")
def test_every_column_of_every_table_is_under_its_category() -> None:
    categories_listed = processing.record(load_policy(), TODAY)["categories"]
    listed = {
        (entry["category"], where, column)
        for entry in categories_listed
        for where, columns in entry["columns"].items()
        for column in columns
    }
    real = {
        (category, f"{layer}.{table_name(model)}", column)
        for layer, models in LAYERS.items()
        for model in models
        for column, category in categories(model).items()
    }
    assert listed == real


@pytest.mark.clause("P7.2", "P7.3")
def test_a_transfer_says_whether_it_may_be_made_today() -> None:
    recipients = {
        recipient["recipient"]: recipient
        for recipient in processing.record(load_policy(), TODAY)["recipients"]
    }
    assert recipients["it_operations"]["transfer_holds"]
    assert not recipients["marketing_automation"]["transfer_holds"]
    assert {
        mechanism["mechanism"]: mechanism["holds"]
        for mechanism in recipients["marketing_automation"]["mechanisms"]
    } == {"scc_2010": False, "privacy_shield": False}
    assert "no: exports are refused" in processing.markdown(load_policy(), TODAY)


@pytest.mark.clause("P8.2")
def test_every_time_limit_is_the_one_in_force() -> None:
    changed = processing.record(
        policy((("retention", "RET-RAW-13M", "period"), "14 months")), TODAY
    )
    assert {limit["code"]: limit["period"] for limit in changed["time_limits"]}[
        "RET-RAW-13M"
    ] == "14 months"


def test_sources_are_the_ones_that_fill_the_category() -> None:
    """The policy does not say that birth dates come from the CRM; they do."""
    read_from = {
        entry["category"]: entry["read_from"]
        for entry in processing.record(load_policy(), TODAY)["categories"]
    }
    assert set(read_from["birth_date"]) == {
        "population_register",
        "crm",
        "self",
        "contact_provider",
    }
    assert read_from["diet"] == ["events"]


def test_a_column_that_a_frame_leaves_null_is_not_filled_by_it() -> None:
    assert "credit_bureau" not in stored_data.filled()["birth_date"]
    assert stored_data.filled()["credit"] == {"credit_bureau"}


@pytest.mark.clause("P8.1")
def test_security_measures_name_places_that_are_there() -> None:
    assert [where for where in processing.SECURITY.values() if not (HOUSE / where).exists()] == []


@pytest.mark.clause("P8.1")
def test_the_data_root_is_its_owners_alone_as_the_record_says(tmp_path: Path) -> None:
    from assets.storage.atomic_files import writing

    data_root = DataRoot(tmp_path / "data")
    data_root.create()
    with writing(data_root.lake / "one") as unfinished:
        unfinished.write_text("")
    assert stat.S_IMODE(data_root.lake.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_root.lake / "one").stat().st_mode) == 0o600
