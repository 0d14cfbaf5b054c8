"""The reference of all commands as a page, read off click."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pipelines.cli.main import register


def markdown() -> str:
    """Return the page: a heading for each command, and its help as a terminal shows it."""
    context = click.Context(register, info_name="register", max_content_width=88)
    sections = [
        f"## `{name}`\n\n```text\n{text.rstrip()}\n```" for name, text in _helps(register, context)
    ]
    return "\n\n".join(["# Commands", "What `--help` says, of every command.", *sections, ""])


def _helps(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the name and help of a command, and of the commands in it."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (part := command.get_command(context, name)) and not part.hidden:
                yield from _helps(part, click.Context(part, parent=context, info_name=name))
