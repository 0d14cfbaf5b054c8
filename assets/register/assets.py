"""staged -> register -> retention: who is who, one row per registrant, and what is past its
time.
"""

import base64
from collections.abc import Mapping
from datetime import timedelta
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
from assets.record_linkage.waterfall import svg
from assets.register import (
    build_state,
    building,
    column_origins,
    contradictions,
    integrity_checks,
    no_purpose,
)
from assets.sources.all_sources import SOURCES
from assets.storage.data_root import DataRoot
from schemas.register import CONTRADICTIONS

STAGED = [dg.AssetKey(["staged", source.name]) for source in SOURCES]
FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)
# The register is rebuilt after an erasure, too.
UPSTREAM = [*STAGED, dg.AssetKey(["erasure", "removed"])]


def _lineage(table: str) -> dg.TableColumnLineage:
    """From which staged columns each column comes, source by source."""
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(dg.AssetKey(["staged", source]), f"{staged}.{stated}")
                for staged, stated, filling in read
                for source in filling
            ]
            for column, read in column_origins.origins()[table].items()
            if read
        }
    )


@without_values
def _build(  # type: ignore[no-untyped-def]  # noqa: ANN202
    context: dg.AssetExecutionContext,
    data_root: dg.ResourceParam[DataRoot],
    today: Today,
):
    """Build the register, and check what no mart may be built without."""
    built = building.build(data_root, today.date)
    for table in building.TABLES:
        metadata: dict[str, Any] = {"dagster/row_count": built.rows[table]}
        if table == "membership":
            metadata |= linkage_metadata(built.links)
        if table == "registrants":
            metadata |= numbers({"changes_held_back": built.delayed_changes})
            if built.incremental:
                metadata |= numbers({"records_read_again": built.touched_records})
            rows = ([attribute, *counts] for attribute, counts in built.conflicts.items())
            metadata["conflicting_values"] = counts_table(
                ["attribute", "registrants", "between sources"], rows
            )
            metadata["seconds"] = counts_table(["step", "seconds"], built.seconds.items())
        if table == "expired":
            metadata |= numbers(built.expired)
        if table == "admission":
            metadata |= numbers(built.eligible)
        yield dg.MaterializeResult(asset_key=["register", table], metadata=metadata)
    checked = {
        **integrity_checks.check(data_root),
        "two_identity_codes": int(str(built.links["two_code_clusters"])),
    }
    if not any(checked.values()):
        build_state.note_passed(data_root, "register")
    for name, count in checked.items():
        yield dg.AssetCheckResult(
            asset_key=["register", "registrants"],
            check_name=name,
            passed=count == 0,
            metadata={"found": count},
            description=stops(name, count),
        )


def register() -> dg.AssetsDefinition:
    """The asset of all tables of the register, with the checks that no mart is built without."""
    return dg.multi_asset(
        name="register",
        specs=[
            dg.AssetSpec(
                ["register", table],
                deps=UPSTREAM,
                group_name="register",
                kinds={"parquet"},
                owners=["team:data"],
                description=(model.__doc__ or f"{table} under their registrant.").strip(),
                freshness_policy=FRESH,
                metadata={
                    "dagster/column_schema": column_schema(
                        {"": model}, "register", partial(column_origins.described, table)
                    ),
                    "dagster/column_lineage": _lineage(table),
                },
            )
            for table, model in building.TABLES.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                name, asset=["register", "registrants"], blocking=True, description=description
            )
            for name, description in integrity_checks.CHECKS.items()
        ],
        pool=WRITER,
    )(_build)


@dg.asset_check(
    asset=["register", "registrants"],
    name="nothing_contradicts",
    description="no statements about who somebody is contradict each other; those that do are "
    "decided by rule, and listed by `register review contradictions`",
)
@without_values
def nothing_contradicts(data_root: dg.ResourceParam[DataRoot]) -> dg.AssetCheckResult:
    """Warns; counts per kind. People stay apart until somebody has looked."""
    counts = contradictions.counts(data_root)
    total = sum(counts.values())
    rows = [[kind, count, CONTRADICTIONS[kind]] for kind, count in counts.items() if count]
    return dg.AssetCheckResult(
        passed=total == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "found": total,
            **numbers(counts),
            "kinds": counts_table(["kind", "statements", "means"], rows),
        },
    )


