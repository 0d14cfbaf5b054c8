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
from pipelines.log_lines import is_json, log

GROUPS = {
    "Every day": {
        "run": "refresh:run",
        "refresh": "refresh:refresh",
        "ui": "ui:ui",
        "quarantine": "quarantine:quarantine",
        "sql": "sql:sql",
        "why": "marts:why",
    },
    "Taking data in": {
        "deliver": "deliver:deliver",
        "fetch": "fetch:fetch",
        "sample": "sample:sample",
    },
    "Registrants' rights": {
        "request": "request_steps:request",
        "access": "access:access",
        "portability": "access:portability",
        "consents": "access:consents",
        "rectify": "rectification:rectify",
        "erase": "erasure:erase",
        "verify": "verify:verify_command",
        "certificates": "certificates:certificates",
        "hold": "hold:hold",
        "profile": "profile:profile",
        "recipient-notices": "recipient_notices:recipient_notices_command",
        "inform": "report:inform",
    },
    "Who is who": {
        "review": "review:review_command",
        "link": "link:link_command",
    },
    "Policy, documents and exports": {
        "policy": "policy:policy",
        "notice": "notice:notice",
        "report": "report:report",
        "retention": "retention:command",
        "export": "marts:export",
        "mart": "mart:mart",
    },
    "Running it": {
        "webserver": "webserver:webserver",
        "doctor": "doctor:doctor",
        "notify": "notify:notify_command",
        "backup": "backup:backup",
        "restore": "backup:restore",
        "repair": "repair:repair",
        "migrate": "migrate:migrate",
        "janitor": "janitor:janitor",
        "graph": "graph:graph_command",
    },
}
"""What people do -> command -> its module in this folder and its name there.

A module is imported when its command is called: not all need Dagster.
"""
COMMANDS = {name: place for commands in GROUPS.values() for name, place in commands.items()}
EARLIER = {
    "notices": "recipient_notices:recipient_notices_command",
    "withdraw": "withdrawal:withdraw",
}
"""Earlier names, which go on working and are not listed."""


STOPPED = "interrupted; the next run takes up where this one was"


class CommandError(click.ClickException):
    """Something was refused or has failed; the message is the only line shown."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        prefix = "" if is_json() else "register: "
        from assets.storage.guide import with_place

        log(prefix + with_place(self.format_message()), "error")


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
    """Return the command, it and its parts with the option --policy. Repeatable.

    Their first sentences are what lists of commands show, whole.
    """
    if all(parameter.name != "policy_path" for parameter in command.params):
        command.params.append(_policy_option())
        command.short_help = command.short_help or summary(command)
        for part in command.commands.values() if isinstance(command, click.Group) else ():
            _with_policy(part)
    return command


class Commands(click.Group):
    """The commands of `GROUPS`, each with the option --policy."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name) or EARLIER.get(cmd_name)
        if place is None:
            return None
        module, name = place.split(":")
        command = getattr(import_module(f"pipelines.cli.{module}"), name)
        return _with_policy(cast(click.Command, command))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                listed = [(name, self.get_command(ctx, name)) for name in commands]
                formatter.write_dl(
                    [(name, command.short_help or "") for name, command in listed if command]
                )


def summary(command: click.Command) -> str:
    """Return the first sentence of a command's help."""
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".") + "."


def _print_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked or context.resilient_parsing:
        return
    from pipelines.cli.versions import versions

    known = versions()
    own = known.pop("register")
    click.echo(f"register {own} ({', '.join(f'{name} {each}' for name, each in known.items())})")
    context.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[
        _policy_option(),
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_print_version,
            help="Print the versions of register, Python, DuckDB and Dagster.",
        ),
    ],
)
def register() -> None:
    """The customer and marketing register.

    The data root is REGISTER_HOME (default ./data), the policy REGISTER_POLICY (default: the
    shipped policy.yaml). REGISTER_LOG=json makes of what commands print on stderr a line of JSON
    each. Where to begin: `register run`, then `register ui`.
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
        log(error.format_message(), "error") if is_json() else error.show()
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
