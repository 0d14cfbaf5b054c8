"""Each clause leads to columns, rules, assets and tests; one that no test is about fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.documents import traceability
from schemas.policy.clauses import CLAUSES
from schemas.policy.loader import load_policy
from tests.assets.documents.mended import policy


@pytest.fixture(scope="module")
def marked() -> dict[str, list[str]]:
    return traceability.marked()


def row(clause: str) -> dict[str, object]:
    return next(row for row in traceability.rows(load_policy(), {}) if row["clause"] == clause)


def test_every_clause_of_the_policy_has_a_test(marked: dict[str, list[str]]) -> None:
    assert traceability.untested(load_policy(), marked) == []


def test_every_mark_names_a_clause_that_there_is(marked: dict[str, list[str]]) -> None:
    assert set(marked) <= set(CLAUSES)


def test_every_clause_of_the_file_is_one_of_the_policy() -> None:
    assert set(traceability.used(load_policy())) <= set(CLAUSES)


def test_a_clause_that_a_controller_adds_needs_a_test_too() -> None:
    assert "P4.9" in traceability.untested(
        policy((("purposes", "analytics", "clause"), "P4.9")),
        {clause: ["a test"] for clause in CLAUSES},
    )


def test_marks_are_read_off_functions_and_classes_without_running_them(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_one.py").write_text(
        """
import pytest
raise SystemExit

@pytest.mark.clause("P5.1", "P5.2")
def test_a(): ...

@pytest.mark.parametrize("x", [1])
@pytest.mark.clause("P5.2")
def test_b(x): ...

@pytest.mark.clause("P6")
class TestIt:
    def test_c(self): ...
    @pytest.mark.clause("P7")
    def test_d(self): ...
    def helper(self): ...

def test_e(): ...
"""
    )
    assert traceability.marked(folder) == {
        "P5.1": ["tests/test_one.py::test_a"],
        "P5.2": ["tests/test_one.py::test_a", "tests/test_one.py::test_b"],
        "P6": ["tests/test_one.py::TestIt::test_c", "tests/test_one.py::TestIt::test_d"],
        "P7": ["tests/test_one.py::TestIt::test_d"],
    }


def test_a_clause_of_data_leads_to_columns_rules_and_assets() -> None:
    contact = row("P5.2")
    assert "email" in contact["columns"]["register.registrants"]  # type: ignore[index]
    assert {"RET-PROSPECT-3Y", "RET-CUSTOMER-3Y"} <= set(contact["rules"])
    assert {"register/registrants", "marts/direct_marketing"} <= set(contact["assets"])


def test_a_clause_of_a_purpose_leads_to_its_mart_and_one_of_a_source_to_its_deliveries() -> None:
    assert {"built/analytics", "marts/analytics"} <= set(row("P4.4")["assets"])
    assert {"raw/population_register", "staged/population_register"} <= set(row("P6.2")["assets"])


def test_assets_that_are_named_are_there() -> None:
    from pipelines.definitions import build_definitions

    known = {spec.key.to_user_string() for spec in build_definitions().resolve_all_asset_specs()}
    assert {
        asset for row in traceability.rows(load_policy(), {}) for asset in row["assets"]
    } <= known


def test_the_page_has_a_part_for_each_clause(marked: dict[str, list[str]]) -> None:
    page = traceability.markdown(load_policy(), marked)
    assert [
        line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")
    ] == list(CLAUSES)
    assert "- no test" not in page
