"""`register report data-model` prints the page or writes it to a file."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from assets.documents import data_model
from pipelines.cli.report import report
from schemas.policy.loader import load_policy


def test_the_data_model_is_written_to_the_file_that_is_named(tmp_path: Path) -> None:
    out = tmp_path / "data-model.md"
    result = CliRunner().invoke(report, ["data-model", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert out.read_text(encoding="utf-8") == data_model.markdown(load_policy())
    assert result.output == ""


def test_the_data_model_is_printed_without_a_file() -> None:
    result = CliRunner().invoke(report, ["data-model"])
    assert result.output == data_model.markdown(load_policy())
