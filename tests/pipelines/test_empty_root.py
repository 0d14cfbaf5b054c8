"""Commands that read refuse where there is no data root, and make none; numbers and days that
cannot be are wrong usage.
"""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from assets.storage.data_root import DataRoot
from pipelines.cli.main import COMMANDS, register

READING = [
    ["verify"],
    ["verify", "--certificates"],
    ["why", "R1", "contracts"],
    ["sql", "contracts", "SELECT 1"],
    ["profile", "R1"],
    ["review"],
    ["review", "contradictions"],
    ["review", "0000000000", "--decide", "same"],
    ["export", "targeted_advertising", "somebody", "--out", "x.csv"],
    ["access", "REQ-1", "--out", "x.zip"],
    ["portability", "REQ-1", "--out", "x.zip"],
    ["request", "list"],
    ["request", "show", "REQ-1"],
    ["request", "find", "REQ-1"],
    ["request", "preview", "REQ-1"],
    ["request", "inbox"],
    ["recipient-notices", "list"],
    ["retention", "--dry-run"],
    ["retention", "--forecast"],
    ["retention", "--as-of", "2026-11-20"],
    ["report", "informing"],
    ["inform", "R1", "--sent", "2026-11-20"],
    ["erase"],
    ["janitor"],
    ["backup"],
    ["backup", "--list"],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_nothing_is_proven_by_an_empty_folder(words: list[str], tmp_path: Path) -> None:
    root = tmp_path / "nowhere"
    ended = CliRunner(env={"REGISTER_HOME": str(root)}).invoke(register, words)
    assert (ended.exit_code, ended.output) == (
        1,
        f"register: no data root at {root}: set REGISTER_HOME\n",
    )
    assert not root.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["verify"], ["verify", "--certificates"]], ids=" ".join)
def test_a_data_root_without_data_proves_nothing_and_gets_no_secret(
    words: list[str], data_root: DataRoot
) -> None:
    (data_root.secrets / "pepper").unlink()
    ended = CliRunner(env={"REGISTER_HOME": str(data_root.root)}).invoke(register, words)
    assert ended.output.startswith("Nothing to prove")
    assert ended.exit_code == 0
    assert not (data_root.secrets / "pepper").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--registrants", "-5"],
        ["run", "--registrants", "0"],
        ["run", "--registrants", "many"],
        ["sample", "--registrants", "0"],
        ["sample", "--registrants", "5", "--seed", "-1"],
        ["sample", "--registrants", "5", "--days", "0"],
        ["sample", "--registrants", "5", "--last-day", "0001-01-01"],
        ["refresh", "--as-of", "9999-12-31"],
        ["refresh", "--date", "2026-02-30"],
        ["retention", "--as-of", "0001-01-01"],
        ["erase", "--as-of", "yesterday"],
        ["backup", "--keep", "0"],
        ["janitor", "--older-than", "-1"],
        ["review", "--limit", "0"],
        ["ui", "--port", "0"],
        ["ui", "--port", "99999"],
        ["report", "informing", "--as-of", "9999-12-31"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_wrong_usage_and_leaves_nothing(words: list[str], tmp_path: Path) -> None:
    root = tmp_path / "nowhere"
    ended = CliRunner(env={"REGISTER_HOME": str(root)}).invoke(register, words)
    assert ended.exit_code == 2
    assert not root.exists()


def options(command: click.Command, context: click.Context) -> list[click.Parameter]:
    if isinstance(command, click.Group):
        subcommands = [
            command.get_command(context, name) for name in command.list_commands(context)
        ]
        return [option for sub in subcommands if sub for option in options(sub, context)]
    return list(command.params)


def test_every_number_has_bounds() -> None:
    context = click.Context(register)
    for name in COMMANDS:
        command = register.get_command(context, name)
        assert command is not None
        for option in options(command, context):
            if isinstance(option.type, (click.types.IntParamType, click.types.FloatParamType)):
                assert isinstance(option.type, click.IntRange), f"{name} {option.name}"
            assert type(option.type) is not click.DateTime, f"{name} {option.name}"
