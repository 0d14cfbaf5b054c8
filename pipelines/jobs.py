"""The jobs of schedules and sensors: refresh (the main one), ingest, retention and others."""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.dagster_support.runs import policy_tags
from schemas.policy.model import Policy

_DELIVERED = dg.AssetSelection.groups("raw", "staged")
_PUBLISHED = dg.AssetSelection.groups("register", "built", "marts")
_RETENTION = dg.AssetSelection.groups("retention")
_POLICY = dg.AssetSelection.groups("policy")
_REQUESTS = dg.AssetSelection.groups("requests")

REFRESH = dg.define_asset_job(
    "refresh",
    selection=_DELIVERED | _PUBLISHED | _RETENTION | _POLICY | _REQUESTS,
    executor_def=dg.in_process_executor,
    description="Ingest the deliveries of the chosen days, build the register, publish the marts.",
)
INGEST = dg.define_asset_job(
    "ingest",
    selection=_DELIVERED,
    executor_def=dg.in_process_executor,
    description="Ingest the deliveries of the chosen days, without building the register yet.",
)
RETENTION = dg.define_asset_job(
    "retention",
    selection=_PUBLISHED | _RETENTION | _POLICY | _REQUESTS,
    executor_def=dg.in_process_executor,
    description=(
        "Build the register as of today, publish the marts, and remove expired data from every "
        "layer."
    ),
)
ERASURE_BACKFILL = dg.define_asset_job(
    "erasure_backfill",
    selection=dg.AssetSelection.groups("erasure", "erased") | _PUBLISHED,
    executor_def=dg.in_process_executor,
    description=(
        "Erase the registrants of the chosen requests from every layer; select pending ones and "
        "launch one backfill."
    ),
)
JANITOR = dg.define_asset_job(
    "janitor",
    selection=dg.AssetSelection.assets(["upkeep", "dagster_storage"]),
    executor_def=dg.in_process_executor,
    description=(
        "Remove old runs, events, ticks, backfills, logs and request keys from Dagster's own "
        "storage."
    ),
)
REQUESTS = dg.define_asset_job(
    "requests",
    selection=_REQUESTS,
    executor_def=dg.in_process_executor,
    description="Check the requests: overdue or due soon, and unacknowledged notices.",
)
ROTATION = dg.define_asset_job(
    "rotation",
    selection=dg.AssetSelection.assets(["upkeep", "backups"]),
    executor_def=dg.in_process_executor,
    description="Destroy the backups that are older than the policy's period for backups.",
)
FILES = dg.define_asset_job(
    "files",
    selection=dg.AssetSelection.assets(["upkeep", "files"]),
    executor_def=dg.in_process_executor,
    description="Read every file and compare it with what is recorded of it.",
)
DASHBOARD = dg.define_asset_job(
    "dashboard",
    selection=dg.AssetSelection.groups("reports"),
    executor_def=dg.in_process_executor,
    description="Draw the dashboard of the register as it was last built.",
)
FETCH = dg.define_asset_job(
    "fetch",
    selection=dg.AssetSelection.groups("fetched"),
    executor_def=dg.in_process_executor,
    description="Fetch what vendors' servers have into the inbox of the day.",
)
JOBS = [REFRESH, INGEST, RETENTION, ERASURE_BACKFILL, JANITOR, ROTATION, REQUESTS, FILES, DASHBOARD]


def jobs(policy: Policy, *, fetching: bool = False) -> list[Any]:
    """Return the jobs; their runs are tagged with the policy's version and hash.

    Args:
        fetching: Whether any connector is configured.
    """
    tags = policy_tags(policy)
    return [
        dg.define_asset_job(
            job.name,
            selection=job.selection,
            executor_def=job.executor_def,
            tags=tags,
            description=job.description,
        )
        for job in (*JOBS, *[FETCH] * fetching)
    ]
