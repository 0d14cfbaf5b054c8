"""`register why` and `register export`: why someone is in a mart or not, and handing an audience to a processor."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from pipelines.cli.data_root import existing_home
from pipelines.cli.main import CommandError
from pipelines.cli.output import as_json, table
from schemas.vocabulary import PURPOSES


@click.command()
@click.argument("registrant_id")
@click.argument("mart", type=click.Choice(PURPOSES))
@click.option("--json", "machine", is_flag=True, help="For machines.")
def why(registrant_id: str, mart: str, machine: bool) -> None:
    """Say which rules let a registrant into a mart, per channel, and which keep them out; by the last built register."""
    from assets.marts import eligibility_explanation as reasons

    home = existing_home()
    home.create()
    try:
        found = reasons.explain(home, registrant_id, mart)
    except reasons.UnknownRegistrantError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json(
            {
                "registrant_id": registrant_id,
                "mart": mart,
                "as_of": reasons.as_of(home),
                "channels": [asdict(one) for one in found],
            }
        )
        return
    for one in found:
        click.echo(
            f"{mart}{'' if one.channel == 'all' else f', by {one.channel}'}: {'in' if one.admitted else 'out'}"
        )
        lines = [
            [
                reason.code,
                reason.effect,
                reason.basis or "",
                reason.source or "",
                str(reason.since or ""),
                reason.meaning,
            ]
            for reason in one.rules
        ]
        click.echo(table(["rule", "effect", "basis", "source", "since", "because"], lines) + "\n")
    click.echo(f"As of {reasons.as_of(home)}.")


@click.command()
@click.argument("mart", type=click.Choice(["targeted_advertising"]))
@click.argument("recipient")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The CSV file to write.",
)
@click.option("--json", "machine", is_flag=True, help="For machines.")
def export(mart: str, recipient: str, out: Path, machine: bool) -> None:
    """Write a mart's audiences for RECIPIENT, a processor that policy.yaml names; refused where no transfer mechanism holds today."""
    from assets.marts import audience_export

    home = existing_home()
    home.create()
    try:
        rows = audience_export.export(
            home, mart, recipient, out.absolute(), datetime.now(home.policy.zone).date()
        )
    except audience_export.ExportError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"mart": mart, "recipient": recipient, "rows": rows})
    else:
        click.echo(f"{rows:,} rows of {mart} for {recipient}")
