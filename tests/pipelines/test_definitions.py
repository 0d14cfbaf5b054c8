"""What the data team sees in Dagster: the assets, jobs, schedule and sensors, and what each asset
has as metadata.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.dagster_support.metadata import with_guide
from assets.ingest.deliveries import refuse, waiting
from assets.requests import ledger
from assets.sources import all_sources
from assets.storage.data_root import DataRoot
from pipelines.definitions import build_definitions
from pipelines.sensors import inbox_sensor, request_sensor, watch_sensor
from schemas.delivery import RefusedDeliveryError
from schemas.policy.loader import load_policy
from tests.support.deliveries import csv, put
from tests.test_docs import headings

SOURCES = {source.name for source in all_sources.SOURCES}
MARTS = {
    "products_and_services",
    "customer_care",
    "contracts",
    "direct_marketing",
    "analytics",
    "targeted_advertising",
    "credit_decision",
    "legal_claims",
}
REGISTER = {
    "membership",
    "registrants",
    "provenance",
    "names",
    "addresses",
    "contact_points",
    "choices",
    "choice_log",
    "contracts",
    "orders",
    "visits",
    "companies",
    "company_names",
    "company_contacts",
    "credit_reports",
    "credit_marks",
    "interests",
    "identifiers",
    "departed",
    "expired",
    "admission",
    "segregated_orders",
    "segregated_consents",
    "visits_per_month",
    "event_attendance",
    "participations",
    "diets",
    "calls",
    "correspondence",
    "social_media",
    "other_data",
    "corrections",
    "contradictions",
}
GROUPS = {
    "inbox": {f"inbox/{source}" for source in SOURCES},
    "raw": {f"raw/{source}" for source in SOURCES},
    "staged": {f"staged/{source}" for source in SOURCES},
    "register": {f"register/{table}" for table in REGISTER},
    "built": {f"built/{mart}" for mart in MARTS},
    "marts": {f"marts/{mart}" for mart in MARTS},
    "retention": {"retention/sweep", "retention/forecast"},
    "policy": {"policy/conflicts"},
    "erasure": {f"erasure/{step}" for step in ("found", "suppressed", "removed", "backups")},
    "erased": {"erasure/closed"},
    "upkeep": {"upkeep/dagster_storage", "upkeep/backups", "upkeep/files"},
    "requests": {"requests/ledger"},
    "reports": {"reports/dashboard"},
}
JOBS = {
    "refresh",
    "ingest",
    "retention",
    "erasure_backfill",
    "janitor",
    "rotation",
    "requests",
    "files",
    "dashboard",
}
SENSORS = {
    "inbox_sensor",
    "request_sensor",
    "rights_sensor",
    "failure_sensor",
    "watch_sensor",
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions()


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    made = DataRoot(tmp_path / "data")
    made.create()
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    return made


def selected(definitions: dg.Definitions, job: str) -> set[str]:
    keys = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
    return {key.path[0] for key in keys}


class TestDefinitions:
    def test_they_load(self, definitions: dg.Definitions) -> None:
        dg.Definitions.validate_loadable(definitions)

    def test_groups_are_the_way_of_the_data(self, specs: dict[str, dg.AssetSpec]) -> None:
        groups: dict[str, set[str]] = {}
        for key, spec in specs.items():
            groups.setdefault(str(spec.group_name), set()).add(key)
        assert groups == GROUPS

    def test_jobs_select_what_they_are_named_for(self, definitions: dg.Definitions) -> None:
        named = {job.name for job in definitions.jobs or []}
        assert named == JOBS
        assert selected(definitions, "ingest") == {"raw", "staged"}
        assert selected(definitions, "refresh") == {
            "raw",
            "staged",
            "register",
            "built",
            "marts",
            "retention",
            "policy",
            "requests",
        }
        assert selected(definitions, "retention") == {
            "register",
            "built",
            "marts",
            "retention",
            "policy",
            "requests",
        }
        assert selected(definitions, "erasure_backfill") == {
            "erasure",
            "register",
            "built",
            "marts",
        }

    def test_the_janitor_touches_nothing_but_dagsters_storage(
        self, definitions: dg.Definitions
    ) -> None:
        assert selected(definitions, "janitor") == {"upkeep"}

    def test_days_and_requests_are_partitions(self, definitions: dg.Definitions) -> None:
        partitioned = {job: definitions.resolve_job_def(job).partitions_def for job in JOBS}
        assert partitioned["retention"] is None
        assert isinstance(partitioned["erasure_backfill"], dg.DynamicPartitionsDefinition)
        for job in ("refresh", "ingest"):
            days = partitioned[job]
            assert isinstance(days, dg.DailyPartitionsDefinition)
            assert (days.get_first_partition_key(), days.timezone) == (
                "2015-01-01",
                "Europe/Helsinki",
            )
            with dg.partition_loading_context(
                effective_dt=datetime(2026, 11, 19, 22, 30, tzinfo=UTC)
            ):
                assert days.get_last_partition_key() == "2026-11-20"

    def test_every_run_is_in_one_process(self, definitions: dg.Definitions) -> None:
        assert {definitions.resolve_job_def(job).executor_def.name for job in JOBS} == {
            "in_process"
        }

    def test_one_thing_is_never_written_by_two_runs(self, definitions: dg.Definitions) -> None:
        pools = {
            node.pool
            for asset in definitions.resolve_asset_graph().assets_defs
            if asset.is_executable
            for node in [asset.op]
            if not asset.check_keys and "reports" not in asset.group_names_by_key.values()
        }
        assert pools == {"lake"}

    def test_bad_data_stops_at_blocking_checks(self, definitions: dg.Definitions) -> None:
        graph = definitions.resolve_asset_graph()
        blocking = {
            f"{key.asset_key.to_user_string()}:{key.name}"
            for key in graph.asset_check_keys
            if graph.get_check_spec(key).blocking
        }
        wanted = {f"staged/{source}:conservation" for source in SOURCES} | {
            f"built/{mart}:fit_to_publish" for mart in MARTS
        }
        wanted |= {f"raw/{source}:nobody_suppressed" for source in SOURCES}
        wanted |= {f"built/{mart}:nobody_erased" for mart in MARTS} | {
            "register/registrants:nobody_erased",
            "erasure/closed:proven",
        }
        assert wanted <= blocking
        assert any(name.startswith("register/registrants:") for name in blocking)


class TestAssets:
    def test_each_has_a_description_and_an_owner(self, specs: dict[str, dg.AssetSpec]) -> None:
        assert [key for key, spec in specs.items() if not spec.description] == []
        assert [key for key, spec in specs.items() if not spec.owners] == []
        assert [key for key, spec in specs.items() if not spec.kinds] == []

    def test_each_description_ends_with_its_place_in_the_guide(
        self, specs: dict[str, dg.AssetSpec], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        anchors = set(headings(Path(__file__).parents[2] / "docs" / "operators-guide.md"))
        for key, spec in specs.items():
            page, _, anchor = str(spec.description).rpartition("#")
            assert page.endswith("Operator's guide: docs/operators-guide.md"), key
            assert anchor in anchors, key
        monkeypatch.setenv("REGISTER_GUIDE", "https://docs.example.fi/register/")
        linked = with_guide(dg.AssetSpec("marts", group_name="marts", description="Marts."))
        assert str(linked.description).endswith(
            "[Operator's guide](https://docs.example.fi/register/operators-guide/#reading-a-mart)"
        )

    def test_each_table_shows_its_columns_with_a_category_of_the_policy(
        self, specs: dict[str, dg.AssetSpec]
    ) -> None:
        categories = set(load_policy().categories)
        for key, spec in specs.items():
            if spec.group_name in ("raw", "staged", "register", "marts"):
                columns = spec.metadata["dagster/column_schema"].columns
                assert columns, key
                assert {column.tags["category"] for column in columns if column.tags} <= (
                    categories - {"technical"}
                ), key

    def test_a_column_has_few_tags_and_a_description_with_its_origin(
        self, specs: dict[str, dg.AssetSpec]
    ) -> None:
        """The UI shows no column lineage, and each tag makes a column's row higher."""
        for key, spec in specs.items():
            schema = spec.metadata.get("dagster/column_schema")
            for column in schema.columns if schema else ():
                assert column.tags.keys() in (set(), {"category", "clause"}), (key, column.name)
                assert re.search(r"\. (From|Computed|Set) .+\.$", column.description), (key, column)
        described = {
            column.name: column.description
            for column in specs["marts/customer_care"].metadata["dagster/column_schema"].columns
        }
        assert described["registrants.street"].endswith(
            "From registrants: street (of contact_provider, crm, population_register, self)."
        )

    def test_columns_say_where_they_come_from(self, specs: dict[str, dg.AssetSpec]) -> None:
        lineage = specs["built/contracts"].metadata["dagster/column_lineage"].deps_by_column
        assert lineage["registrants.identity_code"] == [
            dg.TableColumnDep(dg.AssetKey(["register", "registrants"]), "identity_code")
        ]
        for key, spec in specs.items():
            if spec.group_name in ("staged", "register") or key.startswith("built/"):
                assert "dagster/column_lineage" in spec.metadata, key

    def test_what_is_published_is_to_be_fresh(self, specs: dict[str, dg.AssetSpec]) -> None:
        for key, spec in specs.items():
            if key.startswith(("register/", "marts/")):
                assert spec.freshness_policy is not None, key


