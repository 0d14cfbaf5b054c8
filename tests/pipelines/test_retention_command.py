"""`register retention` as it is typed: what would go, what will, what would under another period;
and what it refuses.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from assets.storage.data_root import DataRoot
from pipelines.cli.retention import command
from tests.support.dated_records import deliver
from tests.support.registers import TODAY, take_in, typed


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_root = DataRoot(tmp_path_factory.mktemp("retained") / "data")
    data_root.create()
    deliver(data_root)
    take_in(data_root)
    return data_root.root


def asked(root: Path, *words: str) -> Result:
    return typed(DataRoot(root), command, *words)


def output(root: Path, *words: str) -> Any:
    answer = asked(root, *words, "--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def test_a_dry_run_lists_rule_category_and_layer(root: Path) -> None:
    report = output(root, "--as-of", str(TODAY), "--dry-run")
    assert {
        "rule": "RET-VISITS-25M",
        "category": "website",
        "layer": "staged",
        "effect": "delete",
        "rows": 1,
    } in report["gone"]
    assert report["rules"]["RET-VISITS-25M"] == sum(
        removal["rows"] for removal in report["gone"] if removal["rule"] == "RET-VISITS-25M"
    )
    assert "RET-BOOKS-10Y" in report["no_data"]
    assert "RET-VISITS-25M" in asked(root, "--as-of", str(TODAY), "--dry-run").output


def test_a_forecast_has_24_months_and_a_bar_for_each(root: Path) -> None:
    report = output(root, "--as-of", str(TODAY), "--forecast")
    assert next(iter(report["months"])) == "2026-11"
    assert len(report["months"]) == 24
    assert sum(report["months"].values()) == sum(removal["rows"] for removal in report["due"])
    assert "█" in asked(root, "--as-of", str(TODAY), "--forecast").output


def test_what_if_shows_the_supposed_period(root: Path) -> None:
    assert (
        output(root, "--as-of", str(TODAY), "--dry-run", "--what-if", "RET-VISITS-25M=1 days")[
            "rules"
        ]["RET-VISITS-25M"]
        > 5
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("--as-of", "2026-11-20", "--what-if", "RET-VISITS-25M=1 days"), 2),
        (("--dry-run", "--what-if", "RET-VISITS-25M"), 2),
        (("--dry-run", "--what-if", "RET-NOTHING=1 days"), 1),
        (("--dry-run", "--what-if", "RET-VOUCHER-6Y=1 years"), 1),
    ],
)
def test_what_cannot_be_is_refused(root: Path, words: tuple[str, ...], code: int) -> None:
    assert asked(root, *words).exit_code == code
