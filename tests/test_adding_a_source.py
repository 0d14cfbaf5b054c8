"""Adding a source is what docs/adding-a-source.md says: its example, in a copy of the house, is
refreshed from its files to the marts.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PAGE = (HOUSE / "docs" / "adding-a-source.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.M | re.S))
ENTRY = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)
FILLED = re.findall(r"`(\w+)`", re.findall(r"The example fills (.*?)\.", PAGE)[0])
NAME = "prohibition_list"
# Rules of the house about sources.
RULES = (
    "test_every_rule_code_in_the_code_is_in_a_catalogue",
    "test_every_rule_of_a_model_has_a_code",
    "test_every_column_has_a_category_of_the_policy",
    "test_every_purpose_of_the_policy_has_its_mart_and_every_source_its_entry",
    "test_sources_read_dates_and_moments_through_the_macros_of_schemas_values",
    "test_no_column_of_a_vendors_record_lacks_a_meaning",
)


def test_the_page_has_every_file_that_a_source_needs() -> None:
    assert set(FILES) == {
        f"schemas/sources/{NAME}.py",
        f"assets/sources/{NAME}.py",
        f"tests/assets/sources/test_{NAME}.py",
        f"pipelines/synthetic/{NAME}.py",
    }
    assert len(ENTRY) == 1


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house with the page's source in it."""
    copy = tmp_path_factory.mktemp("house")
    for folder in ("schemas", "assets", "pipelines", "tests", "docs"):
        shutil.copytree(HOUSE / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "dagster.yaml", "workspace.yaml"):
        shutil.copy(HOUSE / file, copy)
    for name, text in FILES.items():
        assert not (copy / name).exists()
        (copy / name).write_text(text, encoding="utf-8")
    policy = copy / "schemas" / "policy.yaml"
    text = policy.read_text(encoding="utf-8").replace("\nsources:\n", f"\nsources:\n{ENTRY[0]}")
    for category in FILLED:
        text, changed = re.subn(
            rf"(\n  {category}:\n(?:    .*\n)*?    sources: \[)", rf"\1{NAME}, ", text
        )
        assert changed == 1, category
    policy.write_text(text, encoding="utf-8")
    return copy


def run(house: Path, *arguments: str) -> str:
    """The output of Python in the copy."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=house,
        env={"PYTHONPATH": str(house), "REGISTER_HOME": str(house / "data"), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def register(house: Path, *arguments: str) -> str:
    """The output of the command `register` of the copy."""
    return run(house, "-c", "from pipelines.cli.main import main; main()", *arguments)


def test_its_own_tests_and_those_of_the_house_pass(house: Path) -> None:
    register(house, "policy", "check")
    register(house, "report", "rules", "--into", "docs/rules.md")
    assert "`LIST-PHONE`" in (house / "docs" / "rules.md").read_text(encoding="utf-8")
    run(
        house, "-m", "pytest", "-p", "no:randomly", f"tests/assets/sources/test_{NAME}.py",
        "tests/schemas/test_rules_page.py", "tests/schemas/test_declarations.py",
        *(f"tests/test_house.py::{rule}" for rule in RULES),
    )  # fmt: skip


def test_its_sample_is_refreshed_from_the_inbox_to_the_marts(house: Path) -> None:
    register(house, "sample", "--registrants", "200", "--seed", "7", "--days", "1")
    done = json.loads(register(house, "refresh", "--json"))
    assert not done.get("refused")
    entries = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (house / "data" / "lake" / "deliveries" / NAME).rglob("*.json")
    ]
    assert [entry["dataset"] for entry in entries] == ["phones"]
    assert entries[0]["staged"] == entries[0]["delivered"] > 0
