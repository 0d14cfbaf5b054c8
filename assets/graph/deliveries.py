"""inbox -> raw -> staged, quarantine: per source, partitioned by delivery day."""

from collections import Counter
from datetime import date, datetime

import dagster as dg

from assets import deliveries, raw, staged, suppression
from assets.deliveries import Entry
from assets.graph.showing import column_schema, counts_table, numbers, stops, without_values
from assets.home import Home
from assets.isolation import UNEXPECTED
from assets.sources.all_sources import SOURCES
from assets.sources.source import Source
from schemas.columns import TableModel, table_name
from schemas.policy import Policy, load_policy
from schemas.raw import Raw

ONE_RUN = dg.BackfillPolicy.single_run()
WRITER = "lake"
COLUMNS_CHECK = "no_column_lost"
REFRESHING = ("refresh", "ingest")


class Today(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The day that a run counts from: `as_of` (YYYY-MM-DD), or the calendar day in the policy's time zone."""

    as_of: str | None = None

    @property
    def last_delivery_day(self) -> date:
        """No delivery is of a later day: a run that counts from a day that has gone takes in what has come since."""
        return max(self.date, datetime.now(load_policy().zone).date())

    @property
    def date(self) -> date:
        return (
            date.fromisoformat(self.as_of)
            if self.as_of
            else datetime.now(load_policy().zone).date()
        )


def days(policy: Policy) -> dg.DailyPartitionsDefinition:
    """The partitions: a day of delivery each, in the policy's time zone, today's too."""
    return dg.DailyPartitionsDefinition(
        str(deliveries.FIRST_DAY), timezone=policy.time_zone, end_offset=1
    )


def raw_asset(source: Source, policy: Policy) -> dg.AssetsDefinition:
    """The asset that takes in what a source has delivered."""

    @dg.asset(
        key=["raw", source.name],
        deps=[dg.AssetKey(["inbox", source.name])],
        group_name="raw",
        description=f"{source.description}: every record as it was delivered, minimised, one Parquet file per delivery.",
        kinds={"parquet"},
        owners=[policy.sources[source.name].owner],
        partitions_def=days(policy),
        backfill_policy=ONE_RUN,
        pool=WRITER,
        metadata={"dagster/column_schema": column_schema({"": Raw}, "raw")},
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
        context: dg.AssetExecutionContext, home: dg.ResourceParam[Home], today: Today
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        days = set(context.partition_keys)
        done = raw.ingest(home, source, days, today.last_delivery_day)
        again = staged.staged_again(home, source, done.entries)
        for place, refusal in done.refused:
            context.log.warning(f"refused: {place}: {refusal}")
        book = [entry for day in days for entry in deliveries.book(home, source.name, day)]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(
                    entry.delivered - entry.suppressed - entry.expired for entry in book
                ),
                "deliveries": len(done.entries),
                "redelivered": done.redelivered,
                "refused": len(done.refused),
                "corrected": sum(bool(entry.corrects) for entry in done.entries),
                "blank_columns": sum(entry.blank_columns for entry in done.entries),
                "dropped_columns": sum(entry.dropped_columns for entry in done.entries),
                "days_to_stage_again": len(again - days),
                **numbers(
                    {
                        "delivered": sum(e.delivered for e in done.entries),
                        "suppressed": sum(e.suppressed for e in done.entries),
                    }
                ),
                "refusals": counts_table(["which", "why"], done.refused),
            },
            check_results=[_columns_result(deliveries.columns_lost(home, source.name, days))],
        )

    return ingest


def _columns_result(lost: list[tuple[Entry, list[str]]]) -> dg.AssetCheckResult:
    """Warns of deliveries without columns that their dataset had before: what those said still counts."""
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