class TestSchedule:
    def test_it_is_every_night_at_half_past_two_in_helsinki(
        self, definitions: dg.Definitions
    ) -> None:
        nightly_refresh = definitions.resolve_schedule_def("nightly_refresh")
        values = (
            nightly_refresh.cron_schedule,
            nightly_refresh.execution_timezone,
            nightly_refresh.job_name,
            nightly_refresh.default_status,
        )
        assert values == (
            "30 2 * * *",
            "Europe/Helsinki",
            "refresh",
            dg.DefaultScheduleStatus.RUNNING,
        )

    def tick(
        self, definitions: dg.Definitions, instance: dg.DagsterInstance
    ) -> list[tuple[str | None, str, str]]:
        night = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
        context = dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=night,
            repository_def=definitions.get_repository_def(),
        )
        nightly_refresh = definitions.resolve_schedule_def("nightly_refresh")
        asked = nightly_refresh.evaluate_tick(context).run_requests or []
        return [
            (
                request.run_key,
                request.tags["dagster/asset_partition_range_start"],
                request.tags["dagster/asset_partition_range_end"],
            )
            for request in asked
        ]

    def test_without_deliveries_there_is_one_run_for_retention(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        with dg.instance_for_test() as instance:
            assert self.tick(definitions, instance) == [
                ("2026-11-20/2026-11-20", "2026-11-20", "2026-11-20")
            ]

    def test_days_close_together_are_one_run(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        for day in ("2026-11-03", "2026-11-04", "2026-11-17"):
            put(data_root, "crm", day, "orders", csv([{"order_number": "1"}]), 1)
        with dg.instance_for_test() as instance:
            assert [(first, last) for _, first, last in self.tick(definitions, instance)] == [
                ("2026-11-03", "2026-11-04"),
                ("2026-11-17", "2026-11-17"),
            ]


class TestSensors:
    def test_they_are_these(self, definitions: dg.Definitions) -> None:
        assert {sensor.name for sensor in definitions.sensors or []} == SENSORS

    def test_only_the_inbox_is_left_to_be_switched_on(self) -> None:
        status = {
            sensor.name: sensor.default_status
            for sensor in (inbox_sensor, request_sensor, watch_sensor)
        }
        assert status == {
            "inbox_sensor": dg.DefaultSensorStatus.STOPPED,
            "request_sensor": dg.DefaultSensorStatus.RUNNING,
            "watch_sensor": dg.DefaultSensorStatus.RUNNING,
        }

    def look(self, definitions: dg.Definitions) -> list[dg.RunRequest]:
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance=instance, repository_def=definitions.get_repository_def()
            )
            return list(inbox_sensor.evaluate_tick(context).run_requests or [])

    def test_an_empty_inbox_starts_nothing(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        assert self.look(definitions) == []

    def test_a_delivery_starts_one_run_for_its_day_once(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        path = put(
            data_root,
            "crm",
            "2026-11-03",
            "orders",
            csv([{"order_number": "1"}]),
            1,
            name="maija-esimerkki.csv",
        )
        first, second = self.look(definitions), self.look(definitions)
        assert [request.run_key for request in first] == [request.run_key for request in second]
        assert [request.tags["dagster/asset_partition_range_start"] for request in first] == [
            "2026-11-03"
        ]
        assert path.stem not in repr(first)
        put(data_root, "crm", "2026-11-03", "orders", csv([{"order_number": "2"}]), 1)
        assert self.look(definitions)[0].run_key != first[0].run_key

    def test_a_file_without_its_manifest_is_not_there_yet(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        path = put(data_root, "crm", "2026-11-03", "orders", csv([{"order_number": "1"}]), 1)
        path.with_name(path.name + ".manifest.json").unlink()
        assert self.look(definitions) == []

    def test_what_was_refused_starts_nothing(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        put(data_root, "crm", "2026-11-03", "orders", csv([{"order_number": "1"}]), 1)
        [item] = waiting(data_root, "crm")
        refuse(data_root, item, RefusedDeliveryError("DEL-SIZE"))
        assert self.look(definitions) == []

    def test_a_pending_request_becomes_a_partition_by_its_id_alone(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        now = datetime.now(UTC)
        request_id = ledger.receive(
            data_root, "erasure", "written", ["customer_number:C0000001"], now
        )
        closed = ledger.receive(
            data_root,
            "erasure",
            "written",
            ["customer_number:C0000002"],
            now + timedelta(seconds=1),
        )
        ledger.close(data_root, ledger.load(data_root, closed), now)
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance=instance, repository_def=definitions.get_repository_def()
            )
            asked = request_sensor.evaluate_tick(context)
            assert [
                list(addition.partition_keys)
                for addition in asked.dynamic_partitions_requests or []
            ] == [[request_id]]
            assert not asked.run_requests
            instance.add_dynamic_partitions("requests", [request_id])
            assert not request_sensor.evaluate_tick(context).dynamic_partitions_requests

    def test_before_the_first_erasure_there_is_nothing_to_remove(
        self, definitions: dg.Definitions, data_root: DataRoot
    ) -> None:
        """Else the UI asks at each refresh whether the register may fail without it."""
        with dg.instance_for_test() as instance:
            context = dg.build_sensor_context(
                instance=instance, repository_def=definitions.get_repository_def()
            )
            [recorded] = request_sensor.evaluate_tick(context).asset_events
            assert recorded.asset_key == dg.AssetKey(["erasure", "removed"])
            instance.report_runless_asset_event(recorded)
            assert not request_sensor.evaluate_tick(context).asset_events
