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
from assets.sources.all_sources import check_sources
from pipelines.jobs import jobs
from pipelines.resources import home_resource
from pipelines.schedules import schedules
from pipelines.sensors import SENSORS
from schemas import declarations
from schemas.policy import load_policy


def build_definitions(**resources: object) -> dg.Definitions:
    """The definitions, with resources of one's own where given. Raises PolicyError, DeclarationError or PurposeError.

    The pipeline does not start with a policy that does not hold, or with a column or source that the policy does not cover.
    """
    policy = load_policy()
    declarations.check(policy)
    check_sources(policy)
    logging.getLogger("dagster.redacted_errors").addFilter(_nothing)
    assets: list[Any] = [
        *deliveries.assets(policy),
        register.register(),
        *marts.assets(policy),
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
            *deliveries.checks(),
            *register.CHECKS,
            *retention.CHECKS,
            *accounts.CHECKS,
            *proof.CHECKS,
            *backups.CHECKS,
        ],
        jobs=jobs(policy),
        schedules=schedules(policy),
        sensors=SENSORS,
        resources={"home": home_resource, "today": deliveries.Today(), **resources},
        executor=dg.in_process_executor,
    )


def _nothing(_record: logging.LogRecord) -> bool:
    """Filter out every message of a logger.

    Dagster redacts what user code raises from its event log, and logs the original to a logger of
    its own; nobody may keep that. A filter, because Dagster's set-up of logging enables a logger
    that was disabled.
    """
    return False


defs = build_definitions()
