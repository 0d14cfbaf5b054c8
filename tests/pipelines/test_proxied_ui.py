"""Which changes of the UI are recorded, and who asks."""

from __future__ import annotations

import json

import pytest

from assets.storage.actor import operating_system_user
from pipelines.proxied_ui import UNREADABLE, mutations_of
from pipelines.users import USER_HEADER, user_of


@pytest.mark.parametrize(
    ("query", "mutations"),
    [
        ("{ version }", []),
        ("query A { version } mutation B { deleteRun(runId: 1) { __typename } }", ["deleteRun"]),
        ("mutation { x: launchRun { a } startSensor { a } }", ["launchRun", "startSensor"]),
        ("mutation { ...F } fragment F on Mutation { wipeAssets { a } }", [UNREADABLE]),
        ("mutation { logTelemetry { a } }", []),
        ("subscription { a }", []),
        ("mutation {", [UNREADABLE]),
    ],
)
def test_mutations_are_recorded_by_name_and_reading_is_not(
    query: str, mutations: list[str]
) -> None:
    assert mutations_of(json.dumps({"query": query}).encode()) == mutations


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'"x"', b"\xff"])
def test_what_cannot_be_read_is_recorded_as_such(body: bytes) -> None:
    assert mutations_of(body) == [UNREADABLE]


@pytest.mark.parametrize("name", ["anna", "anna.a@example.fi", "A_1"])
def test_a_user_is_who_the_proxy_names(name: str) -> None:
    assert user_of({USER_HEADER: name}) == name


@pytest.mark.parametrize("name", ["", "a b", "-x", "a\nb", "x" * 65, "ä"])
def test_a_name_that_no_account_has_is_nobody(name: str) -> None:
    assert user_of({USER_HEADER: name}) is None


def test_a_command_is_run_by_who_called_sudo_or_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTER_USER", raising=False)
    monkeypatch.setenv("SUDO_USER", "anna")
    assert operating_system_user() == "anna"
    monkeypatch.setenv("REGISTER_USER", "bertil")
    assert operating_system_user() == "bertil"
    monkeypatch.delenv("REGISTER_USER")
    monkeypatch.setenv("SUDO_USER", "not a name")
    assert operating_system_user() not in ("", "not a name")
