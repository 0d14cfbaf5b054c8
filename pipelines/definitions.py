"""Everything that Dagster loads, built by one function so that tests build it too."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from assets.backup import assets as backup_assets
from assets.connectors import assets as connectors_assets
from assets.connectors.connector import Connector
from assets.connectors.web_api import FetchError
from assets.dagster_support.metadata import with_guide
from assets.dagster_support.runs import Today
from assets.documents import assets as documents_assets
from assets.erasure import assets as erasure_assets
from assets.erasure.proof import assets as proof_assets
from assets.ingest import assets as ingest_assets
from assets.ingest.deliveries import FIRST_DAY
from assets.marts import assets as marts_assets
from assets.register import assets as register_assets
from assets.retention import assets as retention_assets
from assets.rights import assets as rights_assets
from assets.sources.all_sources import check_sources
from assets.staging import assets as staging_assets
from assets.storage.data_root import DataRoot
from pipelines import janitor, openlineage
from pipelines.connectors import configured, connectors_file
from pipelines.days import first_day_offered
from pipelines.jobs import jobs
from pipelines.resources import (
    data_root_resource,
    fetching_resource,
    unchecked_data_root_resource,
)
from pipelines.schedules import schedules
from pipelines.sensors import SENSORS
from pipelines.writer_lock import data_root_path
from schemas import declarations
from schemas.policy.loader import load_policy, policy_file


def build_definitions(first_day: date = FIRST_DAY, **resources: object) -> dg.Definitions:
    """Return the definitions; `resources` replace the default ones. Delivery days, which are
    partitions, begin on `first_day`.

    The pipeline does not start with an invalid policy, or with a column or source that the policy
    does not cover. With an invalid `connectors.yaml` nothing is fetched, and the rest goes on.

    Raises:
        PolicyError, DeclarationError, PurposeError: What is invalid.
    """
    policy = load_policy()
    declarations.check(policy)
    check_sources(policy)
    logging.getLogger("dagster.redacted_errors").addFilter(_drop)
    connectors: Mapping[str, Connector] | FetchError
    fetched: dict[str, list[str]] = {}
    try:
        connectors = configured()
        for name, connector in connectors.items():
            fetched.setdefault(connector.origin, []).append(name)
    except FetchError as error:
        connectors = error
    days = ingest_assets.days(policy, first_day)
    fetching = connectors_assets.assets(connectors, policy, days)
    assets: list[Any] = [
        *fetching,
        *ingest_assets.assets(policy, fetched, days),
        *staging_assets.assets(policy, days),
        register_assets.register(),
        *marts_assets.assets(policy),
        *retention_assets.ASSETS,
        *erasure_assets.ASSETS,
        *documents_assets.ASSETS,
        *janitor.ASSETS,
        *rights_assets.ASSETS,
        *backup_assets.ASSETS,
    ]
    return dg.Definitions(
        assets=list(dg.map_asset_specs(with_guide, assets)),
        asset_checks=[
            *ingest_assets.checks(),
            *register_assets.CHECKS,
            *marts_assets.CHECKS,
            *retention_assets.CHECKS,
            *documents_assets.CHECKS,
            *proof_assets.CHECKS,
            *backup_assets.CHECKS,
        ],
        jobs=jobs(policy, fetching=bool(fetching)),
        schedules=schedules(policy, fetching=bool(fetching)),
        sensors=[*SENSORS, *openlineage.sensors()],
        resources={
            "data_root": data_root_resource,
            "fetching": fetching_resource,
            "unchecked_data_root": unchecked_data_root_resource,
            "today": Today(),
            **resources,
        },
        executor=dg.in_process_executor,
    )


def _drop(_record: logging.LogRecord) -> bool:
    """Filter out every message of a logger.

    Dagster redacts what user code raises from its event log, and logs the original to a separate
    logger, which must not be stored. A filter, because Dagster's set-up of logging enables a
    disabled logger again.
    """
    return False


@dg.definitions
def defs() -> dg.Definitions:
    """Return what Dagster loads. Called when it loads the module's definitions, not at import.

    The UI offers the days from the earliest delivery on. A later one of an earlier day needs a
    reload of the code location.
    """
    return definitions_under(policy_file(), first_day_offered(DataRoot(data_root_path())))


def definitions_under(policy: Path, first_day: date = FIRST_DAY) -> dg.Definitions:
    """Return the definitions under the policy and connectors in force, built once in a process."""
    return _definitions_under(policy, connectors_file(), first_day)


@lru_cache
def _definitions_under(
    _policy_file: Path, _connectors_file: Path | None, first_day: date
) -> dg.Definitions:
    return build_definitions(first_day)
