"""The ledger of requests in the UI: how many are open, and what is past its day or near it; ids and
counts only.
"""

from datetime import datetime

import dagster as dg

from assets.dagster_support.metadata import counts_table, numbers, without_values
from assets.dagster_support.runs import WRITER, Today
from assets.requests import ledger as requests_ledger
from assets.requests import service_level
from assets.rights import (
    outbound_messages,
    recipient_notices,
    restriction_and_objection,
    withheld_messages,
    workflow,
)
from assets.storage.data_root import DataRoot
from schemas.marts import MARTS

KEY = dg.AssetKey(["requests", "ledger"])
CHECKS = {
    "nothing_overdue": "every request is answered by its day (GDPR 12(3)): REQ-OVERDUE",
    "nothing_due_soon": "no request comes to its day within the policy's days of warning: "
    "REQ-DUE-SOON",
    "recipients_have_acknowledged": (
        "every recipient that was notified of an erasure, rectification or restriction has "
        "acknowledged (GDPR 19): REQ-NOTICE-OPEN"
    ),
}


@dg.asset(
    key=KEY,
    deps=[["marts", purpose] for purpose in MARTS],
    group_name="requests",
    kinds={"json"},
    owners=["team:privacy"],
    description=(
        "The requests of registrants, kept outside Dagster: how many are open, and by when they "
        "must be answered. `register request list`."
    ),
    check_specs=[
        dg.AssetCheckSpec(name, asset=KEY, description=description)
        for name, description in CHECKS.items()
    ],
    pool=WRITER,
)
@without_values
def ledger(
    data_root: dg.ResourceParam[DataRoot],
    today: Today,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Record which requests the marts now follow, notify again the recipients that have not
    acknowledged, and check what is due.
    """
    now = datetime.now(data_root.policy.zone)
    settled = restriction_and_objection.settle(data_root, now)
    recipient_notices.retry(data_root, now)
    expired = outbound_messages.expire(data_root, today.date)
    expired += withheld_messages.expire(data_root, today.date)
    owed = workflow.owed(data_root, today.date)
    level = service_level.of_erasures(requests_ledger.every(data_root, opened=False))
    checks = {
        "nothing_overdue": (owed.overdue, dg.AssetCheckSeverity.ERROR),
        "nothing_due_soon": (owed.due_soon, dg.AssetCheckSeverity.WARN),
        "recipients_have_acknowledged": (
            owed.unacknowledged,
            dg.AssetCheckSeverity.ERROR if owed.notified_again else dg.AssetCheckSeverity.WARN,
        ),
    }
    return dg.MaterializeResult(
        metadata={
            **numbers(owed.open_by_right, "open_"),
            **numbers(level.as_numbers(), "receipt_to_proof_"),
            "settled": len(settled),
            "overdue": len(owed.overdue),
            "due_soon": len(owed.due_soon),
            "messages_waiting": outbound_messages.waiting(data_root),
            "messages_destroyed_unsent": expired,
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=KEY,
                check_name=name,
                passed=not ids,
                severity=severity,
                metadata={
                    "found": len(ids),
                    "which": counts_table(["id"], [[identifier] for identifier in ids]),
                },
            )
            for name, (ids, severity) in checks.items()
        ],
    )


ASSETS = [ledger]
