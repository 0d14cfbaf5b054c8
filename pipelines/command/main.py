"""`register`: the groups of commands, the exit codes, and the one place where errors become a line on stderr.

0: fine. 1: refused or failed, with one clear line on stderr. 2: wrong usage.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

import click

from assets.failing import told
from assets.home import writing
from pipelines.resources import BusyError, home_path


class CommandError(click.ClickException):
    """Something was refused or has failed; the message is the one line that is shown."""

    exit_code = 1

    def show(self, file: object = None) -> None:
        click.echo(f"register: {self.format_message()}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def register() -> None:
    """The customer and marketing register. The data root is REGISTER_HOME (default ./data)."""


def prepare_dagster() -> None:
    """Point Dagster at the data root's instance, which is made when missing; before anything of Dagster is imported."""
    home = home_path() / "dagster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(home, 0o700)
    settings = home / "dagster.yaml"
    shipped = Path(str(files("pipelines"))).parent / "dagster.yaml"
    if not settings.exists():
        with writing(settings) as unfinished:
            unfinished.write_text(shipped.read_text())
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_REDACT_USER_CODE_ERRORS", "1")


def main() -> None:
    """The entry point."""
    from pipelines.command import (
        access,
        backup,
        erasure,
        janitor,
        link,
        marts,
        notice,
        notices,
        policy,
        profile,
        rectification,
        refresh,
        report,
        request,
        request_steps,
        retention,
        review,
        sample,
        sql,
        ui,
        verify,
        withdrawal,
    )

    request_steps.add_to(request.request)
    for command in (
        sample.sample,
        refresh.refresh,
        refresh.run,
        request.request,
        erasure.erase,
        notices.notices_command,
        access.access,
        access.portability,
        rectification.rectify,
        verify.verify_command,
        janitor.janitor,
        backup.backup,
        backup.restore,
        retention.command,
        policy.policy,
        profile.profile,
        marts.why,
        marts.export,
        withdrawal.withdraw,
        notice.notice,
        report.report,
        report.inform,
        link.link_command,
        review.review_command,
        sql.sql,
        ui.ui,
    ):
        register.add_command(command)
    os.umask(0o077)
    try:
        register(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BusyError as error:
        CommandError(str(error)).show()
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        CommandError("stopped; the next run takes up where this one was").show()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  (a message may quote data: only the kind of error and the place are told)
        CommandError(told(error)).show()
        sys.exit(1)
