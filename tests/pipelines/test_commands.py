"""`register` has the commands that it lists, and asks for no more than a command needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from pipelines.cli.main import COMMANDS, EARLIER, GROUPS, CommandError, register
from pipelines.cli.output import harmless
from pipelines.cli.refresh import command_name


@pytest.mark.parametrize("name", COMMANDS)
def test_a_listed_command_is_there_under_its_name_and_says_what_it_does(name: str) -> None:
    context = click.Context(register)
    command = register.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str()


@pytest.mark.parametrize("name", COMMANDS)
def test_lists_of_commands_are_whole_sentences(name: str) -> None:
    command = register.get_command(click.Context(register), name)
    parts = command.commands.values() if isinstance(command, click.Group) else ()
    for each in (command, *parts):
        text = each.get_short_help_str() if each else ""
        assert text[0].isupper()
        assert text.endswith(".")
        assert not text.endswith("..")


def test_help_is_grouped_by_what_people_do() -> None:
    text = CliRunner().invoke(register, ["--help"]).output
    places = [text.index(f"\n{heading}:\n") for heading in GROUPS]
    assert places == sorted(places)
    for name in EARLIER:
        assert f"\n  {name} " not in text


@pytest.mark.parametrize("name", EARLIER)
def test_earlier_names_go_on_working(name: str) -> None:
    assert CliRunner().invoke(register, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("mistyped", "answer"),
    [
        (["nosuch"], "No such command 'nosuch'."),
        (["janitr"], "No such command 'janitr'. Did you mean 'janitor'?"),
        (["request", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["refresh", "--dat", "x"], "No such option '--dat'. Did you mean '--date'?"),
    ],
)
def test_what_is_mistyped_is_wrong_usage_and_answered_by_the_nearest(
    mistyped: list[str], answer: str
) -> None:
    with pytest.raises(click.UsageError) as raised:
        register.main(mistyped, standalone_mode=False)
    assert raised.value.format_message() == answer


def test_the_version_names_what_it_is_made_of() -> None:
    text = CliRunner().invoke(register, ["--version"]).output
    assert re.fullmatch(r"register \S+ \(Python 3\S+, DuckDB 1\S+, Dagster 1\S+\)\n", text)


def test_a_shell_completes_commands_and_options() -> None:
    def completed(words: list[str], incomplete: str) -> list[str]:
        shell = BashComplete(register, {}, "register", "_REGISTER_COMPLETE")
        return [each.value for each in shell.get_completions(words, incomplete)]

    assert completed([], "re") == [name for name in COMMANDS if name.startswith("re")]
    assert completed(["refresh"], "--da") == ["--date"]


def test_an_error_with_a_rule_code_names_the_place_in_the_guide(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    CommandError("FILE-MISSING: lake/raw").show()
    line = (
        "FILE-MISSING: lake/raw; what to do is in docs/operators-guide.md#a-file-is-damaged-or-lost"
    )
    assert capsys.readouterr().err == f"register: {line}\n"
    monkeypatch.setenv("REGISTER_LOG", "json")
    CommandError("FILE-MISSING: lake/raw").show()
    assert (
        json.loads(capsys.readouterr().err).items() >= {"level": "error", "message": line}.items()
    )


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


def test_the_next_commands_are_written_as_this_one_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / ".venv" / "bin" / "register"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), "run"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert command_name() == ".venv/bin/register"
    monkeypatch.setenv("PATH", str(script.parent))
    assert command_name() == "register"
