"""Another controller's policy file runs without a change of the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import pytest

from assets.storage.data_root import DataRoot
from pipelines.cli.main import register as command
from pipelines.definitions import build_definitions
from schemas import declarations
from schemas.policy.diagnostics import PolicyError
from schemas.policy.loader import POLICY_FILE, load_policy, policy_file
from tests.support.commands import ended as end_of
from tests.support.commands import register, start

# As deploy/dagster.yaml: what steps print is not stored.
NOTHING_PRINTED = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The file of another controller: name, country, languages, codes of rules and recipients."""
    text = POLICY_FILE.read_text(encoding="utf-8")
    for old, new in (
        ("Qvik Oy", "Esimerkki Ab"),
        ("qvik.com", "example.fi"),
        ('version: "2019-06-27"', 'version: "2026-05-01"'),
        ("time_zone: Europe/Helsinki", "time_zone: Europe/Stockholm"),
        ("country: FI\nlanguages: [fi, sv, en]", "country: SE\nlanguages: [sv, en]"),
        ("  marketing_automation:\n", "  mailer:\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "own.yaml"
    path.write_text(re.sub(r"\bRET-([A-Z-]+)-[0-9A-Z]+\b", r"RET-OUR-\1", text), encoding="utf-8")
    return path


@pytest.fixture
def in_force(own: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REGISTER_POLICY", str(own))
    return own


class TestLoading:
    def test_the_variable_names_the_file_in_force(self, in_force: Path) -> None:
        assert policy_file() == in_force
        assert load_policy().controller.name == "Esimerkki Ab"
        assert load_policy(POLICY_FILE).controller.name != "Esimerkki Ab"
        assert load_policy().fingerprint != load_policy(POLICY_FILE).fingerprint

    @pytest.mark.parametrize("value", [None, ""])
    def test_without_it_the_shipped_file_is(
        self, value: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REGISTER_POLICY", raising=False)
        if value is not None:
            monkeypatch.setenv("REGISTER_POLICY", value)
        assert policy_file() == POLICY_FILE

    def test_a_missing_file_is_an_error_and_not_the_shipped_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REGISTER_POLICY", str(tmp_path / "none.yaml"))
        with pytest.raises(PolicyError, match=r"none\.yaml line 1: the file: the file cannot be"):
            load_policy()

    @pytest.mark.usefixtures("in_force")
    def test_it_covers_every_table_of_the_package(self) -> None:
        declarations.check(load_policy())


def leaves(group: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            part = group.get_command(context, name)
            assert part is not None
            yield from leaves(part, click.Context(part, info_name=name, parent=context))
    else:
        yield context.command_path, group


class TestCommands:
    def test_every_command_has_the_option_once(self) -> None:
        for _ in range(2):
            every = dict(leaves(command, click.Context(command, info_name="register")))
            assert len(every) > 40
            for path, leaf in every.items():
                options = [each for each in leaf.params if "--policy" in each.opts]
                assert len(options) == 1, path

    @pytest.mark.parametrize(
        "arguments",
        [
            ("notice", "--lang", "sv", "--policy", "{own}"),
            ("--policy", "{own}", "notice", "--lang", "sv"),
            ("report", "processing", "--policy", "own.yaml"),
        ],
    )
    def test_it_is_the_policy_of_the_command(
        self, arguments: tuple[str, ...], own: Path, tmp_path: Path
    ) -> None:
        done = register(tmp_path / "data", *(each.format(own=own) for each in arguments))
        assert done.code == 0, done.err
        assert "Esimerkki Ab" in done.out

    def test_so_is_the_variables(self, own: Path, tmp_path: Path) -> None:
        done = end_of(
            start(tmp_path / "data", "policy", "check", "--json", REGISTER_POLICY=str(own))
        )
        assert done.data["hash"] == load_policy(own).fingerprint

    def test_one_that_is_not_valid_stops_any_command_with_its_faults(
        self, own: Path, tmp_path: Path
    ) -> None:
        own.write_text(
            own.read_text(encoding="utf-8").replace("segment_floor: 20", "segment_floor: 2")
        )
        for arguments in (("refresh",), ("notice", "--lang", "sv"), ("retention", "--dry-run")):
            done = register(tmp_path / "data", *arguments, "--policy", str(own))
            assert done.code == 1
            assert re.match(r"register: own\.yaml line \d+ \(P4\.4\): profiles\.", done.err)
            assert "withheld" not in done.err


class TestRuns:
    @pytest.mark.usefixtures("in_force")
    def test_jobs_are_tagged_with_its_hash(self) -> None:
        definitions = build_definitions()
        for name in ("refresh", "retention", "erasure_backfill"):
            tags = definitions.resolve_job_def(name).tags
            assert tags["policy/hash"] == load_policy().fingerprint

    @pytest.mark.usefixtures("in_force")
    @pytest.mark.parametrize("asset", [("policy", "conflicts"), ("requests", "ledger")])
    def test_so_is_a_run_that_is_no_jobs(
        self, asset: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REGISTER_HOME", str(tmp_path / "data"))
        DataRoot(tmp_path / "data").create()
        definitions = build_definitions()
        job = definitions.resolve_implicit_global_asset_job_def()
        with dg.instance_for_test(overrides=NOTHING_PRINTED) as instance:
            done = job.execute_in_process(
                instance=instance, asset_selection=[dg.AssetKey(list(asset))]
            )
            run = instance.get_run_by_id(done.run_id)
            assert run is not None
            assert run.tags["policy/hash"] == load_policy().fingerprint
            assert run.tags["policy/version"] == "2026-05-01"

    def test_every_asset_uses_a_resource_that_tags_its_run(self) -> None:
        definitions = build_definitions()
        untagged = [
            key.to_user_string()
            for key, asset in (
                (key, asset)
                for asset in definitions.assets or ()
                if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
                for key in asset.keys
            )
            if not asset.required_resource_keys & {"data_root", "unchecked_data_root", "today"}
        ]
        assert untagged == []