def staged_asset(source: Source, policy: Policy) -> dg.AssetsDefinition:
    """The asset that turns a source's raw records into canonical frames, with its checks."""
    models: dict[str, type[TableModel]] = {
        table_name(frame.model): frame.model
        for dataset in source.datasets
        for frame in dataset.frames
    }
    schema = column_schema(models, "staged")
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
                description="delivered = staged + quarantined + suppressed + duplicates + expired, by count and by key",
            ),
            dg.AssetCheckSpec(
                "quarantine_is_small",
                asset=["staged", source.name],
                description="no more than one record in twenty of these days is in quarantine",
            ),
            dg.AssetCheckSpec(
                "nothing_unexpected",
                asset=["staged", source.name],
                description="our own code failed on no record of these days (REC-UNEXPECTED)",
            ),
        ],
        partitions_def=days(policy),
        backfill_policy=ONE_RUN,
        pool=WRITER,
    )
    @without_values
    def stage(context: dg.AssetExecutionContext, home: dg.ResourceParam[Home]):  # type: ignore[no-untyped-def]  # noqa: ANN202
        days = set(context.partition_keys)
        staged.stage(home, source, days, again=context.job_name not in REFRESHING)
        book = [entry for day in sorted(days) for entry in deliveries.book(home, source.name, day)]
        total = Counter(staged.totals(book))
        codes: Counter[str] = Counter()
        for entry in book:
            codes.update(entry.codes or {})
        unexpected = staged.unexpected(home, book)
        for place, count in sorted(unexpected.items()):
            context.log.warning(f"{UNEXPECTED}: {count} records: {place}")
        yield dg.MaterializeResult(
            asset_key=["staged", source.name],
            metadata={
                "dagster/row_count": total["staged"],
                **numbers(total),
                "codes": counts_table(["rule", "failures"], sorted(codes.items())),
                "unexpected": counts_table(["place", "records"], sorted(unexpected.items())),
                "per_delivery": _per_delivery(book),
            },
        )
        lost = staged.lost_by_key(home, book)
        wrong = lost + sum(not entry.conserved for entry in book)
        yield dg.AssetCheckResult(
            asset_key=["staged", source.name],
            check_name="conservation",
            passed=wrong == 0,
            description=stops("conservation", wrong),
            metadata={
                "found": wrong,
                "deliveries": len(book),
                "lost_by_key": lost,
                "per_delivery": _per_delivery(book),
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
            check_name="nothing_unexpected",
            severity=dg.AssetCheckSeverity.WARN,
            passed=not unexpected,
            metadata={
                "records": unexpected.total(),
                "places": counts_table(["place", "records"], sorted(unexpected.items())),
            },
        )

    return stage


def _per_delivery(book: list[Entry]) -> dg.MarkdownMetadataValue:
    names = ("delivered", "staged", "quarantined", "suppressed", "duplicates", "expired")
    return counts_table(
        ["delivery", "dataset", *names],
        [[e.delivery_id[:8], e.dataset, *(getattr(e, name) for name in names)] for e in book[-50:]],
    )


def refusals_check(source: Source) -> dg.AssetChecksDefinition:
    """Tells when a delivery of the source waits because it was refused."""

    @dg.asset_check(
        asset=["raw", source.name],
        name="nothing_refused",
        description="no delivery waits in the inbox because it was refused",
    )
    @without_values
    def nothing_refused(home: dg.ResourceParam[Home]) -> dg.AssetCheckResult:
        left = sum(1 for _ in deliveries.waiting(home, source.name))
        return dg.AssetCheckResult(
            passed=left == 0, severity=dg.AssetCheckSeverity.WARN, metadata={"waiting": left}
        )

    return nothing_refused


def suppression_check(source: Source) -> dg.AssetChecksDefinition:
    """Stops what is downstream when raw holds someone who has been erased."""

    @dg.asset_check(
        asset=["raw", source.name],
        name="nobody_suppressed",
        blocking=True,
        description="raw holds no record of a registrant who has been erased",
    )
    @without_values
    def nobody_suppressed(home: dg.ResourceParam[Home]) -> dg.AssetCheckResult:
        found = suppression.found_in_raw(home, source.name)
        return dg.AssetCheckResult(
            passed=found == 0,
            description=stops("nobody_suppressed", found),
            metadata={"found": found},
        )

    return nobody_suppressed


def inbox(source: Source, policy: Policy) -> dg.AssetSpec:
    """The asset that a source itself makes: what it delivers."""
    return dg.AssetSpec(
        ["inbox", source.name],
        group_name="inbox",
        description=f"What {source.name} delivers: data files with manifests.",
        kinds={"csv" if any(dataset.format == "csv" for dataset in source.datasets) else "json"},
        owners=[policy.sources[source.name].owner],
    )


def assets(policy: Policy) -> list[dg.AssetSpec | dg.AssetsDefinition]:
    """Return every source's inbox, raw and staged asset."""
    return [make(source, policy) for make in (inbox, raw_asset, staged_asset) for source in SOURCES]


def checks() -> list[dg.AssetChecksDefinition]:
    """Return every source's checks that are not made by an asset itself."""
    return [check(source) for source in SOURCES for check in (refusals_check, suppression_check)]
