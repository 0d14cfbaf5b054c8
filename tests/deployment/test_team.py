"""A team's deployment, for real: PostgreSQL, code server, daemon, two webservers and the proxy.

Costs about a minute of processor time: five processes load the code, and a register is built once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from assets.storage.data_root import DataRoot
from tests.support.deliveries import basic_data
from tests.support.population_register_messages import code, home_address, name, person
from tests.support.team import Team, running_team

MAIJA, MATTI = code("010190-905"), code("020291-906")
PERSONAL = ("Maija", "Esimerkki", "Matti", "Malliksi", "Esimerkkikatu")
GUESSED = "guessed"
TYPED = "typed-by-hand-into-a-tag"
OWN = {"Origin": "https://register.example.fi"}
SELECTOR = {"repositoryLocationName": "register", "repositoryName": "__repository__"}
LAUNCH = """mutation Launch($params: ExecutionParams!) {
    launchRun(executionParams: $params) {
        __typename
        ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
    }
}"""
BACKFILL = """mutation Backfill($params: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $params) {
        __typename
        ... on LaunchBackfillSuccess { backfillId }
        ... on PythonError { message }
    }
}"""
RUNS = """query Runs($filter: RunsFilter!) {
    runsOrError(filter: $filter) {
        ... on Runs { results { runId status tags { key value } } }
    }
}"""

pytestmark = pytest.mark.deployment


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    data_root = DataRoot(folder / "data")
    data_root.create()
    people = [
        person(
            identity_code,
            name(given, family),
            home_address("Esimerkkikatu", number, "00100", "HELSINKI", "2010-05-01"),
        )
        for identity_code, given, family, number in (
            (MAIJA, "Maija", "Esimerkki", "1"),
            (MATTI, "Matti", "Malliksi", "2"),
        )
    ]
    basic_data(data_root, "2026-11-01", people)
    with running_team(folder, data_root.root) as running:
        yield running


def of_job(tag: str = "") -> dict[str, Any]:
    """The parameters of a launch of the job `requests`."""
    return {
        "selector": {**SELECTOR, "pipelineName": "requests"},
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "note", "value": tag}] if tag else []},
    }


def launch(team: Team, user: str, tag: str = "") -> Any:
    """What launching that job gives a user."""
    return team.graphql(LAUNCH, user, params=of_job(tag))["launchRun"]


def launched(team: Team, user: str, tag: str = "") -> str:
    """The id of the run."""
    result = launch(team, user, tag)
    assert result["__typename"] == "LaunchRunSuccess", result
    return str(result["run"]["runId"])


def run(team: Team, run_id: str) -> dict[str, Any]:
    (entry,) = team.graphql(RUNS, "veikko", filter={"runIds": [run_id]})["runsOrError"]["results"]
    return {**entry, "tags": {tag["key"]: tag["value"] for tag in entry["tags"]}}


def ended(team: Team, run_id: str) -> dict[str, Any]:
    end = time.monotonic() + 180
    while (now := run(team, run_id))["status"] not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < end, now
        time.sleep(0.5)
    return now


@pytest.mark.clause("P8.1")
class TestAccounts:
    @pytest.mark.parametrize("path", ["/", "/runs", "/server_info", "/graphql"])
    def test_without_an_account_nothing_is_seen(self, team: Team, path: str) -> None:
        assert team.ask(path).status == 401
        assert team.ask(path, "anna", GUESSED).status == 401
        assert team.ask(path, "eve", GUESSED).status == 401
        assert team.ask(path, "veikko").status in (200, 400)

    def test_past_the_proxy_nobody_is_answered(self, team: Team) -> None:
        for unit in ("operators", "watchers"):
            assert team.past_the_proxy(unit) == 401
        assert team.past_the_proxy("operators", **{"X-Register-User": "anna"}) == 200

    def test_a_name_in_the_visitor_s_own_header_is_not_believed(self, team: Team) -> None:
        answer = team.ask(
            "/graphql",
            "bertil",
            body={"query": LAUNCH, "variables": {"params": of_job()}},
            **{"X-Register-User": "anna"},
        )
        result = answer.data["launchRun"]
        assert result["__typename"] == "LaunchRunSuccess", result
        run_id = result["run"]["runId"]
        assert ended(team, run_id)["tags"]["register/user"] == "bertil"

    def test_pages_of_other_origins_change_nothing(self, team: Team) -> None:
        asked = {"query": "{ version }"}
        for headers in (
            {"Origin": "https://attacker.example.com"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
        ):
            assert team.ask("/graphql", "anna", body=asked, **headers).status == 403
        assert team.ask("/graphql?query={version}", "anna").status == 405
        assert team.ask("/graphql", "anna", body=asked, **OWN).status == 200

    def test_a_watcher_sees_and_changes_nothing(self, team: Team) -> None:
        assert launch(team, "veikko") == {"__typename": "UnauthorizedError"}
        assert team.ask("/report_asset_materialization/x", "anna", body={}).status == 405


class TestRuns:
    @pytest.mark.clause("P8.1")
    def test_the_runs_of_two_people_are_distinguished_and_run(self, team: Team) -> None:
        ids = {user: launched(team, user) for user in ("anna", "bertil")}
        for user, run_id in ids.items():
            done = ended(team, run_id)
            assert (done["status"], done["tags"]["register/user"]) == ("SUCCESS", user)
            assert ["launchRun"] in [
                entry["action"] for entry in team.actions if entry["user"] == user
            ]

    @pytest.mark.clause("P8.1")
    def test_a_backfill_and_its_runs_carry_who_launched_it(self, team: Team) -> None:
        params = {
            "assetSelection": [{"path": ["raw", "population_register"]}],
            "partitionNames": ["2026-11-01"],
            "tags": [],
        }
        result = team.graphql(BACKFILL, "bertil", params=params)["launchPartitionBackfill"]
        assert result["__typename"] == "LaunchBackfillSuccess", result
        of_it = {"tags": [{"key": "dagster/backfill", "value": result["backfillId"]}]}
        end = time.monotonic() + 120
        while not (made := team.graphql(RUNS, "veikko", filter=of_it)["runsOrError"]["results"]):
            assert time.monotonic() < end
            time.sleep(0.5)
        tags = {tag["key"]: tag["value"] for tag in made[0]["tags"]}
        assert tags["register/user"] == "bertil"

    @pytest.mark.clause("P8.1")
    def test_an_erasure_by_command_is_in_the_team_s_instance_with_who_ran_it(
        self, team: Team
    ) -> None:
        team.register("refresh", "--as-of", "2026-11-20")
        request_id = json.loads(
            team.register(
                "request", "erasure", "--channel", "written", "--identity-code", MAIJA, "--json",
            )
        )["request_id"]  # fmt: skip
        team.register("request", "verify", request_id, "--means", "strong_identification")
        team.register("erase", request_id)
        query = """query Closed($key: AssetKeyInput!) {
            assetOrError(assetKey: $key) {
                ... on Asset { assetMaterializations(limit: 9) { partition runId } }
            }
        }"""
        asset = team.graphql(query, "veikko", key={"path": ["erasure", "closed"]})["assetOrError"]
        (closed,) = asset["assetMaterializations"]
        assert closed["partition"] == request_id
        assert run(team, closed["runId"])["tags"]["register/user"] == "cecilia"
        assert not list((team.root / "dagster").rglob("*.db"))
        written = {path.name for path in (team.folder / "etc").rglob("*") if path.is_file()}
        assert written == {"dagster.yaml", "workspace.yaml"}


def test_nothing_personal_is_in_postgresql_or_in_what_the_processes_print(team: Team) -> None:
    stored = team.postgres.dump() + "".join(
        path.read_text("utf-8", "replace") for path in (team.folder / "log").iterdir()
    )
    assert len(stored) > 100_000
    assert [text for text in (*PERSONAL, MAIJA, MATTI) if text.lower() in stored.lower()] == []


def test_what_was_typed_by_hand_goes_out_of_postgresql_s_tables(team: Team) -> None:
    ended(team, launched(team, "anna", TYPED))
    assert TYPED in team.postgres.dump()
    done = json.loads(team.register("janitor", "--older-than", "0", "--json"))
    assert (done["vacuumed"], done.get("busy", 0)) == (3, 0), done
    assert team.postgres.ask("SELECT count(*) FROM runs") == "0"
    # What the daemon says of assets is of no run.
    assert team.postgres.ask("SELECT count(*) FROM event_logs WHERE run_id <> ''") == "0"
    assert not any(TYPED.encode() in content for content in team.postgres.tables())
