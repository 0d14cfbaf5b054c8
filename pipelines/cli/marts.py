"""`register why` and `register export`: eligibility and retention of a registrant; an audience."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from pipelines.cli.data_root import existing_data_root
from pipelines.cli.main import CommandError
from pipelines.cli.options import MACHINE
from pipelines.cli.output import as_json, table
from schemas.vocabulary import PURPOSES


@click.command()
@click.argument("registrant_id")
@click.argument("mart", type=click.Choice(PURPOSES))
@MACHINE
def why(registrant_id: str, mart: str, machine: bool) -> None:
    """Show which rules include a registrant in a mart, or exclude them, per channel.

    And when their data goes, by which rule, and which holds keep it. By the register as last built.
    """
    from assets.marts import eligibility_explanation as reasons
    from assets.requests.holds import HoldError
    from assets.retention import registrant_dates

    data_root = existing_data_root()
    data_root.create()
    try:
        channels = reasons.explain(data_root, registrant_id, mart)
        today = datetime.now(data_root.policy.zone).date()
        dates = registrant_dates.explain(data_root, registrant_id, today)
    except (reasons.UnknownRegistrantError, HoldError) as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json(
            {
                "registrant_id": registrant_id,
                "mart": mart,
                "as_of": reasons.as_of(data_root),
                "channels": [explained.as_dict() for explained in channels],
                "retention": asdict(dates),
            }
        )
        return
    for explained in channels:
        click.echo(
            f"{mart}{'' if explained.channel == 'all' else f', by {explained.channel}'}: "
            f"{'in' if explained.eligible else 'out'}"
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
            for reason in explained.rules
        ]
        click.echo(table(["rule", "effect", "basis", "source", "since", "because"], lines) + "\n")
    click.echo(
        f"Goes on {dates.due} by {dates.rule}, counted from {dates.started}."
        if dates.due
        else "Stays while a contract is open."
    )
    if dates.holds:
        click.echo(
            table(
                ["held by", "ground", "until", "covers"],
                [
                    [
                        hold.hold,
                        hold.ground,
                        str(hold.until or ""),
                        ", ".join(hold.categories) or "all",
                    ]
                    for hold in dates.holds
                ],
            )
        )
    click.echo(f"As of {reasons.as_of(data_root)}.")


@click.command()
@click.argument("mart", type=click.Choice(["targeted_advertising"]))
@click.argument("recipient")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The CSV file to write.",
)
@MACHINE
def export(mart: str, recipient: str, out: Path, machine: bool) -> None:
    """Write a mart's audiences for RECIPIENT, a processor in policy.yaml.

    Refused where no transfer mechanism is valid today.
    """
    from assets.marts import audience_export

    data_root = existing_data_root()
    data_root.create()
    try:
        rows = audience_export.export(
            data_root, mart, recipient, out.absolute(), datetime.now(data_root.policy.zone).date()
        )
    except audience_export.ExportError as error:
        raise CommandError(str(error)) from None
    if machine:
        as_json({"mart": mart, "recipient": recipient, "rows": rows})
    else:
        click.echo(f"{rows:,} rows of {mart} for {recipient}")
