"""OpenLineage events: where they are configured, one for each asset that a run has made."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from pipelines import openlineage

COLUMNS = dg.TableSchema([dg.TableColumn("email", "VARCHAR", "an address. From contacts.")])
LINEAGE = dg.TableColumnLineage({"email": [dg.TableColumnDep(dg.AssetKey("contacts"), "value")]})


@dg.asset(
    deps=["contacts"],
    description="Who may be contacted.",
    metadata={"dagster/column_schema": COLUMNS, "dagster/column_lineage": LINEAGE},
)
def reachable() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(metadata={"dagster/row_count": 7})


def test_without_configuration_there_is_no_sensor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert openlineage.sensors() == []
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    assert openlineage.sensors() == [openlineage.openlineage_sensor]


def test_a_run_becomes_events_with_columns_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.json"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(file))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    job = dg.define_asset_job("refresh", ["reachable"])
    definitions = dg.Definitions(assets=[reachable], jobs=[job])
    with dg.instance_for_test() as instance:
        result = definitions.resolve_job_def("refresh").execute_in_process(instance=instance)
        openlineage.openlineage_sensor(
            dg.build_run_status_sensor_context(
                sensor_name="openlineage_sensor",
                dagster_event=result.get_run_success_event(),
                dagster_instance=instance,
                dagster_run=result.dagster_run,
                repository_def=definitions.get_repository_def(),
            )
        )
    [event] = [json.loads(line) for line in file.read_text().splitlines()]
    [output] = event["outputs"]
    assert (event["eventType"], event["job"]["name"]) == ("COMPLETE", "reachable")
    assert [read["name"] for read in event["inputs"]] == ["contacts"]
    assert event["run"]["facets"]["parent"]["run"]["runId"] == result.run_id
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7
    assert output["facets"]["schema"]["fields"][0]["name"] == "email"
    [read] = output["facets"]["columnLineage"]["fields"]["email"]["inputFields"]
    assert (read["name"], read["field"]) == ("contacts", "value")
