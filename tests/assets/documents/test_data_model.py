"""The data model's page names every table and column, and its diagrams hold together."""

from __future__ import annotations

import re

import pytest

from assets.documents import data_model
from schemas.columns import table_name
from schemas.declarations import LAYERS
from schemas.policy.loader import load_policy

PAGE = data_model.markdown(load_policy())


@pytest.mark.parametrize("layer", LAYERS)
def test_every_table_has_its_section_and_every_column_its_row(layer: str) -> None:
    for model in LAYERS[layer]:
        section = PAGE.split(f"### `{layer}.{table_name(model)}`", 1)[1].split("\n### ", 1)[0]
        if "\nAs `" not in section:
            rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
            assert rows == list(model.to_schema().columns)


def test_no_meaning_is_empty() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert [line for line in rows if re.search(r"\| \.? *\|$", line)] == []


def test_a_column_takes_over_the_description_of_its_first_table() -> None:
    """Register and marts say nothing of `postcode`s that an earlier layer has described."""
    section = PAGE.split("### `marts.customer_care.registrants`", 1)[1].split("\n### ", 1)[0]
    assert re.search(r"^\| `postcode` .*five digits in Finland", section, re.MULTILINE)


@pytest.mark.parametrize("layer", data_model.REFERENCES)
def test_a_diagram_relates_tables_of_its_layer_by_columns_that_they_have(layer: str) -> None:
    tables = {table_name(model): model.to_schema().columns for model in LAYERS[layer]}
    relations = re.findall(
        r"^    (\w+) \|[|o]--o\{ (\w+) : (\w+)$",
        "\n".join(data_model.diagram(layer, LAYERS[layer])),
        re.MULTILINE,
    )
    assert relations
    for parent, child, column in relations:
        assert parent in tables
        assert column in tables[child]
