"""Runs of commands, recorded as runs of the code location: the UI lists them under their job and in
its timeline, and the sensors of failures see them.

Dagster's `execute_in_process` records a run without its code location, which the UI and the sensors
take for somebody else's. So the run is created here with it, by names that Dagster does not
document: `PRIVATE` lists them, and a test compares the installed Dagster with the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.execution.job_execution_result import JobExecutionResult
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import CODE_LOCATION_TAG
from dagster._core.workspace.load_target import WorkspaceFileTarget

from assets.storage.actor import operating_system_user
from pipelines.users import USER_TAG

WORKSPACE = Path(str(files("pipelines"))).parent / "workspace.yaml"
LOCATION = "register"
"""The name of the code location in every workspace file."""
PRIVATE: Mapping[str, tuple[str, ...]] = {
    "InMemoryJob": ("job_def",),
    "execute_run": ("job", "dagster_run", "instance"),
}


def execute_as_location(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    run_id: str,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any],
    listen: Callable[[dg.EventLogEntry], None] | None = None,
) -> JobExecutionResult:
    """Run a job in this process as a run of the code location, and return how it ended.

    What a step raises ends the run as failed and is among the result's events.

    Args:
        listen: Called with each event of the run when it has been stored.
    """
    run = instance.create_run_for_job(
        job_def=job,
        run_id=run_id,
        run_config=run_config,
        tags={**job.run_tags, USER_TAG: operating_system_user(), **tags},
        remote_job_origin=_origin(job.name),
    )
    if listen is not None:
        instance.add_event_listener(run_id, listen)
    return execute_run(InMemoryJob(job), run, instance)


def is_foreign(run: dg.DagsterRun) -> bool:
    """Return whether a run is of another code location of the same Dagster instance."""
    return run.tags.get(CODE_LOCATION_TAG, LOCATION) != LOCATION


def _origin(job_name: str) -> RemoteJobOrigin:
    """Return where the job comes from, as the webserver and the daemon name it."""
    [location] = WorkspaceFileTarget([str(WORKSPACE)]).create_origins()
    return RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(job_name)
