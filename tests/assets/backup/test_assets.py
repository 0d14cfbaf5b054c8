"""The nightly rotation as Dagster runs it: counts in the metadata, and a check that fails while a
key is beyond its time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.backup import assets as backup_assets
from assets.backup import generations
from assets.dagster_support.runs import Today
from assets.storage import recorded_files, suppression_state
from assets.storage.data_root import DataRoot
from pipelines.definitions import build_definitions
from schemas.policy.loader import load_policy

DAYS = load_policy().rule("backups")[1].period.count
NOW = datetime.now(UTC)


def run(data_root: DataRoot, *, only_check: bool = False) -> dg.ExecuteInProcessResult:
    selection: dg.AssetSelection = (
        dg.AssetSelection.checks(backup_assets.none_beyond_its_time)
        if only_check
        else dg.AssetSelection.assets(["upkeep", "backups"])
    )
    job = dg.Definitions(
        assets=backup_assets.ASSETS,
        asset_checks=backup_assets.CHECKS,
        resources={
            "data_root": dg.ResourceDefinition.hardcoded_resource(data_root),
            "unchecked_data_root": dg.ResourceDefinition.hardcoded_resource(data_root),
            "today": Today(),
        },
        jobs=[dg.define_asset_job("rotation", selection=selection)],
    ).resolve_job_def("rotation")
    return job.execute_in_process()


def passed(result: dg.ExecuteInProcessResult) -> list[bool]:
    return [evaluation.passed for evaluation in result.get_asset_check_evaluations()]


def test_what_is_beyond_its_time_goes_and_is_counted(data_root: DataRoot) -> None:
    generations.make(data_root, None, NOW - timedelta(DAYS + 2))
    generations.make(data_root, None, NOW - timedelta(1))
    assert passed(run(data_root, only_check=True)) == [False]
    result = run(data_root)
    assert passed(result) == [True]
    metadata = result.asset_materializations_for_node("upkeep__backups")[0].metadata
    assert {
        name: metadata[name].value for name in ("destroyed", "made", "generations", "rule")
    } == {
        "destroyed": 1,
        "made": 0,
        "generations": 1,
        "rule": "RET-BACKUP-14D",
    }


def test_without_backups_there_is_nothing_to_do(data_root: DataRoot) -> None:
    result = run(data_root)
    assert result.success
    assert passed(result) == [True]


def test_a_damaged_file_fails_the_weekly_check_and_is_named_without_its_content(
    data_root: DataRoot,
) -> None:
    path = data_root.lake / "raw" / "crm" / "2026-11-20" / f"{'0' * 20}.parquet"
    with recorded_files.writing(path) as unfinished:
        unfinished.write_bytes(b"content")
    path.write_bytes(b"CONTENT")
    result = dg.materialize(
        [backup_assets.files],
        resources={"unchecked_data_root": dg.ResourceDefinition.hardcoded_resource(data_root)},
    )
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == ("nothing_damaged", False)
    table = str(evaluation.metadata["files"].value)
    assert "FILE-CHANGED" in table
    assert "CONTENT" not in table


@pytest.mark.parametrize("name", ["secrets/pepper", "requests/suppressions.parquet"])
def test_the_weekly_job_names_a_lost_pepper_or_list(
    data_root: DataRoot, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
    with suppression_state.replacing_list(data_root) as unfinished:
        pq.write_table(pa.table({"token": ["0"]}), unfinished)
    (data_root.root / name).unlink()
    result = build_definitions().resolve_job_def("files").execute_in_process()
    (evaluation,) = result.get_asset_check_evaluations()
    assert (result.success, evaluation.passed) == (True, False)
    assert name in str(evaluation.metadata["files"].value)
