"""A blocking check that fails is named with its asset, count and page; checks that never ran are
not shown as failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.dagster_support.metadata import stops, without_values
from assets.register import integrity_checks
from assets.storage.data_root import DataRoot
from pipelines.cli.refresh import failures, refresh
from pipelines.definitions import build_definitions
from pipelines.event_log import forget_checks_not_run
from schemas.marts import MARTS
from tests.support.deliveries import basic_data
from tests.support.population_register_messages import code, name, person
from tests.support.registers import typed

GUIDE = Path(__file__).parents[2] / "docs" / "operators-guide.md"
KEY = dg.AssetKey(["register", "registrants"])


@dg.asset(key=KEY, check_specs=[dg.AssetCheckSpec("one_identity_code", asset=KEY, blocking=True)])
def built() -> Iterator[object]:
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(
        check_name="one_identity_code", passed=False, description=stops("one_identity_code", 3)
    )


@dg.asset_check(asset=KEY, name="nobody_erased", blocking=True)
def nobody_erased() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset(key=["marts", "contracts"], deps=[KEY])
def mart() -> None:
    pass


@dg.asset
@without_values
def broken() -> None:
    raise KeyError("131052-308T")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def ran(instance: dg.DagsterInstance, *definitions: object) -> dg.ExecuteInProcessResult:
    made = dg.Definitions(
        assets=[
            definition
            for definition in definitions
            if not isinstance(definition, dg.AssetChecksDefinition)
        ],
        asset_checks=[
            definition
            for definition in definitions
            if isinstance(definition, dg.AssetChecksDefinition)
        ],
        jobs=[dg.define_asset_job("all", executor_def=dg.in_process_executor)],
    )
    job = made.resolve_job_def("all")
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_the_command_names_check_asset_count_and_page(instance: dg.DagsterInstance) -> None:
    result = ran(instance, built, nobody_erased, mart)
    assert not result.success
    assert failures(result.all_events) == [
        "check one_identity_code on register/registrants: 3 found; the published marts stay as "
        "they are; what to do is in docs/operators-guide.md#one_identity_code"
    ]


def test_a_step_that_raised_is_named_without_its_message(instance: dg.DagsterInstance) -> None:
    [reason] = failures(ran(instance, broken).all_events)
    assert reason.startswith("broken: KeyError")
    assert "131052" not in reason


def test_a_check_that_never_ran_is_not_on_record(instance: dg.DagsterInstance) -> None:
    result = ran(instance, built, nobody_erased, mart)
    forget_checks_not_run(instance, result.run_id)
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(KEY, name) for name in ("one_identity_code", "nobody_erased")]
    )
    assert {key.name: record.status.value for key, record in latest.items()} == {
        "one_identity_code": "FAILED"
    }


def test_every_blocking_check_has_a_section_in_the_guide() -> None:
    definitions = build_definitions()
    blocking = {
        spec.name
        for definition in [*(definitions.assets or ()), *(definitions.asset_checks or ())]
        if isinstance(definition, dg.AssetsDefinition)
        for spec in definition.check_specs
        if spec.blocking
    }
    assert "one_identity_code" in blocking
    headings = {
        line.removeprefix("### ").strip("`")
        for line in GUIDE.read_text().splitlines()
        if line.startswith("### ")
    }
    assert blocking - headings == set()


class TestRefresh:
    """`register refresh` of one person, with a register that does not pass a check."""

    @pytest.fixture
    def data_root(self, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
        monkeypatch.setenv("REGISTER_HOME", str(data_root.root))
        monkeypatch.setenv("DAGSTER_HOME", "")
        basic_data(data_root, "2026-11-10", [person(code("010190-900"), name("Aino", "Testi"))])
        return data_root

    def test_a_failed_build_never_looks_done_and_heals(
        self, data_root: DataRoot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checked = integrity_checks.check
        monkeypatch.setattr(integrity_checks, "check", lambda data_root: {"one_identity_code": 2})
        for _ in range(2):
            ended = typed(data_root, refresh, "--as-of", "2026-11-20")
            assert ended.exit_code == 1
            assert "check one_identity_code on register/registrants: 2 found" in ended.output
            assert "docs/operators-guide.md#one_identity_code" in ended.output
            assert "Nothing new" not in ended.output
            assert not list(data_root.marts.iterdir())
            assert not (data_root.lake / "register" / "swept.json").exists()
        monkeypatch.setattr(integrity_checks, "check", checked)
        healed = typed(data_root, refresh, "--as-of", "2026-11-20")
        assert (healed.exit_code, healed.output.startswith("Nothing new")) == (0, False)
        assert {path.stem for path in data_root.marts.glob("*.duckdb")} == set(MARTS)
        again = typed(data_root, refresh, "--as-of", "2026-11-20")
        assert (again.exit_code, again.output.startswith("Nothing new")) == (0, True)
