"""Runs of commands belong to the code location, as those that the UI launches do."""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines import command_runs
from pipelines.command_runs import WORKSPACE, execute_as_location
from pipelines.sensors import failure_sensor


@dg.asset
def broken() -> None:
    raise dg.Failure("broken")


DEFINITIONS = dg.Definitions(
    assets=[broken],
    jobs=[dg.define_asset_job("refresh", selection=[broken])],
    executor=dg.in_process_executor,
)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def run_of_a_command(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that has failed."""
    run_id = str(uuid.uuid4())
    job = DEFINITIONS.resolve_job_def("refresh")
    result = execute_as_location(job, instance, run_id, tags={"note": "x"}, run_config=QUIET)
    assert not result.success
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run


def test_the_installed_dagster_has_what_they_build_on() -> None:
    """Fails when an upgrade renames or reshapes what `PRIVATE` lists: look at command_runs.py."""
    for name, parameters in command_runs.PRIVATE.items():
        assert set(parameters) <= set(inspect.signature(getattr(command_runs, name)).parameters)


def test_a_run_names_its_code_location_and_ends_as_it_ended(instance: dg.DagsterInstance) -> None:
    run = run_of_a_command(instance)
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert run.tags.items() >= {"dagster/code_location": "register", "note": "x"}.items()
    assert run.remote_job_origin is not None
    assert run.remote_job_origin.job_name == "refresh"


def test_a_failed_run_is_notified(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTER_HOME", str(tmp_path))

    def tick(cursor: str | None) -> str | None:
        [location] = command_runs.WorkspaceFileTarget([str(WORKSPACE)]).create_origins()
        with dg.SensorEvaluationContext(
            instance_ref=instance.get_ref(),
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=cursor,
            log_key=None,
            repository_name="__repository__",
            repository_def=DEFINITIONS.get_repository_def(),
            sensor_name="failure_sensor",
            code_location_origin=location,
        ) as context:
            return failure_sensor.evaluate_tick(context).cursor

    cursor = tick(None)
    run = run_of_a_command(instance)
    tick(cursor)
    [line] = (tmp_path / "notifications.jsonl").read_text().splitlines()
    assert json.loads(line) == {"job": "refresh", "run_id": run.run_id, "steps": ["broken"]}
