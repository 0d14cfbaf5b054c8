"""`register policy check`: whether a policy file holds, before it is put in force."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.main import CommandError
from pipelines.cli.output import as_json


@click.group()
def policy() -> None:
    """The privacy policy that the pipeline keeps."""


def _in_force() -> Path:
    from schemas.policy import POLICY_FILE

    return POLICY_FILE


@policy.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=_in_force
)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def check(file: Path, machine: bool) -> None:
    """Say whether FILE (default: the policy in force) holds; every fault with its line, clause and mending."""
    from assets.sources.all_sources import check_sources
    from schemas import declarations
    from schemas.marts import PurposeError
    from schemas.policy import load_policy
    from schemas.policy_text import PolicyError

    try:
        found = load_policy(file)
        declarations.check(found)
        check_sources(found)
    except (PolicyError, declarations.DeclarationError, PurposeError) as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"version": found.version, "hash": found.fingerprint, "holds": True})
    else:
        click.echo(f"The policy of version {found.version} ({found.fingerprint}) holds.")
