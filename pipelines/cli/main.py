"""`register`: the commands, the exit codes, and where errors become a line on stderr.

0: success. 1: refused or failed, with one clear line on stderr. 2: wrong usage.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import click

from assets.storage.safe_errors import describe, interruption

COMMANDS = {
    "access": "access:access",
    "backup": "backup:backup",
    "certificates": "certificates:certificates",
    "deliver": "deliver:deliver",
    "erase": "erasure:erase",
    "export": "marts:export",
    "fetch": "fetch:fetch",
    "graph": "graph:graph_command",
    "hold": "hold:hold",
    "inform": "report:inform",
    "janitor": "janitor:janitor",
    "link": "link:link_command",
    "mart": "mart:mart",
    "migrate": "migrate:migrate",
    "notice": "notice:notice",
    "notices": "notices:notices_command",
    "policy": "policy:policy",
    "portability": "access:portability",
    "profile": "profile:profile",
    "rectify": "rectification:rectify",
    "refresh": "refresh:refresh",
    "repair": "repair:repair",
    "report": "report:report",
    "request": "request_steps:request",
    "restore": "backup:restore",
    "retention": "retention:command",
    "review": "review:review_command",
    "run": "refresh:run",
    "sample": "sample:sample",
    "sql": "sql:sql",
    "ui": "ui:ui",
    "verify": "verify:verify_command",
    "webserver": "webserver:webserver",
    "why": "marts:why",
    "withdraw": "withdrawal:withdraw",
}
"""Command -> its module in this folder and its name there.

A module is imported when its command is called: not all need Dagster.
"""


STOPPED = "stopped; the next run takes up where this one was"


class CommandError(click.ClickException):
    """Something was refused or has failed; the message is the only line shown."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"register: {self.format_message()}", err=True)


def _use_policy(_context: click.Context, _option: click.Parameter, file: Path | None) -> None:
    if file is not None:
        os.environ["REGISTER_POLICY"] = str(file.absolute())


def _policy_option() -> click.Option:
    return click.Option(
        ["--policy", "policy_path"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        expose_value=False,
        is_eager=True,
        callback=_use_policy,
        help="Run another controller's policy file, as REGISTER_POLICY does.",
    )


def _with_policy(command: click.Command) -> click.Command:
    """Return the command, it and its parts with the option --policy. Repeatable."""
    if all(parameter.name != "policy_path" for parameter in command.params):
        command.params.append(_policy_option())
        for part in command.commands.values() if isinstance(command, click.Group) else ():
            _with_policy(part)
    return command


class Commands(click.Group):
    """The commands of `COMMANDS`, each with the option --policy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(f"pipelines.cli.{module}"), name)
        return _with_policy(cast(click.Command, command))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[_policy_option()],
)
def register() -> None:
    """The customer and marketing register.

    The data root is REGISTER_HOME (default ./data), the policy REGISTER_POLICY (default: the
    shipped policy.yaml).
    """


def _end_as_interrupted() -> None:
    """Treat what else asks a command to end as Ctrl-C, so that it closes what it has open.

    A signal that is ignored (`nohup`) stays so.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _stopped() -> NoReturn:
    """End an interrupted command. All that it had open has been closed on the way here.

    Threads of native libraries may still be at what was interrupted, and abort the process when the
    interpreter takes itself apart: it does not.
    """
    with suppress(OSError):  # the reader may have closed it
        CommandError(STOPPED).show()
        sys.stdout.flush()
    os._exit(1)


def main() -> None:
    """The entry point."""
    os.umask(0o077)
    _end_as_interrupted()
    try:
        register(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _stopped()
    except Exception as error:  # noqa: BLE001  (shows type and place: a message may quote data)
        if interruption(error):
            _stopped()
        CommandError(describe(error)).show()
        sys.exit(1)
