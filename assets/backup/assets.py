"""Backups go by age: nightly, by the policy's period, so that nobody must think of it."""

from datetime import datetime

import dagster as dg

from assets.backup import renewing, rotation
from assets.dagster_support.metadata import without_values
from assets.dagster_support.runs import WRITER, Today
from assets.erasure.assets import erasure_asset
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot


@erasure_asset(
    "backups",
    "file",
    [["erasure", "removed"]],
    "The generations in backups/, encrypted again without the registrants; old keys are destroyed.",
)
@without_values
def without_erased(
    data_root: dg.ResourceParam[DataRoot],
    today: Today,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Take them out of the backups."""
    return dg.MaterializeResult(metadata={"generations": renewing.renew(data_root, today.date)})


@dg.asset(
    key=["upkeep", "backups"],
    group_name="upkeep",
    kinds={"file"},
    owners=["team:privacy"],
    description=(
        "Backups that are older than the policy's period are destroyed by their keys; where none "
        "would be left, a new one is made first."
    ),
    pool=WRITER,
)
@without_values
def backups(
    data_root: dg.ResourceParam[DataRoot],
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Rotate the generations in the data root, and all keys."""
    done = rotation.rotate(data_root, None, datetime.now(data_root.policy.zone))
    left = backup_generations.remaining(data_root)
    code, rule = data_root.policy.rule("backups")
    return dg.MaterializeResult(
        metadata={
            "destroyed": len(done.destroyed),
            "made": int(done.made is not None),
            "generations": left.generations,
            "last_goes_on": str(left.until or "-"),
            "rule": code,
            "kept_for": str(rule.period),
        }
    )


@dg.asset_check(
    asset=["upkeep", "backups"],
    name="none_beyond_its_time",
    description=(
        "no backup can be opened any more that is older than the policy's period for backups"
    ),
)
@without_values
def none_beyond_its_time(
    data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.AssetCheckResult:
    """Look for keys and files that should have been destroyed."""
    over = rotation.expired(data_root, None, today.date)
    return dg.AssetCheckResult(passed=not over, metadata={"found": len(over)})


ASSETS = [without_erased, backups]
CHECKS = [none_beyond_its_time]
