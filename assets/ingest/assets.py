"""Assets from the inbox to raw: one per source, partitioned by delivery day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from assets.dagster_support.metadata import (
    column_schema,
    counts_table,
    numbers,
    stops,
    without_values,
)
from assets.dagster_support.runs import ONE_RUN, WRITER, Today
from assets.ingest import deliveries, raw, suppression
from assets.ingest.deliveries import Entry
from assets.ingest.restaging import staged_again
from assets.sources.all_sources import SOURCES
from assets.sources.source import Source
from assets.storage.data_root import DataRoot
from schemas.policy.model import Policy
from schemas.raw import Raw

COLUMNS_CHECK = "no_column_lost"


class DeliveryDays(dg.DailyPartitionsDefinition):
    """Days from the first possible delivery up to today.

    Dagster asks for all of them whenever an asset without partitions depends on one with them, 18
    times in a refresh. Its own way, by a schedule's times, takes a hundred times as long.
    """

    def get_partition_keys(
        self,
        current_time: datetime | None = None,
        dynamic_partitions_store: Any = None,
    ) -> Sequence[str]:
        """Return the days as YYYY-MM-DD."""
        with dg.partition_loading_context(current_time, dynamic_partitions_store):
            last = self.get_last_partition_key()
        if last is None:
            return []
        first = self.start.date()
        return [
            str(first + timedelta(days=number))
            for number in range((date.fromisoformat(last) - first).days + 1)
        ]


def days(policy: Policy, first: date) -> DeliveryDays:
    """Return the partitions: the delivery days from the first on, in the policy's time zone,
    including today.
    """
    return DeliveryDays(str(first), timezone=policy.time_zone, end_offset=1)


def _before(source: Source, policy: Policy) -> list[dg.AssetKey]:
    """Return what is ingested first: where intake is limited to known people, all other sources."""
    if policy.sources[source.name].subscription != "known":
        return []
    return [dg.AssetKey(["raw", other.name]) for other in SOURCES if other is not source]


def raw_asset(source: Source, policy: Policy, days: DeliveryDays) -> dg.AssetsDefinition:
    """Return the asset that ingests the deliveries of a source."""
    origin = f"From deliveries of {source.name}."

    @dg.asset(
        key=["raw", source.name],
        deps=[dg.AssetKey(["inbox", source.name]), *_before(source, policy)],
        group_name="raw",
        description=(
            f"{source.description}: every record as it was delivered, minimised, "
            "one Parquet file per delivery."
        ),
        kinds={"parquet"},
        owners=[policy.sources[source.name].owner],
        partitions_def=days,
        backfill_policy=ONE_RUN,
        pool=WRITER,
        metadata={"dagster/column_schema": column_schema({"": Raw}, "raw", lambda _: origin)},
        check_specs=[
            dg.AssetCheckSpec(
                COLUMNS_CHECK,
                asset=["raw", source.name],
                description="no delivery of these days lacks a column that an earlier one had",
            )
        ],
    )
    @without_values
    def ingest(
        context: dg.AssetExecutionContext, data_root: dg.ResourceParam[DataRoot], today: Today
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        chosen = set(context.partition_keys)
        done = raw.ingest(data_root, source, chosen, today.last_delivery_day)
        again = staged_again(data_root, source, done.entries)
        for place, refusal in done.refused:
            context.log.warning(f"refused: {place}: {refusal}")
        entries = [
            entry for day in chosen for entry in deliveries.ledger(data_root, source.name, day)
        ]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(
                    entry.delivered - entry.suppressed - entry.expired - entry.unsubscribed
                    for entry in entries
                ),
                "deliveries": len(done.entries),
                "redelivered": done.redelivered,
                "refused": len(done.refused),
                "corrected": sum(bool(entry.corrects) for entry in done.entries),
                "blank_columns": sum(entry.blank_columns for entry in done.entries),
                "dropped_columns": sum(entry.dropped_columns for entry in done.entries),
                "days_to_stage_again": len(again - chosen),
                **numbers(
                    {
                        "delivered": sum(e.delivered for e in done.entries),
                        "suppressed": sum(e.suppressed for e in done.entries),
                        "unsubscribed": sum(e.unsubscribed for e in done.entries),
                    }
                ),
                "refusals": counts_table(["which", "why"], done.refused),
            },
            check_results=[
                _columns_result(deliveries.columns_lost(data_root, source.name, chosen))
            ],
        )

    return ingest


def _columns_result(lost: list[tuple[Entry, list[str]]]) -> dg.AssetCheckResult:
    """Return a warning about deliveries that lack columns which their dataset had before.

    The earlier values of those columns stay in force.
    """
    rows = [[e.day, e.delivery_id[:8], e.dataset, ", ".join(columns)] for e, columns in lost]
    return dg.AssetCheckResult(
        check_name=COLUMNS_CHECK,
        passed=not lost,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "deliveries": len(lost),
            "columns": counts_table(["day", "delivery", "dataset", "columns"], rows),
        },
    )


def refusals_check(source: Source) -> dg.AssetChecksDefinition:
    """Return the check that warns while a refused delivery of the source is in the inbox."""

    @dg.asset_check(
        asset=["raw", source.name],
        name="nothing_refused",
        description="no delivery waits in the inbox because it was refused",
    )
    @without_values
    def nothing_refused(data_root: dg.ResourceParam[DataRoot]) -> dg.AssetCheckResult:
        count = sum(1 for _ in deliveries.waiting(data_root, source.name))
        return dg.AssetCheckResult(
            passed=count == 0, severity=dg.AssetCheckSeverity.WARN, metadata={"waiting": count}
        )

    return nothing_refused


def suppression_check(source: Source) -> dg.AssetChecksDefinition:
    """Return the check that blocks downstream assets when raw has an erased registrant."""

    @dg.asset_check(
        asset=["raw", source.name],
        name="nobody_suppressed",
        blocking=True,
        description="raw holds no record of a registrant who has been erased",
    )
    @without_values
    def nobody_suppressed(data_root: dg.ResourceParam[DataRoot]) -> dg.AssetCheckResult:
        count = suppression.count_suppressed_in_raw(data_root, source.name)
        return dg.AssetCheckResult(
            passed=count == 0,
            description=stops("nobody_suppressed", count),
            metadata={"found": count},
        )

    return nobody_suppressed


def inbox(source: Source, policy: Policy, fetched: Iterable[str] = ()) -> dg.AssetSpec:
    """Return the external asset of a source: its deliveries, by hand and by connectors."""
    return dg.AssetSpec(
        ["inbox", source.name],
        deps=[dg.AssetKey(["fetched", name]) for name in fetched],
        group_name="inbox",
        description=f"What {source.name} delivers: data files with manifests.",
        # Dagster shows three at most.
        kinds=set(sorted({dataset.format.kind for dataset in source.datasets})[:3]),
        owners=[policy.sources[source.name].owner],
    )


def assets(
    policy: Policy, fetched: Mapping[str, Iterable[str]], days: DeliveryDays
) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """Return the inbox and raw assets of all sources.

    Args:
        fetched: Source -> the connectors that fetch for it.
    """
    return [
        *[inbox(source, policy, fetched.get(source.name, ())) for source in SOURCES],
        *[raw_asset(source, policy, days) for source in SOURCES],
    ]


def checks() -> list[dg.AssetChecksDefinition]:
    """Return the checks of all sources that no asset makes itself."""
    return [check(source) for source in SOURCES for check in (refusals_check, suppression_check)]
