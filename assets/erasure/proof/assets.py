"""The proof in each refresh: nobody who has been erased is in any layer, before anything is built
or published from it.
"""

import dagster as dg

from assets.dagster_support.metadata import counts_table, stops, without_values
from assets.erasure.proof import identifiers, mart_files
from assets.erasure.proof.findings import Finding
from assets.marts.building import candidate_path
from assets.register import build_state
from assets.storage.data_root import DataRoot
from assets.storage.sessions import connect
from schemas.marts import MARTS


def _result(findings: list[Finding]) -> dg.AssetCheckResult:
    rows = [
        [finding.code, finding.where, finding.count, finding.request_id]
        for finding in sorted(findings)
    ]
    total = sum(finding.count for finding in findings)
    return dg.AssetCheckResult(
        passed=not findings,
        description=stops("nobody_erased", total or len(findings)),
        metadata={
            "found": total,
            "where": counts_table(["rule", "where", "count", "request"], rows),
        },
    )


@dg.asset_check(
    asset=["register", "registrants"],
    name="nobody_erased",
    blocking=True,
    description=(
        "quarantine, staged and register contain no identifier whose keyed hash is on the "
        "suppression list (PROOF-SUPPRESSED)"
    ),
)
@without_values
def nobody_erased_in_register(data_root: dg.ResourceParam[DataRoot]) -> dg.AssetCheckResult:
    """Stop the marts when someone erased is back."""
    findings = identifiers.remaining_in_register(data_root)
    if not findings:
        build_state.note_passed(data_root, "nobody_erased")
    return _result(findings)


def _mart_check(purpose: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=["built", purpose],
        name="nobody_erased",
        blocking=True,
        description=(
            "the file holds no identifier of anyone erased, and nothing besides its rows: no "
            "deleted ones, no older header, no ENUM (PROOF-*)"
        ),
    )
    @without_values
    def nobody_erased(data_root: dg.ResourceParam[DataRoot]) -> dg.AssetCheckResult:
        path = candidate_path(data_root, purpose)
        findings = mart_files.check(data_root, path, f"built.{purpose}")
        with connect(data_root) as connection:
            if identifiers.prepare(data_root, connection) and not findings:
                findings = identifiers.in_mart(data_root, connection, purpose, path)
        return _result(findings)

    return nobody_erased


CHECKS = [nobody_erased_in_register, *(_mart_check(purpose) for purpose in MARTS)]