@dg.asset_check(
    asset=["register", "admission"],
    name="everybody_has_a_purpose",
    description="every registrant is eligible for a purpose; who is not leaves after the policy's "
    "period, unless a hold keeps them",
)
@without_values
def everybody_has_a_purpose(
    data_root: dg.ResourceParam[DataRoot], today: Today
) -> dg.AssetCheckResult:
    """Warn of registrants without any purpose; fail if one is past the period."""
    counts = no_purpose.counts(data_root, today.date)
    overdue = counts["past_their_time"]
    return dg.AssetCheckResult(
        passed=not any(counts.values()),
        severity=dg.AssetCheckSeverity.ERROR if overdue else dg.AssetCheckSeverity.WARN,
        metadata=numbers(counts),
    )


@dg.asset_check(
    asset=["register", "registrants"],
    name="nothing_missed",
    description="of registrants that nothing new concerns, a sample that changes every day is made "
    "again, and is what it was; if not, the next build makes everything again",
)
@without_values
def nothing_missed(data_root: dg.ResourceParam[DataRoot]) -> dg.AssetCheckResult:
    """Fail if an incremental build has kept a row that a full one would not have made."""
    missed = build_state.read(data_root).get("counts", {}).get("missed", {})
    return dg.AssetCheckResult(
        passed=not missed, metadata={"found": sum(missed.values()), **numbers(missed)}
    )


CHECKS = [nothing_contradicts, everybody_has_a_purpose, nothing_missed]


def linkage_metadata(links: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of what `building` counted of linkage: numbers to plot over time, tables, and
    pictures of a few typical pairs.
    """
    pairs = links["candidate_pairs"]
    events, drift = links.get("succession", {}), links.get("drift", {})
    ids = events.get("ids_kept", 0) + events.get("ids_ceased", 0)
    metadata: dict[str, Any] = {
        name: value for name, value in links.items() if isinstance(value, (int, float))
    }
    metadata |= numbers({"grey_share": round(links["grey_pairs"] / pairs, 4) if pairs else 0.0})
    metadata |= numbers(events, "since_last_run_")
    metadata |= numbers(
        {"since_last_run_ids_kept_share": round(events.get("ids_kept", 0) / ids, 5) if ids else 1.0}
    )
    metadata |= numbers(drift, "drift_of_full_rerun_")
    metadata["links_per_pass"] = counts_table(["rule", "links"], sorted(links["links"].items()))
    metadata["links_per_1000_pairs"] = counts_table(
        [
            "blocking rule",
            "pairs",
            "new pairs",
            "new links",
            "per 1,000 new pairs",
            "split keys",
            "dropped keys",
        ],
        (
            [
                link["name"],
                link["pairs"],
                link["new_pairs"],
                link["new_links"],
                link["per_thousand"],
                link["split"],
                link["dropped"],
            ]
            for link in links["blocking_rules"]
        ),
    )
    metadata["calibration"] = counts_table(
        ["bits from", "pairs with two codes", "of them one person", "expected by weight"],
        (
            [link["bits"], int(link["pairs"]), int(link["one_person"]), round(link["expected"], 1)]
            for link in links["calibration"]
        ),
    )
    metadata["cluster_sizes"] = counts_table(
        ["source persons", "registrants"], links["sizes"].items()
    )
    metadata["typical_pairs"] = dg.MetadataValue.md(
        "\n\n".join(_picture(link) for link in links["typical"]) or "no pair was compared"
    )
    return metadata


def _picture(pair: Mapping[str, Any]) -> str:
    """The pair's waterfall as a picture inside the text, and as a table for those who see no
    pictures.
    """
    drawn = base64.b64encode(
        svg(pair["what"], pair["start"], pair["steps"], pair["weight"]).encode()
    ).decode()
    rows = [["any pair", "", pair["start"]], *pair["steps"], ["weight", "", pair["weight"]]]
    return (
        f"![{pair['what']}](data:image/svg+xml;base64,{drawn})\n\n{pair['what']}\n\n"
        f"{counts_table(['field', 'level', 'bits'], rows).value}"
    )
