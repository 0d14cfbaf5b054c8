"""`register policy check`: whether a policy file is valid, before it is put in force."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json


@click.group()
def policy() -> None:
    """The privacy policy that the pipeline enforces."""


def _in_force() -> Path:
    from schemas.policy.loader import policy_file

    return policy_file()


@policy.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=_in_force
)
@MACHINE
def check(file: Path, machine: bool) -> None:
    """Check FILE (default: the policy in force): faults with line, clause and correction."""
    from assets.sources.all_sources import check_sources
    from schemas import declarations
    from schemas.policy.loader import load_policy
    from schemas.policy.refused import PolicyRefusedError

    try:
        checked = load_policy(file)
        declarations.check(checked)
        check_sources(checked)
    except PolicyRefusedError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"version": checked.version, "hash": checked.fingerprint, "holds": True})
    else:
        click.echo(f"The policy of version {checked.version} ({checked.fingerprint}) holds.")
