"""Assets of what connectors fetch: one per connector, into the inbox of the day."""

from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg

from assets.connectors.connector import Connector, Fetching
from assets.connectors.web_api import FetchError
from assets.dagster_support.metadata import numbers, without_values
from assets.dagster_support.runs import ONE_RUN
from assets.ingest.assets import DeliveryDays
from schemas.policy.model import Policy


def fetched_asset(
    name: str, connector: Connector, policy: Policy, days: DeliveryDays
) -> dg.AssetsDefinition:
    """Return the asset that fetches what is new. It holds no lock while it waits for a server."""

    @dg.asset(
        key=["fetched", name],
        group_name="fetched",
        description=(
            f"What a server has for {connector.origin} since the last fetch, put into the inbox as "
            f"deliveries of {', '.join(connector.dataset_names)}."
        ),
        kinds={"api"},
        owners=[policy.sources[connector.origin].owner],
        partitions_def=days,
        backfill_policy=ONE_RUN,
    )
    @without_values
    def fetch(
        context: dg.AssetExecutionContext, fetching: dg.ResourceParam[Fetching]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        if context.partition_keys != [str(fetching.today)]:
            raise FetchError("FETCH-DAY")
        return dg.MaterializeResult(metadata=numbers(asdict(connector.fetch(name, fetching))))

    return fetch


def wrong_configuration(error: FetchError, days: DeliveryDays) -> dg.AssetsDefinition:
    """Return the asset that stands for all connectors while their file is not valid.

    It fails with what is wrong, each night, and stops nothing else.
    """

    @dg.asset(
        key=["fetched", "configuration"],
        group_name="fetched",
        description="Fails until `connectors.yaml` is right; nothing is fetched meanwhile.",
        partitions_def=days,
        backfill_policy=ONE_RUN,
    )
    @without_values
    def configuration() -> None:
        raise error

    return configuration


def assets(
    connectors: Mapping[str, Connector] | FetchError, policy: Policy, days: DeliveryDays
) -> list[dg.AssetsDefinition]:
    """Return the assets of all connectors; of a file that is not valid, one that says so."""
    if isinstance(connectors, FetchError):
        return [wrong_configuration(connectors, days)]
    return [fetched_asset(name, connector, policy, days) for name, connector in connectors.items()]
