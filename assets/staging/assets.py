"""raw -> staged, quarantine: per source, partitioned by delivery day."""

from collections import Counter
from functools import partial

import dagster as dg

from assets.dagster_support.metadata import (
    column_schema,
    counts_table,
    numbers,
    stops,
    without_values,
)
from assets.dagster_support.runs import ONE_RUN, WRITER
from assets.ingest import deliveries
from assets.ingest.assets import DeliveryDays
from assets.ingest.deliveries import Entry
from assets.ingest.fault_isolation import UNEXPECTED
from assets.sources.all_sources import SOURCES
from assets.sources.source import Source
from assets.staging import staged
from assets.storage.data_root import DataRoot
from schemas.columns import TableModel, table_name
from schemas.policy.model import Policy
from schemas.statement import Statement

# Datasets that a column's description lists.
_NAMED = 3
REFRESHING = ("refresh", "ingest")


def staged_asset(source: Source, policy: Policy, days: DeliveryDays) -> dg.AssetsDefinition:
    """The asset that turns a source's raw records into canonical frames, with its checks."""
    models: dict[str, type[TableModel]] = {
        table_name(frame.model): frame.model
        for dataset in source.datasets
        for frame in dataset.frames
    }
    schema = column_schema(models, "staged", partial(_origin, source), shared=Statement)
    payload = dg.TableColumnDep(dg.AssetKey(["raw", source.name]), "payload")
    lineage = dg.TableColumnLineage({column.name: [payload] for column in schema.columns})

    @dg.multi_asset(
        name=f"stage_{source.name}",
        specs=[
            dg.AssetSpec(
                ["staged", source.name],
                deps=[["raw", source.name]],
                group_name="staged",
                kinds={"parquet", "pandera"},
                description=f"Canonical frames of {source.name} that passed their Pandera models.",
                owners=[policy.sources[source.name].owner],
                metadata={"dagster/column_schema": schema, "dagster/column_lineage": lineage},
            ),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "conservation",
                asset=["staged", source.name],
                blocking=True,
                description=(
                    "delivered = staged + quarantined + suppressed + duplicates + expired + "
                    "unsubscribed, by "
                    "count and by key"
                ),
            ),
            dg.AssetCheckSpec(
                "quarantine_is_small",
                asset=["staged", source.name],
                description="no more than one record in twenty of these days is in quarantine",
            ),
            dg.AssetCheckSpec(
                "nothing_flagged",
                asset=["staged", source.name],
                description=(
                    "no delivery of these days left out what a rule had to replace by the day of "
                    "the delivery"
                ),
            ),
            dg.AssetCheckSpec(
                "nothing_unexpected",
                asset=["staged", source.name],
                description="our own code failed on no record of these days (REC-UNEXPECTED)",
            ),
        ],
        partitions_def=days,
        backfill_policy=ONE_RUN,
        pool=WRITER,
    )
    @without_values
    def stage(  # type: ignore[no-untyped-def]  # noqa: ANN202
        context: dg.AssetExecutionContext,
        data_root: dg.ResourceParam[DataRoot],
    ):
        chosen = set(context.partition_keys)
        staged.stage(data_root, source, chosen, again=context.job_name not in REFRESHING)
        entries = [
            entry
            for day in sorted(chosen)
            for entry in deliveries.ledger(data_root, source.name, day)
        ]
        total = Counter(staged.totals(entries))
        codes: Counter[str] = Counter()
        flagged: Counter[str] = Counter()
        for entry in entries:
            codes.update(entry.codes or {})
            flagged.update(entry.flagged or {})
        unexpected = staged.unexpected(data_root, entries)
        for place, count in sorted(unexpected.items()):
            context.log.warning(f"{UNEXPECTED}: {count} records: {place}")
        yield dg.MaterializeResult(
            asset_key=["staged", source.name],
            metadata={
                "dagster/row_count": total["staged"],
                **numbers(total),
                **numbers(codes, "failures_"),
                "codes": counts_table(["rule", "failures"], sorted(codes.items())),
                "flagged": counts_table(["rule", "rows used"], sorted(flagged.items())),
                "unexpected": counts_table(["place", "records"], sorted(unexpected.items())),
                "per_delivery": _per_delivery(entries),
            },
        )
        lost = staged.lost_by_key(data_root, entries)
        wrong = lost + sum(not entry.conserved for entry in entries)
        yield dg.AssetCheckResult(
            asset_key=["staged", source.name],
            check_name="conservation",
            passed=wrong == 0,
            description=stops("conservation", wrong),
            metadata={
                "found": wrong,
                "deliveries": len(entries),
                "lost_by_key": lost,
                "per_delivery": _per_delivery(entries),
                **numbers(total),
            },
        )
        yield dg.AssetCheckResult(
            asset_key=["staged", source.name],
            check_name="quarantine_is_small",
            severity=dg.AssetCheckSeverity.WARN,
            passed=total["quarantined"] * 20 <= total["delivered"],
            metadata={"quarantined": total["quarantined"], "delivered": total["delivered"]},
        )
        yield dg.AssetCheckResult(
            asset_key=["staged", source.name],
            check_name="nothing_flagged",
            severity=dg.AssetCheckSeverity.WARN,
            passed=not flagged,
            metadata={
                "rows": flagged.total(),
                "per_rule": counts_table(["rule", "rows used"], sorted(flagged.items())),
            },
        )
        yield dg.AssetCheckResult(
            asset_key=["staged", source.name],
            check_name="nothing_unexpected",
            severity=dg.AssetCheckSeverity.WARN,
            passed=not unexpected,
            metadata={
                "records": unexpected.total(),
                "places": counts_table(["place", "records"], sorted(unexpected.items())),
            },
        )

    return stage


def _origin(source: Source, column: str) -> str:
    """Return a sentence of the datasets that a column of a frame is parsed from."""
    table, _, stated = column.partition(".")
    if not stated:
        return f"From {source.name}; in every table."
    filling = [
        dataset.name
        for dataset in source.datasets
        if any(table_name(frame.model) == table for frame in dataset.frames)
    ]
    more = f" and {len(filling) - _NAMED} more" if len(filling) > _NAMED else ""
    return f"From {source.name}: {', '.join(filling[:_NAMED])}{more}."


def _per_delivery(entries: list[Entry]) -> dg.MarkdownMetadataValue:
    names = (
        "delivered",
        "staged",
        "quarantined",
        "suppressed",
        "duplicates",
        "expired",
        "unsubscribed",
    )
    return counts_table(
        ["delivery", "dataset", *names],
        [
            [e.delivery_id[:8], e.dataset, *(getattr(e, name) for name in names)]
            for e in entries[-50:]
        ],
    )


def assets(policy: Policy, days: DeliveryDays) -> list[dg.AssetsDefinition]:
    """Return every source's staged asset."""
    return [staged_asset(source, policy, days) for source in SOURCES]
