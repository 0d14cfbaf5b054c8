"""What the controller owes an account of: the commands that write it, and the checks that show
it.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import date
from pathlib import Path

import click
import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result

from assets.dagster_support.runs import Today
from assets.documents import assets as documents_assets
from assets.register import information_duty
from assets.storage.data_root import DataRoot
from pipelines.cli.notice import notice
from pipelines.cli.report import inform, report
from schemas.policy.loader import load_policy
from tests.support.deliveries import basic_data
from tests.support.population_register_messages import code, home_address, name, person
from tests.support.registers import refresh, registrant

MAIJA = code("010190-905")


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    made = DataRoot(tmp_path / "data")
    made.create()
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


@pytest.fixture
def known(data_root: DataRoot) -> str:
    """The id of a registrant who is known from the population register only."""
    basic_data(
        data_root,
        "2026-11-01",
        [
            person(
                MAIJA,
                name("Maija", "Esimerkki"),
                home_address("Esimerkkikatu", "1", "00100", "HELSINKI", "2010-05-01"),
            )
        ],
    )
    refresh(data_root)
    return str(registrant(data_root, MAIJA)["registrant_id"])


def run(command: click.Command, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == code, result.output
    return result


class TestDocuments:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("processing",),
            ("processing", "--format", "json"),
            ("processing", "--format", "fides"),
            ("conflicts",),
            ("conflicts", "--format", "json"),
            ("traceability",),
        ],
        ids=" ".join,
    )
    def test_a_report_is_printed_or_written_the_same(
        self, arguments: tuple[str, ...], tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        printed = run(report, *arguments).output
        assert run(report, *arguments, "--out", str(out)).output == ""
        assert out.read_text(encoding="utf-8") == printed
        assert len(printed) > 1000

    @pytest.mark.parametrize(
        ("command", "arguments"),
        [
            (report, ("processing",)),
            (report, ("conflicts", "--lang", "fi")),
            (notice, ("--lang", "sv")),
        ],
    )
    def test_html_is_a_whole_page(self, command: click.Command, arguments: tuple[str, ...]) -> None:
        page = run(command, *arguments, "--format", "html").output.split("\n", 1)[1]
        ET.fromstring(page)  # noqa: S314  (our own page)

    def test_machines_get_json_and_yaml(self) -> None:
        assert (
            json.loads(
                run(report, "processing", "--format", "json", "--as-of", "2026-11-20").output
            )["as_of"]
            == "2026-11-20"
        )
        assert (
            sum(json.loads(run(report, "conflicts", "--format", "json").output)["counts"].values())
            > 0
        )
        assert set(yaml.safe_load(run(report, "processing", "--format", "fides").output)) == {
            "organization",
            "dataset",
            "system",
        }

    def test_the_notice_is_that_of_the_day_that_is_asked_for(self) -> None:
        assert "20 november 2026" in run(notice, "--lang", "sv", "--as-of", "2026-11-20").output

    def test_a_folder_that_is_not_there_is_one_clear_line(self, tmp_path: Path) -> None:
        output = run(
            notice, "--lang", "fi", "--out", str(tmp_path / "no" / "notice.md"), code=1
        ).output
        assert "cannot be written" in output
        assert len(output.splitlines()) == 1

    @pytest.mark.parametrize(
        "arguments", [(), ("--lang", "de"), ("--lang", "fi", "--format", "pdf")]
    )
    def test_what_is_not_offered_is_wrong_usage(self, arguments: tuple[str, ...]) -> None:
        run(notice, *arguments, code=2)


class TestInforming:
    @pytest.mark.clause("P6.6")
    def test_they_are_listed_by_id_and_source_without_a_name(self, known: str) -> None:
        output = json.loads(run(report, "informing", "--json", "--as-of", "2026-11-20").output)
        due = output["due"][0]
        assert (due["registrant_id"], due["due_on"], due["sources"], due["overdue"]) == (
            known,
            "2026-12-01",
            ["population_register"],
            False,
        )
        plain = run(report, "informing", "--as-of", "2026-12-02").output
        assert known in plain
        assert "overdue" in plain
        assert not [
            private
            for private in ("Maija", "Esimerkki", MAIJA)
            if private in plain + json.dumps(output)
        ]

    def test_recording_takes_ids_from_a_list_and_is_done_once(
        self, known: str, tmp_path: Path
    ) -> None:
        listed = tmp_path / "ids"
        listed.write_text(f"{known}\n\n")
        assert json.loads(
            run(inform, "--list", str(listed), "--sent", "2026-11-01", "--json").output
        ) == {"recorded": 1}
        assert "0 recorded" in run(inform, known, "--sent", "2026-11-01").output
        assert json.loads(run(report, "informing", "--json").output)["due"] == []

    def test_what_cannot_be_recorded_is_one_line_without_the_id(self, known: str) -> None:
        output = run(inform, MAIJA, "--sent", "2026-11-01", code=1).output
        assert output.startswith("register: 1 of the ids")
        assert MAIJA not in output

    def test_nobody_is_wrong_usage(self, data_root: DataRoot) -> None:
        run(inform, "--sent", "2026-11-01", code=2)


class TestChecks:
    def check(self, data_root: DataRoot, day: str) -> dg.AssetCheckResult:
        result = documents_assets.nobody_overdue_to_be_informed(
            data_root=data_root, today=Today(as_of=day)
        )
        assert isinstance(result, dg.AssetCheckResult)
        return result

    @pytest.mark.clause("P6.6")
    def test_somebody_overdue_warns_by_count_and_stops_nothing(
        self, data_root: DataRoot, known: str
    ) -> None:
        assert self.check(data_root, "2026-12-01").passed
        late = self.check(data_root, "2026-12-02")
        assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert {
            name: value.value for name, value in late.metadata.items()
        } == information_duty.counts(data_root, date(2026, 12, 2))
        information_duty.record(data_root, [known], date(2026, 11, 21), date(2026, 11, 21))
        assert self.check(data_root, "2026-12-02").passed

    def test_conflicts_are_a_warning_with_counts_and_a_table(self, data_root: DataRoot) -> None:
        result = dg.materialize(
            documents_assets.ASSETS,
            resources={"today": Today(as_of="2026-11-20"), "data_root": data_root},
        )
        [check] = result.get_asset_check_evaluations()
        assert (check.check_name, check.passed, check.severity, check.blocking) == (
            "nothing_disagrees",
            False,
            dg.AssetCheckSeverity.WARN,
            False,
        )
        assert check.metadata["high"].value > 0
        assert "CONFLICT-PRIVACY-SHIELD" in str(check.metadata["conflicts"].value)

    def test_neither_stops_what_is_downstream(self) -> None:
        from pipelines.definitions import build_definitions

        graph = build_definitions().resolve_asset_graph()
        ours = [
            key
            for key in graph.asset_check_keys
            if key.name in ("nothing_disagrees", "nobody_overdue_to_be_informed")
        ]
        assert len(ours) == 2
        assert not [key for key in ours if graph.get_check_spec(key).blocking]


def test_the_policy_that_is_shipped_is_in_the_three_languages() -> None:
    assert set(load_policy().languages) == {"fi", "sv", "en"}
