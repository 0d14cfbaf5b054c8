"""Runs of commands belong to the code location, as those that the UI launches do."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import dagster as dg
import pytest

from assets.storage.data_root import DataRoot
from pipelines import command_runs, watch
from pipelines.command_runs import execute_as_location
from pipelines.watch import Watched


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


def test_a_failed_run_is_seen_by_the_watch(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run = run_of_a_command(instance)
    data_root = DataRoot(tmp_path)
    now = datetime.now(data_root.policy.zone)
    [problem] = watch.runs(Watched(data_root, instance, DEFINITIONS.get_repository_def(), now))
    assert (problem.job, problem.run_id, problem.steps) == ("refresh", run.run_id, ("broken",))


def test_a_listener_is_called_with_each_event(instance: dg.DagsterInstance) -> None:
    kinds: list[str] = []
    execute_as_location(
        DEFINITIONS.resolve_job_def("refresh"),
        instance,
        str(uuid.uuid4()),
        tags={},
        run_config=QUIET,
        listen=lambda event: kinds.append(event.get_dagster_event().event_type_value),
    )
    assert "STEP_START" in kinds
    assert "STEP_FAILURE" in kinds
