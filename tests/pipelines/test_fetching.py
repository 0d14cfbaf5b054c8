"""Connectors in the command line and in Dagster: there when they are configured, else not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from assets.connectors.connector import Fetching
from assets.storage.data_root import DataRoot
from pipelines.cli.main import register
from pipelines.definitions import build_definitions
from pipelines.schedules import nightly_fetch
from tests.support.data_roots import inbox_files
from tests.support.vendor_server import Reply, Seen, Server, serving

SENT = "tok-9f8e7d"
VISITOR = "maija@example.fi"


def visits(seen: Seen) -> Reply:
    if seen.fields["token_auth"] != SENT:
        return Reply(status=403)
    first = seen.fields["filter_offset"] == "0"
    return Reply([{"idVisit": 1, "userId": VISITOR}] if first else [])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataRoot:
    made = DataRoot(tmp_path / "data")
    made.create()
    monkeypatch.setenv("REGISTER_HOME", str(made.root))
    monkeypatch.setenv("MATOMO_TOKEN", SENT)
    return made


@pytest.fixture
def server(root: DataRoot) -> Iterator[Server]:
    """A site that is configured, and one with a token that is not there."""
    with serving(visits) as server:
        section = {"kind": "matomo", "url": server.url, "site": 1}
        sections = {
            "shop": {**section, "token": {"env": "MATOMO_TOKEN"}},
            "blog": {**section, "token": {"env": "NO_SUCH_TOKEN"}},
        }
        (root.root / "connectors.yaml").write_text(json.dumps({"connectors": sections}))
        yield server


def test_one_connector_that_fails_does_not_stop_the_others(root: DataRoot, server: Server) -> None:
    done = CliRunner().invoke(register, ["fetch", "--json"])
    assert done.exit_code == 1
    fetched = json.loads(done.stdout)
    assert fetched["fetched"]["shop"]["deliveries"] == 1
    assert len(fetched["failed"]) == 1
    assert "blog: FETCH-SECRET" in done.stderr
    again = CliRunner().invoke(register, ["fetch", "shop"])
    assert again.exit_code == 0
    assert len(inbox_files(root.root)) == 2
    assert not any(text in done.output + again.output for text in (SENT, VISITOR))


def test_since_fetches_from_that_day_on(root: DataRoot, server: Server) -> None:
    day = datetime.now(root.policy.zone).date() - timedelta(days=3)
    done = CliRunner().invoke(register, ["fetch", "shop", "--since", str(day), "--json"])
    assert json.loads(done.stdout)["fetched"]["shop"]["records"] == 3


def test_a_wrong_file_fails_what_fetches_and_nothing_else(root: DataRoot) -> None:
    (root.root / "connectors.yaml").write_text("connectors: {shop: {kind: no_such}}")
    done = CliRunner().invoke(register, ["fetch"])
    assert done.exit_code == 1
    assert "FETCH-CONFIGURATION" in str(done.exception)
    definitions = build_definitions()
    with dg.instance_for_test() as instance:
        day = str(datetime.now(root.policy.zone).date())
        fetched = definitions.resolve_job_def("fetch").execute_in_process(
            instance=instance, partition_key=day, raise_on_error=False
        )
        [failure] = [event for event in fetched.all_events if event.is_step_failure]
    assert failure.step_key == "fetched__configuration"
    assert "FETCH-CONFIGURATION" in str(failure.step_failure_data.user_failure_data)
    assert definitions.resolve_job_def("refresh")


def test_without_connectors_nothing_is_fetched_and_nothing_fails(root: DataRoot) -> None:
    done = CliRunner().invoke(register, ["fetch"])
    assert (done.exit_code, "no connectors are configured" in done.stdout) == (0, True)
    assert CliRunner().invoke(register, ["fetch", "shop"]).exit_code == 1
    definitions = build_definitions()
    assert not definitions.get_repository_def().has_job("fetch")


def test_a_connector_is_an_asset_before_the_inbox_of_its_source(
    root: DataRoot, server: Server
) -> None:
    definitions = build_definitions()
    repository = definitions.get_repository_def()
    assert repository.has_job("fetch")
    assert "nightly_fetch" in {each.name for each in repository.schedule_defs}
    graph = repository.asset_graph
    key = dg.AssetKey(["fetched", "shop"])
    assert key in graph.get(dg.AssetKey(["inbox", "website"])).parent_keys
    today = str(datetime.now(root.policy.zone).date())
    result = definitions.resolve_job_def("fetch").execute_in_process(
        partition_key=today,
        instance=dg.DagsterInstance.ephemeral(),
        asset_selection=[key],
        raise_on_error=False,
    )
    assert result.success
    (made,) = result.asset_materializations_for_node("fetched__shop")
    assert made.metadata["records"].value == 1
    assert len(inbox_files(root.root)) == 2
    late = definitions.resolve_job_def("fetch").execute_in_process(
        partition_key="2026-01-01",
        instance=dg.DagsterInstance.ephemeral(),
        raise_on_error=False,
    )
    messages = " ".join(str(event.event_specific_data) for event in late.all_events)
    assert "FETCH-DAY" in messages
    assert not any(text in messages for text in (SENT, VISITOR))


def test_the_nightly_fetch_is_of_the_day_that_has_begun(root: DataRoot) -> None:
    night = datetime(2026, 11, 30, 1, 30, tzinfo=root.policy.zone)
    request = nightly_fetch(dg.build_schedule_context(scheduled_execution_time=night))
    assert request.partition_key == "2026-11-30"


def test_a_fetch_holds_no_lock_while_it_waits_for_a_server(root: DataRoot) -> None:
    from pipelines.resources import fetching_resource

    with dg.build_resources({"fetching": fetching_resource}) as resources:
        fetching: Fetching = resources.fetching
        lock = root.root / "writer.lock"
        assert not lock.exists() or lock.read_bytes() == b""
        with fetching.locked():
            assert lock.read_bytes() == b"command"
