"""The real UI answers the browser of its operator, runs what it launches, and nobody else's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import websocket

from tests.support.commands import Refreshed
from tests.support.data_roots import copied
from tests.support.ui import Ui, running_ui

FOREIGN = {"Origin": "http://attacker.example"}
VERSION = {"query": "{ version }"}
LAUNCH = """mutation { launchRun(executionParams: {
    selector: {repositoryLocationName: "register", repositoryName: "__repository__",
               pipelineName: "requests"},
    runConfigData: {}
}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

# What the job's page and the timeline ask for.
RUNS_OF_THE_JOB = """{ runsOrError(filter: {pipelineName: "refresh", tags: [
    {key: ".dagster/repository", value: "__repository__@register"}
]}) { ... on Runs { results { repositoryOrigin { repositoryName repositoryLocationName } } } } }"""
ORIGIN = {"repositoryName": "__repository__", "repositoryLocationName": "register"}


@pytest.fixture(scope="module")
def ui(refreshed: Refreshed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    root = copied(refreshed.root, tmp_path_factory.mktemp("ui") / "data")
    with running_ui(root) as running:
        yield running


@pytest.fixture(scope="module")
def browser(ui: Ui) -> requests.Session:
    """What a browser has after its operator has opened the link."""
    session = requests.Session()
    assert session.get(ui.link()).status_code == 200
    return session


def processes_of(root: Path) -> list[str]:
    """The command lines of all processes that run on a data root."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("REGISTER_HOME") == str(root)
    ]


def asked(browser: requests.Session, ui: Ui, query: str) -> Any:
    answer = browser.post(
        f"{ui.address}/graphql", json={"query": query}, headers={"Origin": ui.address}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_the_page_loads_with_a_session_only(ui: Ui, browser: requests.Session) -> None:
    assert '<div id="root">' in browser.get(ui.address).text
    assert requests.get(ui.address, timeout=10).status_code == 401


def test_a_run_of_a_command_is_listed_under_its_job(ui: Ui, browser: requests.Session) -> None:
    listed = asked(browser, ui, RUNS_OF_THE_JOB)["runsOrError"]["results"]
    assert listed
    assert all(run["repositoryOrigin"] == ORIGIN for run in listed), listed


def test_a_run_that_the_operator_launches_runs(ui: Ui, browser: requests.Session) -> None:
    launched = asked(browser, ui, LAUNCH)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run = launched["run"]["runId"]
    end = time.monotonic() + 180
    status = ""
    while status not in ("SUCCESS", "FAILURE", "CANCELED") and time.monotonic() < end:
        time.sleep(1)
        query = f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status }} }} }}'
        status = asked(browser, ui, query)["runOrError"]["status"]
    assert status == "SUCCESS"


@pytest.mark.parametrize(
    ("headers", "status"),
    [(FOREIGN, 403), ({"Origin": "null"}, 403), ({"Host": "attacker.example"}, 403)],
)
def test_a_foreign_page_is_refused_even_with_the_session(
    ui: Ui, browser: requests.Session, headers: dict[str, str], status: int
) -> None:
    answer = browser.post(f"{ui.address}/graphql", json={"query": LAUNCH}, headers=headers)
    assert answer.status_code == status


def test_a_mutation_in_an_address_is_refused(ui: Ui, browser: requests.Session) -> None:
    answer = browser.get(f"{ui.address}/graphql", params={"query": LAUNCH})
    assert answer.status_code == 405


def test_nobody_without_a_session_launches_anything(ui: Ui) -> None:
    answer = requests.post(f"{ui.address}/graphql", json={"query": LAUNCH}, timeout=10)
    assert answer.status_code == 401


def subscribed(ui: Ui, origin: str, cookie: str) -> str:
    """What the first subscription of a page of `origin` is answered."""
    try:
        connection = websocket.create_connection(
            ui.address.replace("http", "ws") + "/graphql",
            subprotocols=["graphql-ws"],
            origin=origin,
            cookie=cookie,
            timeout=10,
        )
    except websocket.WebSocketBadStatusException as refused:
        return str(refused.status_code)
    connection.send(json.dumps({"type": "connection_init"}))
    answer: str = json.loads(connection.recv())["type"]
    connection.close()
    return answer


def test_a_subscription_needs_the_operator_s_own_page(ui: Ui, browser: requests.Session) -> None:
    cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies)
    assert subscribed(ui, ui.address, cookie) == "connection_ack"
    assert subscribed(ui, "http://attacker.example", cookie) == "403"
    assert subscribed(ui, ui.address, "") == "403"


def test_only_the_link_printed_last_opens_it(ui: Ui, browser: requests.Session) -> None:
    assert browser.cookies
    first, *_, last = ui.links()
    assert first != last
    assert requests.get(first, timeout=10).status_code == 403


def test_nothing_of_it_goes_on_when_it_has_ended(ui: Ui, browser: requests.Session) -> None:
    """The last test of the file: the others need it running."""
    root = ui.log.parent / "data"
    end = time.monotonic() + 180
    while not any("api grpc" in line for line in processes_of(root)):
        assert time.monotonic() < end, processes_of(root)
        time.sleep(0.2)
    ui.end()
    assert processes_of(root) == []
