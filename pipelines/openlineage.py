"""OpenLineage events of what runs have made, for a data catalogue: names, columns and counts only.

Where they go is OpenLineage's own configuration, in the environment (`OPENLINEAGE_URL` and others).
An asset is a dataset and the job that makes it, both under its key; the run of an asset has
Dagster's run as its parent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any
from uuid import UUID, uuid5

import dagster as dg

from assets.storage.safe_errors import PlainError
from pipelines.jobs import FETCH, JOBS

NAMESPACE = "customer-marketing-register"
PRODUCER = "https://pypi.org/project/customer-marketing-register"
_CONFIGURED_BY = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT__TYPE")


class OpenLineageError(PlainError):
    """OpenLineage is configured and its client is not installed."""


def sensors() -> list[dg.SensorDefinition]:
    """Return the sensor, if the environment says where events go."""
    return [openlineage_sensor] if any(map(os.environ.get, _CONFIGURED_BY)) else []


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[*JOBS, FETCH],
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Sends an OpenLineage event for each asset that a run has made; names and counts.",
)
def openlineage_sensor(context: dg.RunStatusSensorContext) -> None:
    """Send the events of a run that has ended well."""
    if find_spec("openlineage") is None:
        raise OpenLineageError(
            "OpenLineage events need the extra `openlineage` "
            "(pip install 'customer-marketing-register[openlineage]')"
        )
    from openlineage.client import OpenLineageClient

    made: dict[dg.AssetKey, int | None] = {}
    for entry in context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
    ):
        if entry.dagster_event and entry.dagster_event.asset_key:
            metadata = entry.dagster_event.step_materialization_data.materialization.metadata
            rows = metadata.get("dagster/row_count")
            made[entry.dagster_event.asset_key] = int(str(rows.value)) if rows else None
    if context.repository_def is None:
        return
    client = OpenLineageClient()
    run = context.dagster_run
    for event in events(context.repository_def.asset_graph, run.run_id, run.job_name, made):
        client.emit(event)


def events(
    graph: Any, run_id: str, job_name: str, made: Mapping[dg.AssetKey, int | None]
) -> Iterator[Any]:
    """Yield a COMPLETE event per asset.

    Args:
        graph: The definitions' asset graph.
        made: Asset -> its number of rows; None if it has no such number.
    """
    from openlineage.client import event_v2 as ol
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics
    from openlineage.client.facet_v2 import parent_run

    now = datetime.now(UTC).isoformat()
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(run_id), job=parent_run.Job(NAMESPACE, job_name), producer=PRODUCER
    )
    for key, rows in made.items():
        node, name = graph.get(key), _name(key)
        counted = statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows, producer=PRODUCER)
        yield ol.RunEvent(
            eventTime=now,
            producer=PRODUCER,
            eventType=ol.RunState.COMPLETE,
            run=ol.Run(str(uuid5(UUID(run_id), name)), facets={"parent": parent}),
            job=ol.Job(NAMESPACE, name),
            inputs=[ol.InputDataset(NAMESPACE, _name(read)) for read in sorted(node.parent_keys)],
            outputs=[
                ol.OutputDataset(
                    NAMESPACE,
                    name,
                    facets=_facets(node.description, node.metadata),
                    outputFacets={} if rows is None else {"outputStatistics": counted},
                )
            ],
        )


def _name(key: dg.AssetKey) -> str:
    return key.to_user_string()


def _facets(description: str | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facets of a dataset: what it is, its columns, and where they come from."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage
    from openlineage.client.facet_v2 import documentation_dataset, schema_dataset

    facets: dict[str, Any] = {
        "documentation": documentation_dataset.DocumentationDatasetFacet(
            description or "", producer=PRODUCER
        )
    }
    if schema := metadata.get("dagster/column_schema"):
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(
                    column.name, column.type, column.description
                )
                for column in schema.columns
            ],
            producer=PRODUCER,
        )
    if origins := metadata.get("dagster/column_lineage"):
        facets["columnLineage"] = lineage.ColumnLineageDatasetFacet(
            fields={
                column: lineage.Fields(
                    [
                        lineage.InputField(NAMESPACE, _name(dep.asset_key), dep.column_name)
                        for dep in deps
                    ]
                )
                for column, deps in origins.deps_by_column.items()
            },
            producer=PRODUCER,
        )
    return facets
