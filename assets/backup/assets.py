"""Backups go by age: nightly, by the policy's period, so that nobody must think of it."""

from datetime import datetime

import dagster as dg

from assets.backup import damage, renewing, rotation
from assets.dagster_support.metadata import counts_table, numbers, without_values
from assets.dagster_support.runs import WRITER, Today
from assets.erasure.assets import erasure_asset
from assets.storage import backup_generations
from assets.storage.data_root import DataRoot

# More damages than this are listed by `register verify --files`.
_SHOWN = 100


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


@dg.asset(
    key=["upkeep", "files"],
    group_name="upkeep",
    kinds={"file"},
    owners=["team:data"],
    description=(
        "Every file of the layers, marts and requests, read to its end and compared with what is "
        "recorded of it."
    ),
    pool=WRITER,
    check_specs=[
        dg.AssetCheckSpec(
            "nothing_damaged",
            asset=["upkeep", "files"],
            description="no file is missing, or is not what was written (FILE-*, CERT-*)",
        )
    ],
)
@without_values
def files(
    unchecked_data_root: dg.ResourceParam[DataRoot],
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Compare every file with what is recorded of it."""
    examined = damage.examine(unchecked_data_root)
    rows = [
        [each.code, each.layer, each.source, each.day, each.delivery, each.path]
        for each in examined.damages[:_SHOWN]
    ]
    return dg.MaterializeResult(
        metadata={
            **numbers(examined.compared, "compared_"),
            "unrecorded": examined.unrecorded.total(),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="nothing_damaged",
                passed=not examined.damages,
                metadata={
                    "found": len(examined.damages),
                    "files": counts_table(
                        ["rule", "layer", "source", "day", "delivery", "file"], rows
                    ),
                },
            )
        ],
    )


ASSETS = [without_erased, backups, files]
CHECKS = [none_beyond_its_time]
