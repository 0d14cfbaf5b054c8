"""Removing what is past its time, forecasting what will be, and checking that nothing overdue is
left.
"""

import base64

import dagster as dg

from assets.dagster_support.metadata import counts_table, numbers, without_values
from assets.dagster_support.runs import WRITER, Today
from assets.register import build_state, holds, protected_identity
from assets.retention import forecast as coming
from assets.retention import overdue_check
from assets.retention import sweep as sweep_module
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS
from schemas.policy.enforceable import without_data


@dg.asset(
    key=["retention", "sweep"],
    # The blocking checks of the register are on its records: after one that fails
    # nothing is removed.
    deps=[["register", "expired"], ["register", "departed"], ["register", "registrants"]],
    group_name="retention",
    description=(
        "Raw, staged and quarantine without what is past its time, by the policy's retention rules."
    ),
    kinds={"parquet"},
    owners=["team:privacy"],
    pool=WRITER,
)
@without_values
def sweep(
    data_root: dg.ResourceParam[DataRoot],
    today: Today,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Remove from the lake what the register has left out, if the register has passed its
    checks.
    """
    if not build_state.is_checked(data_root):
        raise dg.Failure(
            "the register that decides what goes has not passed its checks, so nothing was "
            "removed: run `register refresh`",
            allow_retries=False,
        )
    removals = sweep_module.sweep(data_root, today.date)
    return dg.MaterializeResult(
        metadata={
            "removed": sum(removal.rows for removal in removals),
            **numbers(sweep_module.per_rule(removals)),
            "per_rule": counts_table(
                ["rule", "category", "layer", "effect", "rows"],
                [
                    [removal.rule, removal.category, removal.layer, removal.effect, removal.rows]
                    for removal in removals
                ],
            ),
            "no_data_of_this_kind": ", ".join(without_data(data_root.policy)),
        }
    )


@dg.asset(
    key=["retention", "forecast"],
    deps=[["register", "expired"]],
    group_name="retention",
    description=(
        "How much will be past its time in each of the coming 24 months, by rule: numbers only."
    ),
    kinds={"json"},
    owners=["team:privacy"],
    pool=WRITER,
)
@without_values
def forecast(
    data_root: dg.ResourceParam[DataRoot],
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Show the forecast of the last build."""
    latest = coming.latest(data_root)
    if latest is None:
        return dg.MaterializeResult(metadata={"in_24_months": 0})
    today, due, on_hold = latest[0], latest[1].due, latest[1].on_hold
    picture = base64.b64encode(coming.chart(today, due).encode()).decode()
    lines = coming.bars(today, due)
    return dg.MaterializeResult(
        metadata={
            "in_24_months": sum(expiry.rows for expiry in due),
            "this_month": lines[0][1],
            **numbers(coming.per_rule(due), "in_24_months_"),
            "chart": dg.MetadataValue.md(
                f"![what will go in the coming 24 months](data:image/svg+xml;base64,{picture})"
            ),
            "per_month": counts_table(["month", "will go", ""], lines),
            "per_rule": counts_table(
                ["month", "rule", "category", "will go"],
                [[expiry.month, expiry.rule, expiry.category, expiry.rows] for expiry in due],
            ),
            "on_hold": counts_table(
                ["ground", "rule", "category", "stays"],
                [[entry.ground, entry.rule, entry.category, entry.rows] for entry in on_hold],
            ),
        }
    )


@dg.asset_check(
    asset=["retention", "sweep"],
    additional_deps=[["marts", purpose] for purpose in MARTS],
    name="nothing_past_its_time",
    description="no layer holds anything that is past its time: looked for in the files themselves",
)
@without_values
def nothing_past_its_time(
    data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.AssetCheckResult:
    """Count what is overdue."""
    counts = overdue_check.overdue(data_root, today.date)
    return dg.AssetCheckResult(
        passed=not any(counts.values()),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=numbers(counts),
    )


@dg.asset_check(
    asset=["retention", "sweep"],
    name="holds_are_readable",
    description=(
        "the key of every hold in force and of every open request that holds is there; else "
        "everybody's data stays past its time"
    ),
)
@without_values
def holds_are_readable(data_root: dg.ResourceParam[DataRoot], today: Today) -> dg.AssetCheckResult:
    """Name the holds and requests without a key."""
    unreadable = holds.unreadable(data_root, today.date)
    return dg.AssetCheckResult(
        passed=not unreadable,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unreadable": len(unreadable), "ids": ", ".join(unreadable)},
    )


@dg.asset_check(
    asset=["register", "registrants"],
    name="population_register_is_fresh",
    description=(
        "the population register has delivered within the time for which its word on protected "
        "identity is believed; else locations are withheld"
    ),
)
@without_values
def population_register_is_fresh(
    data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.AssetCheckResult:
    """Warn when the feed is stale and locations are withheld because of it."""
    silent = protected_identity.silent_for(data_root, today.date)
    stale = protected_identity.is_stale(data_root, today.date)
    metadata = {
        "believed_for": str(data_root.policy.protection.confirmed_within),
        "locations_withheld": stale,
        **numbers({} if silent is None else {"days_silent": silent}),
    }
    return dg.AssetCheckResult(
        passed=not stale, severity=dg.AssetCheckSeverity.WARN, metadata=metadata
    )


ASSETS = [sweep, forecast]
CHECKS = [nothing_past_its_time, holds_are_readable, population_register_is_fresh]
