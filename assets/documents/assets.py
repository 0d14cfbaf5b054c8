"""What the controller owes an account of, as checks: where policy, law and data disagree, and who
must be informed (GDPR 14); and the dashboard.
"""

import base64

import dagster as dg

from assets.dagster_support.metadata import counts_table, numbers, without_values
from assets.dagster_support.runs import Today
from assets.documents import conflicts, dashboard
from assets.register import information_duty
from assets.storage.data_root import DataRoot
from schemas.citations import cited
from schemas.policy.loader import load_policy

KEY = dg.AssetKey(["policy", "conflicts"])


@dg.asset(
    key=KEY,
    group_name="policy",
    kinds={"yaml"},
    owners=["team:privacy"],
    description=(
        "Where the policy, the law and the data disagree. The texts to put it right with: "
        "`register report conflicts`."
    ),
    check_specs=[
        dg.AssetCheckSpec(
            "nothing_disagrees",
            asset=KEY,
            description=(
                "policy, law and data agree; the controller decides what to do where they do not"
            ),
        )
    ],
)
@without_values
def policy_conflicts(today: Today) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Compute the conflicts on the day; the check warns and stops nothing."""
    policy = load_policy()
    current_conflicts = conflicts.conflicts(policy, today.date)
    counts = conflicts.per_severity(current_conflicts)
    listed = counts_table(
        ["code", "severity", "clause", "about", "law or data say", "article"],
        [
            [
                finding.code,
                finding.kind.severity,
                finding.clause,
                finding.subject,
                finding.kind.meaning,
                cited(*finding.kind.citations),
            ]
            for finding in current_conflicts
        ],
    )
    metadata = {**numbers(counts), "conflicts": listed, "policy_version": policy.version}
    check = dg.AssetCheckResult(
        asset_key=KEY,
        check_name="nothing_disagrees",
        passed=not current_conflicts,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={**numbers(counts), "conflicts": listed},
    )
    return dg.MaterializeResult(metadata=metadata, check_results=[check])


@dg.asset_check(
    asset=["register", "registrants"],
    name="nobody_overdue_to_be_informed",
    description=(
        "nobody whose data came from others only is past the day by which they must be informed of "
        "it (GDPR 14)"
    ),
)
@without_values
def nobody_overdue_to_be_informed(
    data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.AssetCheckResult:
    """Warns; counts only. Who they are: `register report informing`."""
    counts = information_duty.counts(data_root, today.date)
    return dg.AssetCheckResult(
        passed=counts["overdue"] == 0, severity=dg.AssetCheckSeverity.WARN, metadata=numbers(counts)
    )


@dg.asset(
    key=["reports", "dashboard"],
    deps=[["register", "registrants"], ["retention", "forecast"], ["requests", "ledger"]],
    group_name="reports",
    kinds={"altair"},
    owners=["team:data"],
    description=(
        "The register at a glance: intake, quarantine, who is who, choices on marketing, retention "
        "forecast, requests and erasures; counts from the floor of few on. As a page to hand on: "
        "`register report dashboard`."
    ),
)
@without_values
def dashboard_preview(data_root: dg.ResourceParam[DataRoot], today: Today) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Show each part of the dashboard as a picture and its numbers."""
    shown = {}
    for part in dashboard.parts(data_root, today.date):
        name = part.title.lower().replace(" ", "_")
        picture = base64.b64encode(part.chart.encode()).decode()
        image = f"![{part.title}](data:image/svg+xml;base64,{picture})\n\n" if picture else ""
        table = counts_table(part.header, part.rows).value
        shown[name] = dg.MetadataValue.md(f"{part.text}\n\n{image}{table}")
    return dg.MaterializeResult(metadata=shown)


ASSETS = [policy_conflicts, dashboard_preview]
CHECKS = [nobody_overdue_to_be_informed]
