"""What the controller owes an account of, as checks: where policy, law and data disagree, and who
must be informed (GDPR 14).
"""

import dagster as dg

from assets.dagster_support.metadata import counts_table, numbers, without_values
from assets.dagster_support.runs import Today
from assets.documents import conflicts
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


ASSETS = [policy_conflicts]
CHECKS = [nobody_overdue_to_be_informed]
