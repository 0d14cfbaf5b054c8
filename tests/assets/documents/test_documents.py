"""The pages in docs/ that are made by `make documents` are what it would make now."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from assets.documents import data_model, datasets, notice, processing, source_rules, traceability
from assets.sources.all_sources import SOURCES
from schemas.policy.loader import load_policy

DOCS = Path(__file__).parents[3] / "docs"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def day_of(page: str) -> date:
    """The day that a committed page says it was made for; it is compared as of that day."""
    if as_of := re.search(r"As of (\d{4}-\d\d-\d\d)", page):
        return date.fromisoformat(as_of[1])
    updated = re.search(
        r"Updated on (\d+) (\w+) (\d{4})", (DOCS / "notices" / "en.md").read_text(encoding="utf-8")
    )
    assert updated
    return date(int(updated[3]), MONTHS.index(updated[2]) + 1, int(updated[1]))


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_notices_are_up_to_date(language: str) -> None:
    page = (DOCS / "notices" / f"{language}.md").read_text(encoding="utf-8")
    assert page == notice.markdown(load_policy(), language, day_of(page)), "run `make documents`"


def test_the_record_of_processing_is_up_to_date() -> None:
    page = (DOCS / "record-of-processing.md").read_text(encoding="utf-8")
    assert page == processing.markdown(load_policy(), day_of(page)), "run `make documents`"


def test_the_traceability_is_up_to_date() -> None:
    page = (DOCS / "traceability.md").read_text(encoding="utf-8")
    assert page == traceability.markdown(load_policy(), traceability.marked()), (
        "run `make documents`"
    )


def test_the_rules_of_the_sources_are_up_to_date() -> None:
    page = (DOCS / "rules.md").read_text(encoding="utf-8")
    assert page == source_rules.in_page(page), "run `make documents`"
    assert source_rules.markdown() in page


def test_the_list_of_datasets_is_up_to_date_and_says_what_each_is() -> None:
    page = (DOCS / "deliveries.md").read_text(encoding="utf-8")
    assert page == datasets.in_page(page), "run `make documents`"
    assert datasets.markdown() in page
    for source in SOURCES:
        assert set(source.about) == {dataset.name for dataset in source.datasets}, source.name


def test_the_data_model_is_up_to_date() -> None:
    page = (DOCS / "data-model.md").read_text(encoding="utf-8")
    assert page == data_model.markdown(load_policy()), "run `make documents`"
