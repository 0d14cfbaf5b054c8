"""Output of documents: to the terminal, or to a file that is written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pipelines.cli.main import CommandError


def give(content: str, out: Path | None) -> None:
    """Print the document, or write it to `out` atomically.

    Raises:
        CommandError: The file cannot be written.
    """
    if out is None:
        click.echo(content, nl=not content.endswith("\n"))
        return
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        unfinished.write_text(
            content if content.endswith("\n") else f"{content}\n", encoding="utf-8"
        )
        os.replace(unfinished, out)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise CommandError(
            f"{out} cannot be written ({type(error).__name__}): name a file in a folder that "
            "is there"
        ) from None
