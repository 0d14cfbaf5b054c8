"""Which instance commands report to: the team's where DAGSTER_HOME names one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets.storage.data_root import DataRoot
from pipelines.command_runs import is_foreign
from pipelines.dagster_home import dagster_home, is_begun, prepare_dagster
from pipelines.dagster_instance import TeamInstanceError, check_settings, opened
from tests.support.team import DEPLOY

QUIET = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
del QUIET["storage"]


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes a team's folder with these settings, and names it."""

    def make(settings: str) -> Path:
        folder = tmp_path / "team"
        folder.mkdir()
        (folder / "dagster.yaml").write_text(settings)
        monkeypatch.setenv("DAGSTER_HOME", str(folder))
        return folder

    return make


def test_a_team_s_instance_is_used_and_its_settings_left_alone(
    team: Callable[[str], Path], data_root: DataRoot
) -> None:
    settings = yaml.safe_dump(QUIET)
    folder = team(settings)
    prepare_dagster(data_root.root)
    assert (os.environ["DAGSTER_HOME"], dagster_home(data_root.root)) == (str(folder), folder)
    assert (folder / "dagster.yaml").read_text() == settings
    assert not (data_root.dagster / "dagster.yaml").exists()
    assert is_begun(data_root.root)
    with opened(data_root.root) as instance:
        assert instance.root_directory == str(folder)


def test_a_data_root_keeps_its_own_where_the_variable_names_none(
    data_root: DataRoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = DataRoot(tmp_path / "other")
    other.create()
    (other.dagster / "dagster.yaml").write_text("{}")
    for named in ("", str(tmp_path), str(tmp_path / "not there"), str(other.dagster)):
        monkeypatch.setenv("DAGSTER_HOME", named)
        assert dagster_home(data_root.root) == data_root.dagster
    prepare_dagster(data_root.root)
    assert dagster_home(other.root) == other.dagster


def test_an_instance_that_stores_what_steps_print_is_refused(
    team: Callable[[str], Path], data_root: DataRoot
) -> None:
    team("telemetry: {enabled: false}\n")
    with pytest.raises(TeamInstanceError, match="compute_logs"):
        opened(data_root.root)


def test_settings_that_cannot_be_followed_are_a_line_that_says_what_to_compare(
    team: Callable[[str], Path], data_root: DataRoot
) -> None:
    team("run_storage: {module: no_such_module, class: Storage}\n")
    with pytest.raises(TeamInstanceError, match=r"deploy/dagster\.yaml"):
        opened(data_root.root)


def test_an_instance_in_memory_stores_nothing() -> None:
    check_settings(dg.DagsterInstance.ephemeral())


def test_runs_of_other_code_locations_are_foreign() -> None:
    tags = {"ours": {"dagster/code_location": "register"}, "old": {}, "other": {}}
    tags["other"] = {"dagster/code_location": "sales"}
    runs = {name: dg.DagsterRun("job", tags=each) for name, each in tags.items()}
    assert [name for name, run in runs.items() if is_foreign(run)] == ["other"]
