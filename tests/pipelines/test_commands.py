"""`register` has the commands that it lists, and asks for no more than a command needs."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from pipelines.cli.main import COMMANDS, register
from pipelines.cli.output import harmless


@pytest.mark.parametrize("name", COMMANDS)
def test_a_listed_command_is_there_under_its_name_and_says_what_it_does(name: str) -> None:
    context = click.Context(register)
    command = register.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()


def test_an_unknown_command_is_wrong_usage() -> None:
    with pytest.raises(click.UsageError, match="No such command 'nosuch'"):
        register.main(["nosuch"], standalone_mode=False)


def test_linking_a_table_of_people_starts_without_dagster_and_pandas() -> None:
    loaded = (
        "import sys, pipelines.cli.link; print(*sorted({'dagster', 'pandas', 'pandera'} & "
        "set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert ended.stdout.split() == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("c\x9b1m", "c\\x9b1m"),
        ("ä\nö\tå", "ä\nö\tå"),
        ("\r\x00", "\\x0d\\x00"),
    ],
)
def test_what_somebody_wrote_does_not_command_the_terminal(written: str, shown: str) -> None:
    assert harmless(written) == shown
