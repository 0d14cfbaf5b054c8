"""Everything that Dagster loads, built by one function so that tests build it too."""

from __future__ import annotations

import logging
from typing import Any

import dagster as dg

from assets.graph import (
    accounts,
    backups,
    deliveries,
    erasure,
    janitor,
    marts,
    proof,
    register,
    requests,
    retention,
)
from assets.sources import check_sources
from pipelines.jobs import JOBS
from pipelines.resources import home_resource
from pipelines.schedules import morning_requests, nightly_refresh, nightly_rotation, weekly_janitor
from pipelines.sensors import SENSORS
from schemas import declarations
from schemas.policy import load_policy


def build_definitions(**resources: object) -> dg.Definitions:
    """The definitions, with resources of one's own where given. Raises PolicyError, DeclarationError or PurposeError.

    The pipeline does not start with a policy that does not hold, or with a column or source that the policy does not cover.
    """
    declarations.check(load_policy())
    check_sources(load_policy())
    assets: list[Any] = [
        *deliveries.ASSETS,
        *register.ASSETS,
        *marts.ASSETS,
        *retention.ASSETS,
        *erasure.ASSETS,
        *accounts.ASSETS,
        *janitor.ASSETS,
        *requests.ASSETS,
        *backups.ASSETS,
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            *deliveries.CHECKS,
            *register.CHECKS,
            *retention.CHECKS,
            *accounts.CHECKS,
            *proof.CHECKS,
            *backups.CHECKS,
        ],
        jobs=JOBS,
        schedules=[nightly_refresh, nightly_rotation, morning_requests, weekly_janitor],
        sensors=SENSORS,
        resources={"home": home_resource, "today": deliveries.Today(), **resources},
        executor=dg.in_process_executor,
    )


# Dagster redacts what user code raises from its event log, and logs the original here; nobody may keep that. A filter,
# because Dagster's own set-up of logging enables a logger that was disabled.
logging.getLogger("dagster.redacted_errors").addFilter(lambda record: False)

defs = build_definitions()
