"""The erasure backfill: requests as partitions, by opaque id; one pass for all that are launched together."""

from datetime import datetime

import dagster as dg

from assets import erasure, requests
from assets.graph.deliveries import ONE_RUN, POLICY, WRITER, Today
from assets.graph.showing import counts_table, without_values
from assets.home import Home
from schemas.marts import MARTS

REQUESTS = dg.DynamicPartitionsDefinition(name="requests")


def _open(context: dg.AssetExecutionContext, home: Home) -> list[str]:
    """The run's requests that can be carried out: not closed, and clear as to whom they mean."""
    waiting = set(requests.pending(home))
    return [key for key in context.partition_keys if key in waiting]


def _asset(name: str, kind: str, after: list[list[str]], description: str, group: str = "erasure"):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return dg.asset(
        key=["erasure", name],
        deps=after,
        group_name=group,
        kinds={kind},
        owners=["team:privacy"],
        description=description,
        partitions_def=REQUESTS,
        backfill_policy=ONE_RUN,
        pool=WRITER,
    )


@_asset("found", "json", [], "Each request resolved to every identifier of its registrant, kept with the request, outside Dagster.")
@without_values
def found(context: dg.AssetExecutionContext, home: dg.ResourceParam[Home]) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Find whom the requests mean."""
    counts = erasure.find(home, _open(context, home))
    return dg.MaterializeResult(metadata={"requests": len(counts), "identifiers": counts_table(["request", "identifiers"], counts.items())})


@_asset("suppressed", "parquet", [["erasure", "found"]], "Keyed hashes of the registrants' identifiers: no delivery brings them back.")
@without_values
def suppressed(context: dg.AssetExecutionContext, home: dg.ResourceParam[Home], today: Today) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Suppress them."""
    return dg.MaterializeResult(metadata={"on_the_list": erasure.suppress(home, _open(context, home), today.date)})


@_asset("removed", "parquet", [["erasure", "suppressed"]], "Raw, quarantine and staged, rewritten without the registrants.")
@without_values
def removed(context: dg.AssetExecutionContext, home: dg.ResourceParam[Home]) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Remove them from the lake."""
    rows = erasure.remove(home, _open(context, home))
    return dg.MaterializeResult(metadata={"rows_removed": sum(rows.values()), "per_source": counts_table(["source", "rows removed"], rows.items())})


@_asset(
    "closed",
    "json",
    [["erasure", "removed"], ["register", "identifiers"], *(["marts", purpose] for purpose in MARTS)],
    "Nothing of the registrants is left in any layer; the requests are closed and what identified them destroyed.",
    group="erased",
)
@without_values
def closed(context: dg.AssetExecutionContext, home: dg.ResourceParam[Home]) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Make sure that nothing is left, and close the requests."""
    ids = _open(context, home)
    erasure.close(home, ids, datetime.now(POLICY.zone))
    return dg.MaterializeResult(metadata={"closed": len(ids)})


ASSETS = [found, suppressed, removed, closed]
