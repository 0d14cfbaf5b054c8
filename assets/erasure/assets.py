"""The erasure backfill: requests as partitions, by opaque id; one run for all that are launched
at the same time.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import dagster as dg

from assets.dagster_support.metadata import counts_table, stops, without_values
from assets.dagster_support.runs import ONE_RUN, WRITER, Today
from assets.erasure import erasing, legal_holds
from assets.erasure.proof import certificates
from assets.erasure.proof.certificates import Issued
from assets.requests import ledger
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS

# Up to this many requests in one run, each partition shows its certificate. Dagster loads all
# partitions again for each: for 500 that would take some three seconds; the rest is shown by
# `register request show` and the certificates themselves.
SHOWN = 50
REQUESTS = dg.DynamicPartitionsDefinition(name="requests")


def _open(context: dg.AssetExecutionContext, data_root: DataRoot) -> list[str]:
    """Return the run's requests that are waiting to be carried out, or in progress.

    Only `closed` has a partition per request: Dagster writes several events per partition and
    asset, which would cost more than the erasure of hundreds. So the requests are read from the
    run's tags.
    """
    known, tags = list(context.instance.get_dynamic_partitions("requests")), context.run.tags
    first, last = (
        tags.get(f"dagster/asset_partition_range_{end}") or tags.get("dagster/partition")
        for end in ("start", "end")
    )
    asked = (
        known[known.index(first) : known.index(last) + 1]
        if first in known and last in known
        else []
    )
    waiting = set(ledger.pending(data_root))
    return [key for key in asked if key in waiting]


def erasure_asset(
    name: str,
    kind: str,
    after: list[list[str]],
    description: str,
    group: str = "erasure",
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator of an asset of the erasure backfill."""
    return dg.asset(
        key=["erasure", name],
        deps=after,
        group_name=group,
        kinds={kind},
        owners=["team:privacy"],
        description=description,
        pool=WRITER,
        **more,
    )


@erasure_asset(
    "found",
    "json",
    [],
    (
        "Each request resolved to every identifier of its registrant, kept with the request, "
        "outside Dagster; orders that waited are staged."
    ),
)
@without_values
def found(
    context: dg.AssetExecutionContext, data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Take in waiting orders that a statute may retain, and resolve the requests to registrants."""
    asked = _open(context, data_root)
    staged = legal_holds.take_in(data_root, today.last_delivery_day) if asked else []
    for source, day in sorted({(entry.source, entry.day) for entry in staged}):
        for layer in ("raw", "staged"):
            context.log_event(
                dg.AssetMaterialization(
                    [layer, source],
                    partition=day,
                    description="taken in by an erasure, for the orders in it",
                )
            )
    counts = erasing.find(data_root, asked, today.date)
    identifiers = counts_table(["request", "identifiers"], counts.items())
    return dg.MaterializeResult(
        metadata={
            "requests": len(counts),
            "identifiers": identifiers,
            "deliveries_staged_first": len(staged),
        }
    )


@erasure_asset(
    "suppressed",
    "parquet",
    [["erasure", "found"]],
    "Keyed hashes of the registrants' identifiers: no delivery brings them back.",
)
@without_values
def suppressed(
    context: dg.AssetExecutionContext, data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Suppress the registrants' identifiers."""
    return dg.MaterializeResult(
        metadata={"on_the_list": erasing.suppress(data_root, _open(context, data_root), today.date)}
    )


@erasure_asset(
    "removed",
    "parquet",
    [["erasure", "suppressed"]],
    "Raw, quarantine and staged, rewritten without the registrants.",
)
@without_values
def removed(
    context: dg.AssetExecutionContext, data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Remove them from the lake."""
    rows = erasing.remove(data_root, _open(context, data_root), today.date)
    return dg.MaterializeResult(
        metadata={
            "rows_removed": sum(rows.values()),
            "per_source": counts_table(["source", "rows removed"], rows.items()),
        }
    )


PROVEN = dg.AssetCheckSpec(
    "proven",
    asset=["erasure", "closed"],
    blocking=True,
    description=(
        "nothing of the registrants is left, by identifiers, in bytes, and in how the files are "
        "built (rules PROOF-*)"
    ),
)


@erasure_asset(
    "closed",
    "json",
    [
        ["erasure", "removed"],
        ["erasure", "backups"],
        ["register", "identifiers"],
        *(["marts", purpose] for purpose in MARTS),
    ],
    (
        "It is proven that nothing of the registrants is left; the requests have their "
        "certificates and are closed, and what identified them is destroyed."
    ),
    group="erased",
    check_specs=[PROVEN],
    partitions_def=REQUESTS,
    backfill_policy=ONE_RUN,
)
@without_values
def closed(  # type: ignore[no-untyped-def]  # noqa: ANN201
    context: dg.AssetExecutionContext, data_root: dg.ResourceParam[DataRoot]
):
    """Prove that nothing is left, certify, and close the requests."""
    closing = erasing.close(
        data_root, _open(context, data_root), datetime.now(data_root.policy.zone)
    )
    findings_table = counts_table(
        ["rule", "where", "count", "request"],
        [
            [finding.code, finding.where, finding.count, finding.request_id]
            for finding in sorted(closing.findings)
        ],
    )
    metadata: dict[str, Any] = {
        "certified": len(closing.certificates),
        "unproven": len(closing.unproven),
        "findings": findings_table,
    }
    yield dg.AssetCheckResult(
        asset_key=["erasure", "closed"],
        check_name="proven",
        passed=not closing.unproven,
        description=stops("proven", len(closing.unproven)),
        metadata=metadata,
    )
    if closing.unproven:
        # The run fails, so its result is not stored: what has been certified is recorded here.
        for certificate in closing.certificates:
            context.log_event(
                dg.AssetMaterialization(
                    ["erasure", "closed"],
                    partition=certificate.request_id,
                    metadata=_certificate(certificate) | _chain(data_root),
                )
            )
        raise dg.Failure(closing.message(), metadata=metadata, allow_retries=False)
    for certificate in closing.certificates if len(closing.certificates) <= SHOWN else []:
        context.add_asset_metadata(_certificate(certificate), partition_key=certificate.request_id)
    rows = sum(sum(certificate.rows.values()) for certificate in closing.certificates)
    yield dg.MaterializeResult(
        metadata={
            "closed": len(closing.certificates),
            "rows_removed": rows,
            "certificates": "requests/certificates",
            **_chain(data_root),
        }
    )


def _chain(data_root: DataRoot) -> dict[str, Any]:
    """Return the head of the chain as metadata: Dagster's copy, which reveals a rollback."""
    head = certificates.head(data_root)
    return {f"chain_{name}": value for name, value in asdict(head).items()} if head else {}


def _certificate(issued: Issued) -> dict[str, Any]:
    """Return the summary of a certificate, for the partition of its request alone: Dagster writes
    metadata common to all partitions once for each.
    """
    return {
        "certificate": issued.sequence,
        "certificate_hash": issued.hash,
        "rows": counts_table(["layer", "rows removed"], issued.rows.items()),
        "decisions": counts_table(["category", "decision"], issued.decisions.items()),
    }


ASSETS = [found, suppressed, removed, closed]
