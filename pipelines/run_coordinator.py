"""The queue of runs, which tags each run that somebody launches in the UI with who that is.

`AttributingRunCoordinator` is named in `dagster.yaml`, Dagster's extension point for a queue of
one's own (https://dagster.io/docs/deployment/execution/run-coordinators).
"""

from __future__ import annotations

from dagster import DagsterRun
from dagster._core.run_coordinator import QueuedRunCoordinator, SubmitRunContext
from dagster._core.workspace.context import WorkspaceRequestContext

from assets.storage.actor import operating_system_user
from pipelines.users import USER_TAG, user_of


class AttributingRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue; runs that schedules, sensors and backfills launch keep their own tags."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Tag a run of the UI with its user, and queue it."""
        workspace = context.workspace
        if isinstance(workspace, WorkspaceRequestContext) and workspace.source is not None:
            headers = getattr(workspace.source, "headers", {})
            user = user_of(headers) or operating_system_user()
            self._instance.add_run_tags(context.dagster_run.run_id, {USER_TAG: user})
        return super().submit_run(context)
