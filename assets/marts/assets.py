"""register -> built -> marts: each purpose's file is built, checked, and only then published."""

from collections import Counter
from functools import partial
from typing import Any

import dagster as dg

from assets.dagster_support.metadata import (
    column_schema,
    counts_table,
    numbers,
    stops,
    without_values,
)
from assets.dagster_support.runs import WRITER, Today
from assets.marts import building, column_origins, profile_explanation
from assets.register.assets import FRESH
from assets.register.building import TABLES
from assets.storage.data_root import DataRoot
from schemas.columns import table_name
from schemas.marts import MARTS
from schemas.policy.legal_constraints import PSEUDONYMOUS
from schemas.policy.model import Policy

KEYS = {table: dg.AssetKey(["register", table]) for table in TABLES}
# More segments, such as every municipality, are in the mart's own table.
_SHOWN = 100
_ONE_FILE = (
    "readers keep one file at a time; what to do is in docs/operators-guide.md#differences_of_few"
)


def _schema(purpose: str) -> dg.TableSchema:
    return column_schema(
        {table_name(model): model for model in MARTS[purpose]},
        "marts",
        partial(column_origins.described, purpose),
    )


def _lineage(purpose: str) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(KEYS[table], name) for table, name in read]
            for column, read in column_origins.origins(purpose).items()
        }
    )


def _profiles(data_root: DataRoot) -> dict[str, Any]:
    """Sizes of the published segments, registrants per attribute, and how many segments are
    withheld.
    """
    shown, withheld = profile_explanation.sizes(
        data_root, building.candidate_path(data_root, "analytics")
    )
    placed: Counter[str] = Counter()
    for attribute, _, registrants in shown:
        placed[attribute] += registrants
    return {
        **numbers(placed, "values_"),
        "segments_withheld": withheld,
        "segments": counts_table(["attribute", "value", "registrants"], shown[:_SHOWN]),
    }


def built_asset(purpose: str) -> dg.AssetsDefinition:
    """The asset that builds a purpose's next mart, and holds it against its models."""

    @dg.multi_asset(
        name=f"build_{purpose}",
        specs=[
            dg.AssetSpec(
                ["built", purpose],
                deps=list(KEYS.values()),
                group_name="built",
                kinds={"duckdb"},
                owners=["team:data"],
                description=(
                    f"The next {purpose} mart, built from the register beside the published one."
                ),
                metadata={
                    "dagster/column_schema": _schema(purpose),
                    "dagster/column_lineage": _lineage(purpose),
                },
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "fit_to_publish",
                asset=["built", purpose],
                blocking=True,
                description=(
                    "every row passes its model; no table or column that the policy does not "
                    "allow for the purpose"
                ),
            )
        ],
        pool=WRITER,
    )
    @without_values
    def build(  # type: ignore[no-untyped-def]  # noqa: ANN202
        data_root: dg.ResourceParam[DataRoot],
        today: Today,
    ):
        rows = building.build(data_root, purpose, today.date)
        violations = building.check(data_root, purpose)
        profiles = _profiles(data_root) if purpose == "analytics" else {}
        yield dg.MaterializeResult(
            asset_key=["built", purpose],
            metadata={
                "dagster/row_count": sum(rows.values()),
                **numbers(rows, "rows_"),
                **numbers(building.per_rule(data_root, purpose)),
                **profiles,
                "policy_version": data_root.policy.version,
                "policy_hash": data_root.policy.fingerprint,
            },
        )
        yield dg.AssetCheckResult(
            asset_key=["built", purpose],
            check_name="fit_to_publish",
            passed=not violations,
            description=stops("fit_to_publish", sum(violations.values())),
            metadata={
                "found": sum(violations.values()),
                "rules": counts_table(["rule", "rows"], sorted(violations.items())),
            },
        )

    return build


def reidentification_check(purpose: str) -> dg.AssetChecksDefinition:
    """The check that a mart without names matches nobody in another.

    Another mart is measured as it is built, else as it is published. The check does not depend on
    the others, so that one which fails stops itself alone; publishing measures again.
    """

    @dg.asset_check(
        asset=["built", purpose],
        name="nobody_reidentified",
        blocking=True,
        description=(
            "no combination of columns, and nothing computed from them, matches exactly one "
            "registrant of another mart"
        ),
        pool=WRITER,
    )
    @without_values
    def nobody_reidentified(
        data_root: dg.ResourceParam[DataRoot],
    ) -> dg.AssetCheckResult:
        found = building.reidentified(data_root, purpose)
        rows = [
            (match.table, match.other, "; ".join(match.columns), match.matched) for match in found
        ]
        return dg.AssetCheckResult(
            passed=not found,
            description=stops("nobody_reidentified", len(found)),
            metadata={
                "found": len(found),
                "by": counts_table(["table", "matches", "by", "matched"], rows[:_SHOWN]),
            },
        )

    return nobody_reidentified


def differencing_check(purpose: str) -> dg.AssetChecksDefinition:
    """The check that counts what two publications tell about a few registrants by subtraction.

    It warns: what has to go must go, even if somebody kept the file of the day before.
    """

    @dg.asset_check(
        asset=["built", purpose],
        name="differences_of_few",
        description=(
            "no group of equal rows has grown or shrunk by fewer registrants than the floor since "
            "the published mart"
        ),
        pool=WRITER,
    )
    @without_values
    def differences_of_few(
        data_root: dg.ResourceParam[DataRoot],
    ) -> dg.AssetCheckResult:
        groups = building.differences_of_few(data_root, purpose)
        return dg.AssetCheckResult(
            passed=not groups,
            severity=dg.AssetCheckSeverity.WARN,
            description=_ONE_FILE if groups else None,
            metadata={
                "found": sum(groups.values()),
                "groups": counts_table(["table", "groups"], sorted(groups.items())),
            },
        )

    return differences_of_few


def mart_asset(purpose: str, policy: Policy) -> dg.AssetsDefinition:
    """The asset that publishes a purpose's mart."""
    declared = policy.purposes[purpose]

    @dg.asset(
        key=["marts", purpose],
        deps=[["built", purpose]],
        group_name="marts",
        kinds={"duckdb"},
        owners=["team:data"],
        description=(
            f"The published {purpose} mart ({declared.clause}; {', '.join(declared.bases)}): "
            "read-only, replaced by one rename."
        ),
        freshness_policy=FRESH,
        pool=WRITER,
        metadata={"dagster/column_schema": _schema(purpose)},
    )
    @without_values
    def publish(
        data_root: dg.ResourceParam[DataRoot],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        rows = building.publish(data_root, purpose)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(rows.values()),
                **numbers(rows, "rows_"),
                "bytes": building.mart_path(data_root, purpose).stat().st_size,
            }
        )

    return publish


def assets(policy: Policy) -> list[dg.AssetsDefinition]:
    """Return the asset that builds and the asset that publishes each purpose's mart."""
    return [
        *(built_asset(purpose) for purpose in MARTS),
        *(mart_asset(purpose, policy) for purpose in MARTS),
    ]


CHECKS = [
    check(purpose)
    for purpose in PSEUDONYMOUS
    for check in (reidentification_check, differencing_check)
]
