"""The deployment's files fit together: what they copy, mount and start is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.team import DEPLOY, commands

REPOSITORY = DEPLOY.parent
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {
    name: service for name, service in COMPOSE["services"].items() if service["image"] == "register"
}
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
PLACES = re.compile(r"^(unix:|/|\d+(\.\d+)*(:\d+)?$|\$\{)")


def words(command: list[str]) -> list[str]:
    """A command without the addresses, ports and files that differ from place to place."""
    at = {"--host", "--port", "--socket"}
    return [
        Path(word).name if word.startswith("/opt/") else word
        for word in command
        if word not in at and not (PLACES.match(word) and not word.startswith("/opt/"))
    ]


def test_containers_and_units_run_the_same_commands() -> None:
    assert {name: words(service["command"]) for name, service in OURS.items()} == {
        name: words(command) for name, command in commands().items()
    }


@pytest.mark.parametrize("name", OURS)
def test_each_option_of_a_command_is_one_that_it_has(name: str) -> None:
    command = OURS[name]["command"]
    options = [word for word in command if word.startswith("--")]
    verbs = []
    for word in command:
        if word.startswith("--"):
            break
        verbs.append(word)
    program = str(Path(sys.executable).with_name(verbs[0]))
    shown = subprocess.run(
        [program, *verbs[1:], "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert [option for option in options if option not in shown] == []


def test_the_image_copies_what_there_is_and_has_what_the_containers_name() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (.+)$", CONTAINERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []
    home = re.search(r"DAGSTER_HOME=(\S+)", CONTAINERFILE)
    assert home
    for service in OURS.values():
        for word in service["command"]:
            if word.startswith(home[1]):
                assert f" {word}\n" in CONTAINERFILE


def test_only_the_proxy_is_reachable_and_only_the_code_sees_the_data_root() -> None:
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["private"] == {"internal": True}
    inside = [service for name, service in services.items() if name != "proxy"]
    assert all(service["networks"] == ["private"] for service in inside)
    with_data = [
        name
        for name, service in services.items()
        if any(volume.startswith("data:") for volume in service.get("volumes", []))
    ]
    assert with_data == ["code"]


def test_what_the_settings_read_is_set_in_every_place() -> None:
    settings = (DEPLOY / "dagster.yaml").read_text()
    read = set(re.findall(r"env: (\w+)", settings))
    unit = (DEPLOY / "systemd" / "environment.example").read_text()
    for name in OURS:
        assert read <= set(OURS[name]["environment"])
    assert read <= set(re.findall(r"^(\w+)=", unit, re.MULTILINE))


def test_the_team_s_settings_are_the_shipped_ones_but_for_the_storage() -> None:
    shipped = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    teams = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    del shipped["event_log_storage"], teams["storage"]
    assert teams == shipped
